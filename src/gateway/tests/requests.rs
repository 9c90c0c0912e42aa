//! What an HTTP request may look like, byte for byte.

use super::{Rig, UPGRADE};

const GREETING: &[u8] = b"\x81\x11{\"server_id\":\"0\"}";

// contract: ddp/transport/http-1.0
#[tokio::test]
async fn an_upgrade_over_http_1_0_is_served_like_others() {
    let rig = Rig::new(|_| {});
    for host in ["", "Host: chat\r\n"] {
        let upgrade = UPGRADE.replace("HTTP/1.1", "HTTP/1.0");
        let upgrade = upgrade.replace("Host: chat\r\n", host);
        // What comes at once behind it is read, as it came.
        let mut bytes = format!("{upgrade}\r\n").into_bytes();
        bytes.extend_from_slice(b"\x81\x8e\0\0\0\0{\"msg\":\"<>\"} ");
        let (head, behind) = rig.head(&bytes, GREETING.len()).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(behind.starts_with(GREETING), "{behind:?}");
    }
}

// contract: ddp/transport/http-1.0
#[tokio::test]
async fn http_1_0_without_an_upgrade() {
    let rig = Rig::new(|_| {});
    // As HAProxy asks.
    let answer = rig.exchange(b"OPTIONS / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 204 "), "{answer}");
    let answer = rig.exchange(b"GET /health HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    // Two on one connection, and the second ends it.
    let two = b"GET /health HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /livez HTTP/1.0\r\n\r\n";
    let answer = rig.exchange(two).await;
    assert_eq!(answer.matches("HTTP/1.0 200 OK\r\n").count(), 2, "{answer}");
    assert_eq!(
        answer.matches("\r\nconnection: keep-alive\r\n").count(),
        1,
        "{answer}"
    );
    assert_eq!(
        answer.matches("\r\nconnection: close\r\n").count(),
        1,
        "{answer}"
    );
    let coded = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(rig.exchange(coded).await.contains(" 400 Bad Request\r\n"));
}

// contract: ddp/transport/subprotocol
#[tokio::test]
async fn the_first_subprotocol_comes_back() {
    let rig = Rig::new(|_| {});
    let offer = format!("{UPGRADE}Sec-WebSocket-Protocol: ddp, v2\r\n\r\n");
    let (head, _) = rig.head(offer.as_bytes(), 0).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(
        head.contains("\r\nsec-websocket-protocol: ddp\r\n"),
        "{head}"
    );
    let offer = format!("{UPGRADE}Sec-WebSocket-Protocol: ddp,\r\n\r\n");
    let (head, _) = rig.head(offer.as_bytes(), 0).await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
}

// contract: ddp/transport/fields
#[tokio::test]
async fn fields_are_bounded_by_bytes_alone() {
    let rig = Rig::new(|_| {});
    for (field, count) in [("x-a: b\r\n", 2000), ("a:\n", 21_000)] {
        let request = format!("{UPGRADE}{}\r\n", field.repeat(count));
        let (head, behind) = rig.head(request.as_bytes(), GREETING.len()).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{count} fields: {head}");
        assert!(behind.starts_with(GREETING));
    }
    // Around hyper's own limit, and the head after another.
    for count in 97..104 {
        let fields = "a: b\r\n".repeat(count);
        let ask = |end: &str| format!("GET /health HTTP/1.1\r\nHost: a\r\n{fields}{end}\r\n");
        let three = [
            "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
            &ask(""),
            &ask("Connection: close\r\n"),
        ];
        let answer = rig.exchange(three.concat().as_bytes()).await;
        assert_eq!(
            answer.matches("HTTP/1.1 200 OK\r\n").count(),
            3,
            "{count}: {answer}"
        );
    }
    let all_others: String = (0..6000).map(|one| format!("x{one}:\r\n")).collect();
    let request = format!("{UPGRADE}{all_others}\r\n");
    let (head, _) = rig.head(request.as_bytes(), GREETING.len()).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let request = format!("{UPGRADE}x: {}\r\n\r\n", "y".repeat(64 * 1024));
    let (head, _) = rig.head(request.as_bytes(), 0).await;
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
}

// contract: ddp/transport/target
#[tokio::test]
async fn odd_bytes_in_a_target_are_taken() {
    let rig = Rig::new(|_| {});
    for odd in [
        &b"\""[..],
        b"<",
        b">",
        b"`",
        b"{}^|\\",
        "\u{fc}".as_bytes(),
        b"\xff",
    ] {
        let mut request = b"GET /health?".to_vec();
        request.extend_from_slice(odd);
        request.extend_from_slice(b" HTTP/1.1\r\nHost: chat\r\n\r\nGET /");
        request.extend_from_slice(odd);
        request.extend_from_slice(b" HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n");
        let answer = rig.exchange(&request).await;
        assert_eq!(
            answer.matches("HTTP/1.1 200 OK\r\n").count(),
            2,
            "{odd:?}: {answer}"
        );
        assert!(answer.contains("\r\n\r\nokHTTP/1.1 200 OK"), "{answer}");
    }
    let upgrade = UPGRADE.replace("/websocket", "/websocket?a=\"<`>");
    let (_, behind) = rig
        .head(format!("{upgrade}\r\n").as_bytes(), GREETING.len())
        .await;
    assert!(
        behind.starts_with(GREETING),
        "the framing is of the path: {behind:?}"
    );
}

// contract: ddp/transport/target
#[tokio::test]
async fn odd_bytes_in_a_target_are_taken_behind_a_body() {
    let rig = Rig::new(|_| {});
    let post = |length: usize| {
        let body = "<".repeat(length);
        format!("POST /a\"b HTTP/1.1\r\nHost: chat\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let last = "GET /health?\"<>` HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n";
    for length in [1, 100] {
        let answer = rig
            .exchange(format!("{}{}{last}", post(length), post(1)).as_bytes())
            .await;
        assert_eq!(
            answer.matches("HTTP/1.1 405 ").count(),
            2,
            "{length}: {answer}"
        );
        assert!(answer.ends_with("\r\n\r\nok"), "{length}: {answer}");
    }
}

#[tokio::test]
async fn a_tunnel_is_refused_and_what_follows_is_not_read() {
    let rig = Rig::new(|_| {});
    let connect =
        b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = rig.exchange(connect).await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.ends_with("method not allowed"), "{answer}");
}

// contract: ddp/http/rules
#[tokio::test]
async fn requests_that_break_the_rules_are_refused() {
    let rig = Rig::new(|_| {});
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let without_host = UPGRADE.replace("Host: chat\r\n", "");
    for request in [
        "GET /health HTTP/1.1\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(),
        "GET /health HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
        format!("{without_host}\r\n"),
        format!("{UPGRADE}Host: chat\r\n\r\n"),
        format!("{UPGRADE}{key}\r\n"),
        format!("{UPGRADE}Sec-WebSocket-Version: 13\r\n\r\n"),
        format!("{UPGRADE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{UPGRADE}Content-Length: 5\r\n\r\nhello"),
    ] {
        let (head, _) = rig.head(request.as_bytes(), 0).await;
        assert!(head.contains(" 400 Bad Request\r\n"), "{request}: {head}");
    }
    let empty = format!("{UPGRADE}Content-Length: 0\r\n\r\n");
    assert!(rig.head(empty.as_bytes(), 0).await.0.contains(" 101 "));
}
