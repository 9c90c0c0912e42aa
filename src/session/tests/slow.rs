//! A client that does not read hurts nobody but itself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::support::*;
use crate::config::{self, SessionConfig};
use crate::ddp::{Close, Framing, SharedFrame};

fn bounded() -> Rig {
    Rig::with(SessionConfig {
        max_buffered_bytes: 10_000,
        ..config::defaults().session
    })
}

// contract: ddp/close/1013, configuration/variable/DDP_MAX_BUFFERED_BYTES
#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_closed_at_its_bound_and_another_is_undisturbed() {
    let rig = bounded();
    let mut slow = rig.client_with(Framing::Raw, 100).await;
    let mut quick = rig.client_with(Framing::Raw, 100).await;
    let mut sent = 0;
    while slow.client.outbox().closing().is_none() {
        let frame =
            SharedFrame::new(format!(r#"{{"event":{sent},"text":"{}"}}"#, "x".repeat(50)).into());
        slow.client.send_shared(&frame);
        assert!(quick.client.send_shared(&frame));
        let heard = quick.message().await;
        assert!(heard.starts_with(&format!(r#"{{"event":{sent},"#)));
        assert_eq!(frame.encodings(), 1);
        sent += 1;
    }
    // 10,000 bytes wait and 100 are on their way, with about 80 bytes each.
    assert!((120..140).contains(&sent), "{sent}");
    assert_eq!(
        rig.house.log()[2..],
        ["leave"],
        "at once, not when it reads"
    );
    // The frame that was half written is whole, what was not begun is gone.
    let first = slow.message().await;
    assert!(first.starts_with(r#"{"event":0,"#));
    let second = slow.message().await;
    assert!(second.starts_with(r#"{"event":1,"#));
    slow.is_closed(Close::TooSlow).await;
    quick.settled().await;
}

// contract: configuration/variable/DDP_MAX_BUFFERED_TOTAL
#[tokio::test(start_paused = true)]
async fn who_has_not_read_for_longest_makes_room_for_the_others() {
    let rig = Rig::with(SessionConfig {
        max_buffered_bytes: 10_000,
        max_buffered_total: 12_500,
        ..config::defaults().session
    });
    let relieved = rig.sessions.clone().relieve(CancellationToken::new());
    rig.sessions.tracker().spawn(relieved);
    let mut oldest = rig.client_with(Framing::Raw, 100).await;
    let mut reading = rig.client_with(Framing::Raw, 100).await;
    let mut newest = rig.client_with(Framing::Raw, 100).await;
    let one = SharedFrame::new("x".repeat(2000).into());
    for (peer, count) in [(&oldest, 3), (&newest, 2)] {
        for _ in 0..count {
            assert!(peer.client.send_shared(&one));
        }
        tokio::time::sleep(SECOND).await;
        // What is read does not count.
        for _ in 0..10 {
            assert!(reading.client.send_shared(&one));
            reading.message().await;
        }
    }
    assert_eq!(newest.client.outbox().closing(), None);
    assert_eq!(oldest.client.outbox().closing(), None);
    for _ in 0..2 {
        assert!(newest.client.send_shared(&one));
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(oldest.client.outbox().closing(), Some(Close::TooSlow));
    oldest.message().await;
    oldest.is_closed(Close::TooSlow).await;
    // Nothing of the other was lost.
    for _ in 0..4 {
        assert_eq!(newest.message().await.len(), 2000);
    }
    newest.settled().await;
    reading.settled().await;
}

// contract: configuration/variable/DDP_MAX_BUFFERED_TOTAL
#[tokio::test(start_paused = true)]
async fn who_leaves_anyway_makes_room_before_anybody_else() {
    for (says, end) in [
        (None, Close::Timeout),
        (Some(frame(0x81, b"nonsense")), Close::UnsupportedData),
        (Some(frame(0x88, &[])), Close::TooSlow),
    ] {
        let rig = Rig::with(SessionConfig {
            max_buffered_bytes: 10_000,
            max_buffered_total: 12_500,
            ..config::defaults().session
        });
        let relieved = rig.sessions.clone().relieve(CancellationToken::new());
        TaskTracker::new().spawn(relieved);
        let one = SharedFrame::new("x".repeat(2000).into());
        let mut leaving = rig.client_with(Framing::Raw, 100).await;
        tokio::time::sleep(36 * SECOND).await;
        // It has not read for longer than the other.
        let mut slow = rig.client_with(Framing::Raw, 100).await;
        assert!(slow.client.send_shared(&one));
        tokio::time::sleep(SECOND).await;
        for _ in 0..3 {
            assert!(leaving.client.send_shared(&one));
        }
        tokio::time::sleep(22 * SECOND).await;
        if let Some(says) = says {
            leaving.bytes(&says).await;
        }
        leaving.hears([PING]).await;
        tokio::time::sleep(SECOND * 11 / 10).await;
        assert!(!leaving.client.send(b"{}"), "it leaves");
        for _ in 0..3 {
            assert!(slow.client.send_shared(&one));
        }
        tokio::time::sleep(SECOND).await;
        assert_eq!(slow.client.outbox().closing(), None);
        // The frame that was begun is whole, what was not is gone.
        assert_eq!(leaving.message().await.len(), 2000);
        assert_eq!(leaving.hear().await, close(end));
        for _ in 0..4 {
            assert_eq!(slow.message().await.len(), 2000);
        }
        slow.settled().await;
        drop((leaving, slow));
        rig.over().await;
    }
}

// contract: configuration/variable/DDP_MAX_BUFFERED_TOTAL, ddp/end/done
#[tokio::test(start_paused = true)]
async fn making_room_cancels_nothing_of_who_left_by_itself() {
    let rig = bounded();
    let mut peer = rig.client_with(Framing::Raw, 100).await;
    peer.method("1", "slow").await;
    peer.method("2", "echo").await;
    peer.settled().await;
    for _ in 0..3 {
        assert!(
            peer.client
                .send_shared(&SharedFrame::new("x".repeat(200).into()))
        );
    }
    peer.bytes(&frame(0x88, &[])).await;
    tokio::time::sleep(SECOND / 10).await;
    peer.client.outbox().give_up();
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(rig.house.log(), ["opened", "method 1", "leave"]);
    rig.house.let_through(1);
    rig.over().await;
    assert_eq!(
        rig.house.log(),
        ["opened", "method 1", "leave", "method 2", "closed"]
    );
}

/// A socket like TLS over one that is full: it takes what it is given, and nothing of that leaves.
struct Sealing;

impl AsyncRead for Sealing {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Sealing {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

// contract: ddp/close/1013
#[tokio::test(start_paused = true)]
async fn one_whose_last_record_does_not_leave_hears_of_its_end_at_once() {
    let rig = bounded();
    let arrival = arrival(Framing::Raw);
    let mut session = Box::pin(rig.sessions.session(Sealing, Vec::new(), arrival));
    let (client, woken) = (session.client().clone(), Arc::new(Woken::default()));
    let waker = Waker::from(woken.clone());
    let mut poll = || session.poll_unpin(&mut Context::from_waker(&waker));
    assert!(poll().is_pending());
    // What it is woken for is sealed whole.
    woken.count();
    assert!(client.send(b"{}"));
    assert_eq!(woken.count(), 1);
    assert!(poll().is_pending());
    assert_eq!(client.outbox().unsent(), 0);
    client.outbox().give_up();
    assert_eq!(woken.count(), 1);
    assert!(poll().is_pending());
    assert_eq!(rig.house.log(), ["opened", "leave"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_never_reads_again_is_cut() {
    let rig = bounded();
    let peer = rig.client_with(Framing::Raw, 100).await;
    while peer.client.send(&[b' '; 200]) {
        tokio::task::yield_now().await;
    }
    let blocked = Instant::now();
    rig.over().await;
    assert_eq!(blocked.elapsed().as_secs(), 10);
    assert_eq!(rig.house.log(), ["opened", "leave", "closed"]);
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_and_does_not_read_is_too_slow_as_well() {
    let rig = bounded();
    let mut peer = rig.client_with(Framing::Raw, 100).await;
    while peer.client.outbox().closing().is_none() {
        peer.bytes(&frame(0x89, &[b'x'; 80])).await;
    }
    assert_eq!(peer.client.outbox().closing(), Some(Close::TooSlow));
}

#[tokio::test(start_paused = true)]
async fn every_byte_arrives_whatever_fits_at_a_time() {
    for buffer in [1, 2, 7, 64, 1000] {
        let rig = Rig::new();
        let mut peer = rig.client_with(Framing::SockJs, buffer).await;
        let mut expected = Vec::new();
        for at in 0_usize..300 {
            let frame =
                SharedFrame::new(format!(r#"{{"at":{at},"x":"{}"}}"#, "y".repeat(at % 140)).into());
            expected.extend_from_slice(frame.framed(Framing::SockJs).bytes());
            assert!(peer.client.send_shared(&frame));
        }
        let mut heard = vec![0; expected.len()];
        peer.socket.read_exact(&mut heard).await.unwrap();
        assert!(heard == expected);
        // All that was written counts no more, once the session has seen it.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(peer.client.outbox().unsent(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_does_not_keep_a_session_from_writing_or_from_its_clock() {
    let rig = Rig::new();
    let mut peer = rig.client_with(Framing::Raw, 1 << 20).await;
    let flood: Vec<u8> = frame(0x81, b"{}").repeat(20_000);
    peer.bytes(&flood).await;
    peer.client.send(br#"{"msg":"changed"}"#);
    peer.client.close(Close::ThrownOut);
    peer.hears([r#"{"msg":"changed"}"#]).await;
    peer.is_closed(Close::ThrownOut).await;
}
