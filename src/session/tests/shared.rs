//! What many get at once: a flusher writes it over TCP, the session's task what the socket does not take at once.

use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::support::*;
use crate::client::Client;
use crate::config::{self, SessionConfig};
use crate::ddp::{Close, Framing, SharedFrame};

/// Flushers at work, until this is dropped.
fn flushers(rig: &Rig, count: usize) -> DropGuard {
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    for _ in 0..count {
        tracker.spawn(rig.sessions.flusher().clone().run(stop.clone()));
    }
    stop.drop_guard()
}

fn event(at: usize, bytes: usize) -> SharedFrame {
    SharedFrame::new(format!(r#"{{"event":{at},"text":"{}"}}"#, "x".repeat(bytes)).into())
}

fn number(message: &str) -> usize {
    let from = message.find(':').unwrap() + 1;
    let digits = message[from..].find(|c: char| !c.is_ascii_digit()).unwrap();
    message[from..from + digits].parse().unwrap()
}

#[tokio::test]
async fn everybody_hears_it_and_no_task_is_woken() {
    let rig = Rig::new();
    let (mut raw, mut sockjs) = (rig.tcp(Framing::Raw).await, rig.tcp(Framing::SockJs).await);
    let event = event(0, 10);
    // Nobody flushes yet: it waits, and it is known that it does.
    assert!(raw.client.send_shared(&event) && sockjs.client.send_shared(&event));
    tokio::task::yield_now().await;
    assert!(raw.client.outbox().unsent() > 0 && sockjs.client.outbox().unsent() > 0);
    let _flushers = flushers(&rig, 1);
    assert_eq!(number(&raw.message().await), 0);
    assert_eq!(number(&sockjs.message().await), 0);
    assert_eq!(raw.client.outbox().unsent(), 0);
}

#[tokio::test]
async fn what_the_session_sends_itself_takes_along_what_waits_in_its_order() {
    let rig = Rig::new();
    let mut peer = rig.tcp(Framing::Raw).await;
    assert!(peer.client.send_shared(&event(1, 0)));
    peer.client.send(br#"{"event":2,"mine":true}"#);
    assert!(peer.client.send_shared(&event(3, 0)));
    for at in 1..=3 {
        assert_eq!(number(&peer.message().await), at);
    }
}

/// Sends numbered messages, most of them shared ones, and comes to rest between some.
async fn flood(client: Arc<Client>, count: usize) {
    for at in 0..count {
        let event = event(at, at % 3000);
        let taken = match at % 7 {
            0 => client.send(event.json()),
            _ => client.send_shared(&event),
        };
        assert!(taken, "{at}");
        if at % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_is_lost_or_reordered_between_flushers_and_the_task() {
    const COUNT: usize = 5000;
    let rig = Rig::with(SessionConfig {
        max_buffered_bytes: 64 << 20,
        ..config::defaults().session
    });
    let _flushers = flushers(&rig, 2);
    let (tracker, mut readers) = (TaskTracker::new(), Vec::new());
    for framing in [Framing::Raw, Framing::SockJs, Framing::Raw] {
        // More than the socket's buffers hold: all of them are full now and then.
        let mut peer = rig.tcp(framing).await;
        let flood = tracker.spawn(flood(peer.client.clone(), COUNT));
        readers.push(tracker.spawn(async move {
            for at in 0..COUNT {
                assert_eq!(number(&peer.message().await), at);
            }
            flood.await.unwrap();
            peer.settled().await;
            // What the peer has, another thread may still be about to count.
            while peer.client.outbox().unsent() > 0 {
                tokio::task::yield_now().await;
            }
        }));
    }
    for reader in readers {
        let done = tokio::time::timeout(60 * SECOND, reader);
        done.await.expect("in time").unwrap();
    }
}

// contract: ddp/close/1013
#[tokio::test]
async fn who_does_not_read_is_closed_at_the_bound() {
    let rig = Rig::with(SessionConfig {
        max_buffered_bytes: 100_000,
        ..config::defaults().session
    });
    let _flushers = flushers(&rig, 1);
    let mut slow = rig.tcp(Framing::Raw).await;
    let mut quick = rig.tcp(Framing::Raw).await;
    let mut sent = 0;
    while slow.client.outbox().closing().is_none() {
        let event = event(sent, 10_000);
        slow.client.send_shared(&event);
        assert!(quick.client.send_shared(&event));
        assert_eq!(number(&quick.message().await), sent);
        sent += 1;
    }
    assert_eq!(slow.client.outbox().closing(), Some(Close::TooSlow));
    let mut heard = 0;
    loop {
        match slow.hear().await {
            Said::Text(text) => {
                assert_eq!(number(&text), heard);
                heard += 1;
            }
            said => {
                assert_eq!(said, close(Close::TooSlow));
                break;
            }
        }
    }
    assert!(heard < sent);
}

#[tokio::test]
async fn a_handle_that_outlives_the_session_does_not_keep_the_socket() {
    let rig = Rig::new();
    let _flushers = flushers(&rig, 1);
    let mut peer = rig.tcp(Framing::Raw).await;
    let kept = peer.client.clone();
    peer.bytes(&frame(0x88, &1000_u16.to_be_bytes())).await;
    assert!(matches!(peer.hear().await, Said::Close(_)));
    assert_eq!(peer.socket.read(&mut [0]).await.unwrap(), 0, "the end");
    rig.over().await;
    assert!(!kept.send_shared(&event(0, 0)));
}
