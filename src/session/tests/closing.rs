//! How sessions end.

use std::sync::Arc;
use std::task::{Context, Waker};

use futures_util::FutureExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::support::*;
use crate::client::Identity;
use crate::config::{self, SessionConfig};
use crate::ddp::{Close, Framing};

#[tokio::test(start_paused = true)]
async fn the_client_leaves() {
    for (payload, answer) in [
        (&b""[..], Said::Close(None)),
        (&[3, 232][..], Said::Close(Some((1000, String::new())))),
        (
            &[3, 233, b'x'][..],
            Said::Close(Some((1001, String::new()))),
        ),
    ] {
        let rig = Rig::new();
        let mut peer = rig.raw().await;
        peer.bytes(&frame(0x88, payload)).await;
        assert_eq!(peer.hear().await, answer);
        assert_eq!(peer.hear().await, Said::Eof);
        rig.over().await;
        assert_eq!(rig.house.log(), ["opened", "leave", "closed"]);
        assert!(!peer.client.send(b"{}"), "nothing is kept for one who left");
    }
}

// contract: ddp/close/1002
#[tokio::test(start_paused = true)]
async fn who_broke_the_framing_is_told_at_once_that_nothing_follows() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    let broke = Instant::now();
    // Without a mask.
    peer.bytes(&[0x81, 2, b'{', b'}']).await;
    assert_eq!(peer.hear().await, close(Close::ProtocolError));
    // Its answer, which cannot be told from anything else.
    peer.bytes(&frame(0x88, &[3, 234])).await;
    assert_eq!(peer.hear().await, Said::Eof);
    drop(peer);
    rig.over().await;
    assert_eq!(broke.elapsed().as_secs(), 0);
}

// contract: ddp/thrown-out/logout, ddp/close/none
#[tokio::test(start_paused = true)]
async fn being_thrown_out() {
    let rig = Rig::new();
    let mut polite = rig.raw().await;
    let rude = rig.client_with(Framing::Raw, 10).await;
    let thrown_out = Instant::now();
    for client in rig.sessions.directory().all() {
        client.send(br#"{"msg":"changed"}"#);
        client.close(Close::ThrownOut);
    }
    polite.hears([r#"{"msg":"changed"}"#]).await;
    polite.is_closed(Close::ThrownOut).await;
    assert_eq!(thrown_out.elapsed().as_secs(), 0);
    rig.over().await;
    assert_eq!(thrown_out.elapsed().as_secs(), 5);
    drop(rude);
}

#[tokio::test(start_paused = true)]
async fn one_that_reads_its_close_and_stays_is_cut_too() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    let closed = Instant::now();
    peer.client.close(Close::ThrownOut);
    assert_eq!(peer.hear().await, Said::Close(None));
    while let Ok(Ok(())) = tokio::time::timeout(SECOND, async {
        tokio::io::AsyncWriteExt::write_all(&mut peer.socket, &frame(0x81, PING.as_bytes())).await
    })
    .await
    {
        tokio::time::sleep(SECOND / 10).await;
    }
    assert_eq!(closed.elapsed().as_secs(), 5);
    rig.over().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_lingers_for_longer_than_its_calls_may_take_is_at_rest() {
    let rig = Rig::with(SessionConfig {
        request_timeout: SECOND,
        ..config::defaults().session
    });
    let (mut here, there) = tokio::io::duplex(1 << 20);
    let arrival = arrival(Framing::Raw);
    let mut session = Box::pin(rig.sessions.session(there, Vec::new(), arrival));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut poll = || session.poll_unpin(&mut Context::from_waker(&waker));
    let slow = r#"{"msg":"method","id":"1","method":"slow"}"#;
    for said in [CONNECT, slow, "nonsense"] {
        here.write_all(&frame(0x81, said.as_bytes())).await.unwrap();
    }
    assert!(poll().is_pending());
    // The time of the call is over. Its client does not answer the close frame.
    tokio::time::advance(2 * SECOND).await;
    assert!(poll().is_pending());
    assert_eq!(
        rig.house.log(),
        ["opened", "leave", "method 1", "cancelled 1"]
    );
    woken.count();
    assert!(poll().is_pending());
    assert_eq!(woken.count(), 0);
    tokio::time::advance(4 * SECOND).await;
    assert!(poll().is_ready());
}

// contract: ddp/end/sent-away, ddp/end/drain
#[tokio::test(start_paused = true)]
async fn one_that_was_cut_with_a_call_away_still_hears_that_it_is_to_end() {
    for drains in [false, true] {
        let rig = Rig::new();
        let mut peer = rig.raw().await;
        peer.method("1", "slow").await;
        peer.settled().await;
        peer.hears([PING]).await;
        assert_eq!(peer.hear().await, close(Close::Timeout));
        assert_eq!(peer.hear().await, Said::Eof, "it was cut");
        let cut = Instant::now();
        if drains {
            rig.sessions.drain(4 * SECOND).await;
            assert_eq!(cut.elapsed().as_secs(), 1, "the quarter for newcomers");
        } else {
            peer.client.close(Close::ThrownOut);
            rig.over().await;
            assert_eq!(cut.elapsed().as_secs(), 0);
        }
        assert_eq!(
            rig.house.log(),
            ["opened", "method 1", "leave", "cancelled 1", "closed"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_finds_a_client_that_left() {
    let rig = Rig::new();
    let directory = rig.sessions.directory();
    let mut peer = rig.raw().await;
    let identity = Identity {
        user: "u".into(),
        hashed_token: "t".into(),
    };
    directory.identify(&peer.client, Some(identity));
    assert_eq!((directory.connected(), directory.logged_in()), (1, 1));
    assert!(directory.session(peer.client.id().as_str()).is_some());
    peer.say("nonsense").await;
    assert_eq!(peer.hear().await, close(Close::UnsupportedData));
    assert_eq!((directory.connected(), directory.logged_in()), (0, 0));
    assert!(peer.client.is("u"), "its teardown still knows who it was");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_dropped_is_left_and_closed() {
    let rig = Rig::new();
    let (_here, there) = tokio::io::duplex(100);
    let arrival = crate::session::Arrival {
        framing: Framing::Raw,
        address: None,
        headers: "{}".into(),
    };
    let session = rig.sessions.session(there, Vec::new(), arrival);
    assert!(rig.house.log().is_empty(), "nothing happens before it runs");
    assert!(tokio::time::timeout(SECOND / 100, session).await.is_err());
    rig.over().await;
    assert_eq!(rig.house.log(), ["opened", "leave", "closed"]);
}
