//! Each row of reference/ddp.md's tables.

use tokio::time::Instant;

use super::support::*;
use crate::config;
use crate::ddp::{Close, Framing};

const BOTH: [Framing; 2] = [Framing::Raw, Framing::SockJs];

// contract: ddp/handshake/server-id, ddp/handshake/connect, ddp/transport/sockjs
#[tokio::test(start_paused = true)]
async fn the_handshake() {
    let rig = Rig::new();
    for framing in BOTH {
        for version in ["1", "pre2", "pre1"] {
            let mut peer = rig.socket(framing, 4096);
            if framing == Framing::SockJs {
                assert_eq!(peer.hear().await, text("o"));
                assert_eq!(peer.hear().await, text(r#"a["{\"server_id\":\"0\"}"]"#));
            } else {
                assert_eq!(peer.hear().await, text(GREETING));
            }
            peer.say(&format!(
                r#"{{"msg":"connect","version":"{version}","support":["{version}"]}}"#
            ))
            .await;
            let id = peer.client.id().as_str().to_owned();
            assert_eq!(id.len(), 17);
            let connected = format!(r#"{{"msg":"connected","session":"{id}"}}"#);
            peer.hears([&*connected]).await;
        }
    }
}

// contract: ddp/handshake/version
#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_spoken_here() {
    let rig = Rig::new();
    for connect in [
        r#"{"msg":"connect","version":"2","support":["2","1"]}"#,
        r#"{"msg":"connect","version":1}"#,
        r#"{"msg":"connect"}"#,
    ] {
        let mut peer = rig.socket(Framing::Raw, 4096);
        peer.say(connect).await;
        peer.hears([GREETING, r#"{"msg":"failed","version":"1"}"#])
            .await;
        peer.is_closed(Close::ProtocolError).await;
    }
    rig.over().await;
}

// contract: ddp/handshake/other-first, ddp/close/1002
#[tokio::test(start_paused = true)]
async fn anything_else_first_is_a_violation() {
    let rig = Rig::new();
    for first in [
        "{}",
        r#"{"msg":"hi"}"#,
        r#"{"msg":"method","id":"1","method":"echo"}"#,
        r#"{"msg":"sub","id":"1","name":"ok"}"#,
        r#"{"msg":"unsub","id":"1"}"#,
        r#"{"msg":"unsub"}"#,
    ] {
        let mut peer = rig.socket(Framing::Raw, 4096);
        peer.say(first).await;
        peer.hears([GREETING]).await;
        peer.is_closed(Close::ProtocolError).await;
    }
    let mut peer = rig.socket(Framing::Raw, 4096);
    peer.say("nonsense").await;
    peer.hears([GREETING]).await;
    peer.is_closed(Close::UnsupportedData).await;
    rig.over().await;
    let opened: Vec<_> = ["opened", "leave", "closed"].map(String::from).into();
    assert_eq!(rig.house.log()[..3], opened);
}

// contract: ddp/handshake/ping
#[tokio::test(start_paused = true)]
async fn pings_and_pongs_are_no_first_message() {
    let rig = Rig::new();
    let timeout = config::defaults().session.handshake_timeout;
    for framing in BOTH {
        let opened = Instant::now();
        let mut peer = rig.socket(framing, 4096);
        if framing == Framing::SockJs {
            assert_eq!(peer.hear().await, text("o"));
        }
        peer.say(PONG).await;
        peer.say(r#"{"msg":"ping","id":"early"}"#).await;
        peer.hears([GREETING, r#"{"msg":"pong","id":"early"}"#])
            .await;
        // They are no handshake either: its time runs on.
        tokio::time::sleep(timeout - SECOND).await;
        peer.say(PING).await;
        peer.hears([PING, PONG]).await;
        peer.is_closed(Close::Timeout).await;
        assert_eq!(opened.elapsed().as_secs(), timeout.as_secs());
    }
}

// contract: ddp/message/ping, ddp/message/pong, ddp/message/second-connect, ddp/message/method, ddp/message/sub
// contract: ddp/message/unsub, ddp/message/no-params, ddp/message/no-msg, ddp/message/unknown-msg
#[tokio::test(start_paused = true)]
async fn what_is_said_when_connected() {
    let rig = Rig::new();
    for framing in BOTH {
        let mut peer = rig.client(framing).await;
        for (says, hears) in [
            (PING, &[PONG][..]),
            (
                r#"{"msg":"ping","id":"a\"1"}"#,
                &[r#"{"msg":"pong","id":"a\"1"}"#],
            ),
            (
                r#"{"msg":"ping","id":[1]}"#,
                &[r#"{"msg":"pong","id":[1]}"#],
            ),
            (PONG, &[]),
            ("{}", &[]),
            (r#" {"a":1} "#, &[]),
            (
                r#"{"msg":"connect","version":"1","support":["1"]}"#,
                &[
                    r#"{"msg":"error","reason":"Already connected","offendingMessage":{"msg":"connect","version":"1","support":["1"]}}"#,
                ],
            ),
            (
                r#"{"msg":"hi","x":[1,{}]}"#,
                &[
                    r#"{"msg":"error","reason":"Bad request","offendingMessage":{"msg":"hi","x":[1,{}]}}"#,
                ],
            ),
            (
                r#"{"msg":null}"#,
                &[r#"{"msg":"error","reason":"Bad request","offendingMessage":{"msg":null}}"#],
            ),
            (
                r#"{"msg":"method","id":"1","method":"echo"}"#,
                &[
                    r#"{"msg":"result","id":"1","result":[]}"#,
                    r#"{"msg":"updated","methods":["1"]}"#,
                ],
            ),
            (
                r#"{"msg":"method","id":"2","method":"nothing","params":[]}"#,
                &[
                    r#"{"msg":"result","id":"2"}"#,
                    r#"{"msg":"updated","methods":["2"]}"#,
                ],
            ),
            (
                r#"{"msg":"method","id":"3","method":"fail","params":[]}"#,
                &[
                    r#"{"msg":"result","id":"3","error":{"isClientSafe":true,"error":403,"reason":"No","message":"No [403]","errorType":"Meteor.Error"}}"#,
                    r#"{"msg":"updated","methods":["3"]}"#,
                ],
            ),
            (
                r#"{"msg":"sub","id":"s","name":"ok"}"#,
                &[r#"{"msg":"ready","subs":["s"]}"#],
            ),
            (
                r#"{"msg":"unsub","id":"s"}"#,
                &[r#"{"msg":"nosub","id":"s"}"#],
            ),
            (r#"{"msg":"unsub","id":"s"}"#, &[]),
            (
                r#"{"msg":"sub","id":"t","name":"unknown","params":[]}"#,
                &[
                    r#"{"msg":"nosub","id":"t","error":{"isClientSafe":true,"error":404,"reason":"Subscription 'unknown' not found","message":"Subscription 'unknown' not found [404]","errorType":"Meteor.Error"}}"#,
                ],
            ),
        ] {
            peer.say(says).await;
            for message in hears {
                assert_eq!(peer.message().await, *message, "{says}");
            }
            peer.settled().await;
        }
    }
}

// contract: ddp/close/1002, ddp/close/1007, ddp/message/no-id
#[tokio::test(start_paused = true)]
async fn what_closes() {
    let rig = Rig::new();
    let deep = format!(r#"{{"msg":"ping","id":{}"#, "[".repeat(10_000));
    for (says, expected) in [
        ("x", Close::UnsupportedData),
        ("", Close::UnsupportedData),
        ("null", Close::UnsupportedData),
        ("1", Close::UnsupportedData),
        (r#""a""#, Close::UnsupportedData),
        (r#"["{}"]"#, Close::UnsupportedData),
        (r#"{"msg":"ping""#, Close::UnsupportedData),
        (&deep, Close::UnsupportedData),
        (r#"{"msg":"method","method":"echo"}"#, Close::ProtocolError),
        (
            r#"{"msg":"method","id":1,"method":"echo"}"#,
            Close::ProtocolError,
        ),
        (r#"{"msg":"method","id":"1"}"#, Close::ProtocolError),
        (
            r#"{"msg":"method","id":"1","method":{"$ne":1}}"#,
            Close::ProtocolError,
        ),
        (r#"{"msg":"sub","id":"1"}"#, Close::ProtocolError),
        (
            r#"{"msg":"sub","id":null,"name":"ok"}"#,
            Close::ProtocolError,
        ),
        (r#"{"msg":"unsub"}"#, Close::ProtocolError),
        (r#"{"msg":"unsub","id":["1"]}"#, Close::ProtocolError),
        (
            r#"{"msg":"method","id":"","method":"echo"}"#,
            Close::ProtocolError,
        ),
        (
            r#"{"msg":"method","id":"1","method":""}"#,
            Close::ProtocolError,
        ),
        (r#"{"msg":"sub","id":"","name":"ok"}"#, Close::ProtocolError),
        (r#"{"msg":"sub","id":"1","name":""}"#, Close::ProtocolError),
        (r#"{"msg":"unsub","id":""}"#, Close::ProtocolError),
    ] {
        for framing in BOTH {
            let mut peer = rig.client(framing).await;
            peer.say(says).await;
            // What follows a mistake is not listened to any more.
            peer.method("1", "echo").await;
            peer.is_closed(expected).await;
        }
    }
    rig.over().await;
}

// contract: ddp/transport/sockjs, ddp/close/1007
#[tokio::test(start_paused = true)]
async fn sockjs_arrays() {
    let rig = Rig::new();
    for bad in [
        "",
        "x",
        "{}",
        "null",
        "1",
        r#""{}""#,
        r#"["{}""#,
        "[1]",
        "[null]",
        r#"[["{}"]]"#,
        r#"[{"msg":"ping"}]"#,
        r#"{"msg":"ping"}"#,
        r#"["{\"msg\":\"ping\"}",1]"#,
    ] {
        let mut peer = rig.client(Framing::SockJs).await;
        peer.bytes(&frame(0x81, bad.as_bytes())).await;
        peer.is_closed(Close::UnsupportedData).await;
    }
    let mut peer = rig.client(Framing::SockJs).await;
    peer.bytes(&frame(0x81, b"[]")).await;
    let many: Vec<_> = (0..1000)
        .map(|id| format!(r#"{{"msg":"ping","id":"{id}"}}"#))
        .collect();
    let mut bytes = frame(0x81, serde_json::to_string(&many).unwrap().as_bytes());
    bytes.extend(frame(0x81, br#"["{\"msg\":\"ping\",\"id\":\"last\"}"]"#));
    peer.bytes(&bytes).await;
    for id in 0..1000 {
        assert_eq!(
            peer.message().await,
            format!(r#"{{"msg":"pong","id":"{id}"}}"#)
        );
    }
    peer.hears([r#"{"msg":"pong","id":"last"}"#]).await;
}

// contract: ddp/close/1007, ddp/close/1009
#[tokio::test(start_paused = true)]
async fn frames_that_are_not_ours() {
    let rig = Rig::new();
    for (bytes, expected) in [
        (frame(0x82, b"{}"), Close::UnsupportedData),
        (frame(0x81, &[0xc3]), Close::UnsupportedData),
        (vec![0x81, 0x02, b'{', b'}'], Close::ProtocolError),
        (frame(0xc1, b"{}"), Close::ProtocolError),
        (frame(0x80, b"{}"), Close::ProtocolError),
        (frame(0x89, &[0; 126]), Close::ProtocolError),
        (
            frame(0x81, &vec![b'x'; (1 << 20) + 1]),
            Close::MessageTooBig,
        ),
    ] {
        let mut peer = rig.client_with(Framing::Raw, 4 << 20).await;
        peer.bytes(&bytes).await;
        peer.bytes(&frame(0x81, PING.as_bytes())).await;
        assert_eq!(peer.hear().await, close(expected));
        // The stream cannot be read any more, so only its end is awaited.
        drop(peer);
    }
    rig.over().await;
}

#[tokio::test(start_paused = true)]
async fn fragments_and_control_frames_between_them() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    let mut bytes = frame(0x01, br#"{"msg":"pi"#);
    bytes.extend(frame(0x89, b"hello"));
    bytes.extend(frame(0x00, br#"ng","id":"#));
    bytes.extend(frame(0x8a, b"unasked"));
    bytes.extend(frame(0x80, r#""ü"}"#.as_bytes()));
    // Each byte for itself: nothing depends on how the network cuts.
    for byte in bytes {
        peer.bytes(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.hear().await, Said::Pong(b"hello".to_vec()));
    peer.hears([r#"{"msg":"pong","id":"ü"}"#]).await;
}

// contract: configuration/variable/DDP_MAX_MESSAGE_BYTES
#[tokio::test(start_paused = true)]
async fn the_largest_message_and_what_came_with_the_upgrade() {
    let rig = Rig::new();
    let (mut here, there) = tokio::io::duplex(4 << 20);
    let text = format!(r#"{{"msg":"ping","id":"{}"}}"#, "x".repeat((1 << 20) - 22));
    assert_eq!(text.len(), 1 << 20);
    let mut leftover = frame(0x81, CONNECT.as_bytes());
    leftover.extend(frame(0x81, text.as_bytes()));
    let arrival = crate::session::Arrival {
        framing: Framing::Raw,
        address: None,
        headers: "{}".into(),
    };
    let rest = leftover.split_off(1000);
    let session = rig.sessions.session(there, leftover, arrival);
    let client = session.client().clone();
    rig.sessions.tracker().spawn(session);
    tokio::io::AsyncWriteExt::write_all(&mut here, &rest)
        .await
        .unwrap();
    let mut heard = vec![0; 2 + GREETING.len()];
    tokio::io::AsyncReadExt::read_exact(&mut here, &mut heard)
        .await
        .unwrap();
    assert_eq!(&heard[2..], GREETING.as_bytes());
    let connected = 2 + format!(r#"{{"msg":"connected","session":"{}"}}"#, client.id()).len();
    let mut heard = vec![0; connected + 10 + text.len()];
    tokio::io::AsyncReadExt::read_exact(&mut here, &mut heard)
        .await
        .unwrap();
    assert!(heard.ends_with(&text.replace("ping", "pong").into_bytes()[..]));
}
