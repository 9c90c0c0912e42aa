//! Strictly in order, bounded, done to the end when the client leaves.

use super::support::*;
use crate::ddp::{Close, Framing};
use crate::session::config::{MAX_WAITING_BYTES, MAX_WAITING_REQUESTS};

// contract: ddp/message/ping
#[tokio::test(start_paused = true)]
async fn a_ping_behind_a_slow_method_is_answered_at_once() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    peer.method("1", "slow").await;
    peer.method("2", "echo").await;
    peer.say(PING).await;
    peer.bytes(&frame(0x89, b"p")).await;
    peer.hears([PONG]).await;
    assert_eq!(peer.hear().await, Said::Pong(b"p".to_vec()));
    rig.house.let_through(1);
    peer.answer("1").await;
    peer.answer("2").await;
}

// contract: ddp/message/unsub-overtakes
#[tokio::test(start_paused = true)]
async fn the_end_of_a_publication_waits_for_nobody() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    let gone = r#"{"msg":"nosub","id":"s"}"#;
    peer.say(r#"{"msg":"sub","id":"s","name":"ok"}"#).await;
    peer.hears([r#"{"msg":"ready","subs":["s"]}"#]).await;
    peer.method("1", "slow").await;
    peer.say(r#"{"msg":"unsub","id":"s"}"#).await;
    peer.hears([gone]).await;

    // One that waits is taken out, however often it was asked for; what stands around it stays.
    peer.method("2", "echo").await;
    peer.say(r#"{"msg":"sub","id":"s","name":"ok"}"#).await;
    peer.say(r#"{"msg":"sub","id":"other","name":"ok"}"#).await;
    peer.say(r#"{"msg":"sub","id":"s","name":"ok"}"#).await;
    peer.say(r#"{"msg":"unsub","id":"s"}"#).await;
    peer.hears([gone, gone]).await;
    peer.say(r#"{"msg":"unsub","id":"s"}"#).await;
    peer.settled().await;
    rig.house.let_through(1);
    peer.answer("1").await;
    peer.answer("2").await;
    peer.hears([r#"{"msg":"ready","subs":["other"]}"#]).await;

    // One whose rule is being asked, and the next request's turn comes.
    peer.say(r#"{"msg":"sub","id":"s","name":"slow"}"#).await;
    peer.method("3", "echo").await;
    peer.settled().await;
    peer.say(r#"{"msg":"unsub","id":"s"}"#).await;
    peer.hears([gone]).await;
    peer.answer("3").await;
    assert!(rig.house.log().contains(&"cancelled s".to_owned()));

    // An id in use, asked for again: the end is that of both.
    peer.method("4", "slow").await;
    peer.say(r#"{"msg":"sub","id":"other","name":"ok"}"#).await;
    peer.say(r#"{"msg":"unsub","id":"other"}"#).await;
    peer.hears([
        r#"{"msg":"nosub","id":"other"}"#,
        r#"{"msg":"nosub","id":"other"}"#,
    ])
    .await;
}

// contract: ddp/message/order
#[tokio::test(start_paused = true)]
async fn one_at_a_time_in_the_order_in_which_they_came() {
    let rig = Rig::new();
    let mut peer = rig.client(Framing::SockJs).await;
    for id in 0..100 {
        peer.method(&id.to_string(), if id % 3 == 0 { "slow" } else { "echo" })
            .await;
    }
    peer.settled().await;
    assert_eq!(rig.house.log(), ["opened", "method 0"]);
    for id in 0..100 {
        if id % 3 == 0 {
            rig.house.let_through(1);
        }
        peer.answer(&id.to_string()).await;
    }
}

// contract: ddp/message/order
#[tokio::test(start_paused = true)]
async fn events_flow_while_a_method_is_away() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    peer.method("1", "slow").await;
    peer.settled().await;
    peer.client.send(br#"{"msg":"changed"}"#);
    peer.hears([r#"{"msg":"changed"}"#]).await;
}

// contract: ddp/message/bound
#[tokio::test(start_paused = true)]
async fn too_many_requests_are_refused_and_the_rest_is_answered() {
    let rig = Rig::new();
    let mut peer = rig.client_with(Framing::Raw, 4 << 20).await;
    peer.say(r#"{"msg":"sub","id":"first","name":"ok"}"#).await;
    peer.hears([r#"{"msg":"ready","subs":["first"]}"#]).await;
    peer.method("away", "slow").await;
    peer.settled().await;
    for id in 0..MAX_WAITING_REQUESTS {
        peer.method(&id.to_string(), "echo").await;
    }
    peer.settled().await;
    peer.method("m", "echo").await;
    peer.say(r#"{"msg":"sub","id":"s","name":"ok"}"#).await;
    peer.say(r#"{"msg":"unsub","id":"first"}"#).await;
    let error = error(429, "too-many-requests");
    peer.hears([
        &*format!(r#"{{"msg":"result","id":"m","error":{error}}}"#),
        r#"{"msg":"updated","methods":["m"]}"#,
        &*format!(r#"{{"msg":"nosub","id":"s","error":{error}}}"#),
        r#"{"msg":"nosub","id":"first"}"#,
    ])
    .await;
    rig.house.let_through(1);
    peer.answer("away").await;
    for id in 0..MAX_WAITING_REQUESTS {
        peer.answer(&id.to_string()).await;
    }
    peer.method("again", "echo").await;
    peer.answer("again").await;
}

// contract: ddp/message/bound
#[tokio::test(start_paused = true)]
async fn the_bytes_of_those_that_wait_are_bounded() {
    let rig = Rig::new();
    let mut peer = rig.client_with(Framing::Raw, 4 << 20).await;
    let large = |id: &str| {
        let params = "x".repeat(MAX_WAITING_BYTES - 100);
        format!(r#"{{"msg":"method","id":"{id}","method":"nothing","params":["{params}"]}}"#)
    };
    peer.method("away", "slow").await;
    peer.say(&large("1")).await;
    peer.say(&large("2")).await;
    let error = error(429, "too-many-requests");
    peer.hears([
        &*format!(r#"{{"msg":"result","id":"2","error":{error}}}"#),
        r#"{"msg":"updated","methods":["2"]}"#,
    ])
    .await;
    rig.house.let_through(1);
    peer.answer("away").await;
    peer.hears([
        r#"{"msg":"result","id":"1"}"#,
        r#"{"msg":"updated","methods":["1"]}"#,
    ])
    .await;
}

/// A client with a call that is away, one behind it, and publications that are asked for; then it ends.
async fn ends(rig: &Rig, how: usize) {
    let mut peer = rig.raw().await;
    peer.method("1", "slow").await;
    peer.settled().await;
    let mut bytes = frame(0x81, br#"{"msg":"sub","id":"s","name":"ok"}"#);
    bytes.extend(frame(0x81, br#"{"msg":"method","id":"2","method":"slow"}"#));
    bytes.extend(frame(0x81, br#"{"msg":"method","id":"3","method":"echo"}"#));
    match how {
        0 | 1 => {}
        2 => bytes.extend(frame(0x88, &[3, 232])),
        3 => bytes.extend(frame(0x81, b"nonsense")),
        _ => bytes.extend([0xff, 0xff]),
    }
    peer.bytes(&bytes).await;
    if how == 1 {
        // It is written to first.
        peer.client.send(br#"{"msg":"changed"}"#);
    }
    drop(peer);
    while !rig.house.log().contains(&"leave".to_owned()) {
        tokio::task::yield_now().await;
    }
}

/// All that [`ends`] does, in a log.
const ENDED: [&str; 3] = ["opened", "method 1", "leave"];

// contract: ddp/end/done, ddp/end/publications, ddp/end/told
#[tokio::test(start_paused = true)]
async fn what_came_before_the_end_is_done() {
    let rig = Rig::new();
    for how in 0..5 {
        rig.house.log.lock().clear();
        ends(&rig, how).await;
        tokio::time::sleep(30 * SECOND).await;
        assert_eq!(rig.house.log(), ENDED, "{how}");
        assert_eq!(rig.sessions.directory().connected(), 1, "it can be found");
        rig.house.let_through(1);
        tokio::time::sleep(20 * SECOND).await;
        rig.house.let_through(1);
        rig.over_for_now().await;
        assert_eq!(
            rig.house.log()[ENDED.len()..],
            ["method 2", "method 3", "closed"],
            "{how}"
        );
    }
}

// contract: ddp/end/done, ddp/end/sent-away, ddp/end/drain
#[tokio::test(start_paused = true)]
async fn and_nothing_more_once_its_time_is_over_or_it_is_sent_away() {
    for how in 0..5 {
        let rig = Rig::new();
        ends(&rig, how).await;
        rig.house.let_through(1);
        // All of it has one time, from the end on.
        tokio::time::sleep(59 * SECOND).await;
        assert_eq!(rig.house.log()[ENDED.len()..], ["method 2"], "{how}");
        tokio::time::sleep(2 * SECOND).await;
        rig.over().await;
        assert_eq!(
            rig.house.log()[ENDED.len()..],
            ["method 2", "cancelled 2", "closed"],
            "{how}"
        );

        for away in [Some(Close::ThrownOut), Some(Close::ServerAway), None] {
            let rig = Rig::new();
            ends(&rig, how).await;
            for client in rig.sessions.directory().all() {
                if let Some(close) = away {
                    client.close(close);
                }
            }
            if away.is_none() {
                rig.sessions.drain(8 * SECOND).await;
            }
            rig.over().await;
            assert_eq!(
                rig.house.log()[ENDED.len()..],
                ["cancelled 1", "closed"],
                "{how} {away:?}"
            );
        }
    }
}

// contract: ddp/end/sent-away
#[tokio::test(start_paused = true)]
async fn who_is_sent_away_has_nothing_done_any_more() {
    for close in [Close::ThrownOut, Close::TooSlow] {
        let rig = Rig::new();
        let mut peer = rig.raw().await;
        peer.method("1", "slow").await;
        peer.method("2", "echo").await;
        peer.settled().await;
        peer.client.close(close);
        // The answer that was awaited comes at the same moment.
        rig.house.let_through(1);
        assert_eq!(peer.hear().await, super::support::close(close));
        drop(peer);
        rig.over().await;
        assert_eq!(
            rig.house.log(),
            ["opened", "method 1", "cancelled 1", "leave", "closed"]
        );
    }
}

// contract: ddp/thrown-out/held
#[tokio::test(start_paused = true)]
async fn who_is_doubted_waits() {
    for stays in [true, false] {
        let rig = Rig::new();
        let mut peer = rig.raw().await;
        let doubt = peer.client.doubt();
        peer.method("1", "echo").await;
        peer.client.send(b"{}");
        // Time passes once nobody has anything left to do.
        tokio::time::sleep(SECOND).await;
        assert_eq!(rig.house.log(), ["opened"]);
        if stays {
            doubt.settle();
            assert_eq!(peer.message().await, "{}");
            peer.answer("1").await;
        } else {
            drop(doubt);
            assert_eq!(peer.hear().await, super::support::close(Close::ThrownOut));
        }
    }
}

// contract: ddp/end/pong
#[tokio::test(start_paused = true)]
async fn what_was_said_before_the_close_frame_is_answered_before_it_is() {
    for framing in [Framing::Raw, Framing::SockJs] {
        let rig = Rig::new();
        let mut peer = rig.client(framing).await;
        let ping = match framing {
            Framing::Raw => PING.to_owned(),
            Framing::SockJs => serde_json::to_string(&[PING, PING]).unwrap(),
        };
        let mut bytes = frame(0x81, ping.as_bytes());
        bytes.extend(frame(0x89, b"p"));
        bytes.extend(frame(0x88, &[3, 233]));
        peer.bytes(&bytes).await;
        for _ in 0..if framing == Framing::Raw { 1 } else { 2 } {
            peer.hears([PONG]).await;
        }
        assert_eq!(peer.hear().await, Said::Pong(b"p".to_vec()));
        assert_eq!(peer.hear().await, Said::Close(Some((1001, String::new()))));
        assert_eq!(peer.hear().await, Said::Eof);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_and_does_not_read_is_cut() {
    let rig = Rig::new();
    let mut peer = rig.client_with(Framing::Raw, 100).await;
    peer.client.send(&[b' '; 1000]);
    let closed = tokio::time::Instant::now();
    peer.bytes(&frame(0x88, &[])).await;
    rig.over().await;
    assert_eq!(closed.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_internal_error_and_nothing_more() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    let internal = error(500, "Internal server error");
    for method in ["panic", "panic at once"] {
        peer.method("1", method).await;
        peer.hears([
            &*format!(r#"{{"msg":"result","id":"1","error":{internal}}}"#),
            r#"{"msg":"updated","methods":["1"]}"#,
        ])
        .await;
    }
    peer.say(r#"{"msg":"unsub","id":"panic"}"#).await;
    peer.method("2", "echo").await;
    peer.answer("2").await;
    peer.client.keep_livechat_token("panic");
    peer.bytes(&frame(0x88, &[])).await;
    assert_eq!(peer.hear().await, Said::Close(None));
    assert_eq!(peer.hear().await, Said::Eof);
    rig.over().await;
    assert_eq!(rig.house.log()[5..], ["leave", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_word_of_a_method_is_flushed_before_the_close() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    peer.method("1", "logout").await;
    peer.method("2", "echo").await;
    peer.hears([
        r#"{"msg":"result","id":"1"}"#,
        r#"{"msg":"updated","methods":["1"]}"#,
    ])
    .await;
    peer.is_closed(Close::ProtocolError).await;
    rig.over().await;
    assert_eq!(rig.house.log(), ["opened", "method 1", "leave", "closed"]);
}
