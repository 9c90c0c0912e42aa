//! What the server is told of whom a request is from.

use super::*;

fn told(from: &Visitor, came: &[(&'static str, &str)]) -> Vec<(String, String)> {
    let mut headers: HeaderMap = came
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let host = headers.remove(HOST);
    forward(&mut headers, from, host);
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let mut told: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    told.sort();
    told
}

// contract: relay/http
#[test]
fn proxies_are_believed_where_they_are_trusted() {
    let came = [
        ("host", "edge:3000"),
        ("x-forwarded-for", "6.6.6.6, 1.2.3.4"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "chat.example.org"),
        ("x-real-ip", "127.0.0.1"),
    ];
    let behind = Visitor {
        address: Some("1.2.3.4".into()),
        tls: false,
        proxied: true,
    };
    let alone = Visitor {
        proxied: false,
        ..behind.clone()
    };
    let unknown = Visitor {
        address: None,
        ..behind.clone()
    };
    let all = Some("6.6.6.6, 1.2.3.4, 1.2.3.4");
    for (from, all, real, proto, host) in [
        (&behind, all, Some("1.2.3.4"), "https", "chat.example.org"),
        (&alone, all, Some("1.2.3.4"), "http", "edge:3000"),
        (&unknown, None, None, "https", "chat.example.org"),
    ] {
        let expected = [
            ("x-forwarded-for", all),
            ("x-forwarded-host", Some(host)),
            ("x-forwarded-proto", Some(proto)),
            ("x-real-ip", real),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        assert_eq!(told(from, &came), expected, "{from:?}");
    }
    // What no proxy says is the edge's to say.
    let own = told(&behind, &came[..2]);
    assert!(own.contains(&("x-forwarded-proto".to_owned(), "http".to_owned())));
    assert!(own.contains(&("x-forwarded-host".to_owned(), "edge:3000".to_owned())));
}
