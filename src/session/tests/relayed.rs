//! A session in front of a server: what goes to its leg, and what comes from there.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::support::*;
use crate::client::{Client, Directory, Leg, Server};
use crate::config;
use crate::ddp::glance::Glance;
use crate::ddp::{Close, DdpError, Frame, Framing};
use crate::session::{Behind, Sessions};

/// A server that answers as the test says.
#[derive(Default)]
struct Fake {
    heard: Mutex<Vec<String>>,
    says: Mutex<VecDeque<Result<Vec<u8>, Close>>>,
    waker: Mutex<Option<Waker>>,
    /// It has still to do for a client that leaves.
    unsettled: Mutex<bool>,
    parted: Mutex<bool>,
}

impl Fake {
    fn says(&self, what: Result<Vec<u8>, Close>) {
        self.says.lock().push_back(what);
        if let Some(waker) = self.waker.lock().take() {
            waker.wake();
        }
    }

    /// Nothing is left to do.
    fn settles(&self) {
        *self.unsettled.lock() = false;
        if let Some(waker) = self.waker.lock().take() {
            waker.wake();
        }
    }

    fn message(&self, json: &str) {
        let frame = Frame::message(Framing::Raw, json.as_bytes());
        self.says(Ok(frame.bytes().to_vec()));
    }
}

impl Server for Fake {
    fn leg(self: Arc<Self>, _: &Arc<Client>, connect: &str) -> Box<dyn Leg> {
        self.heard.lock().push(connect.to_owned());
        Box::new(FakeLeg(self, Instant::now() + 1000 * SECOND))
    }
}

struct FakeLeg(Arc<Fake>, Instant);

impl Leg for FakeLeg {
    fn hear(&mut self, _: &Client, message: &str, _: &Glance<'_>) {
        self.0.heard.lock().push(message.to_owned());
    }

    fn poll<'a>(
        &mut self,
        cx: &mut Context<'_>,
        _: &Client,
        buffer: &'a mut ReadBuf<'_>,
    ) -> Poll<Result<Cow<'a, [u8]>, Close>> {
        *self.0.waker.lock() = Some(cx.waker().clone());
        let Some(said) = self.0.says.lock().pop_front() else {
            return Poll::Pending;
        };
        buffer.put_slice(&said?);
        Poll::Ready(Ok(buffer.filled().into()))
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.1)
    }

    fn on_time(&mut self) {
        self.0.message("late");
        self.1 += 1000 * SECOND;
    }

    fn is_idle(&self) -> bool {
        true
    }

    fn refuse_all(&mut self, _: &DdpError) -> Vec<Vec<u8>> {
        vec![b"refused".to_vec()]
    }

    fn is_settled(&self) -> bool {
        !*self.0.unsettled.lock()
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, _: &Client, _: &mut ReadBuf<'_>) -> Poll<()> {
        *self.0.waker.lock() = Some(cx.waker().clone());
        if self.is_settled() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn part(self: Box<Self>) -> BoxFuture<'static, ()> {
        async move { *self.0.parted.lock() = true }.boxed()
    }
}

fn rig() -> (Arc<Fake>, Rig) {
    let (fake, house) = (Arc::new(Fake::default()), Arc::new(House::default()));
    let (behind, directory) = (Behind::Server(fake.clone()), Arc::new(Directory::default()));
    let config = config::defaults().session;
    let sessions = Sessions::new(config, behind, directory, "instance".into());
    (fake, Rig { house, sessions })
}

const CONNECTED: &str = r#"{"msg":"connected","session":"theirs"}"#;

#[tokio::test(start_paused = true)]
async fn what_a_client_says_is_the_servers_but_for_heartbeats() {
    let (fake, rig) = rig();
    for framing in [Framing::Raw, Framing::SockJs] {
        let mut peer = rig.socket(framing, 1 << 20);
        if framing == Framing::SockJs {
            assert_eq!(peer.hear().await, text("o"));
        }
        peer.hears([GREETING]).await;
        peer.say(CONNECT).await;
        peer.say(r#" {"msg":"method"} "#).await;
        peer.say("no JSON").await;
        peer.say(PONG).await;
        peer.settled().await;
        assert_eq!(
            std::mem::take(&mut *fake.heard.lock()),
            [CONNECT, r#" {"msg":"method"} "#, "no JSON"]
        );
    }
    assert!(rig.house.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn frames_pass_as_they_are_and_in_order() {
    let (fake, rig) = rig();
    // Smaller than a frame: most of them wait.
    let mut peer = rig.socket(Framing::Raw, 64);
    peer.hears([GREETING]).await;
    peer.say(CONNECT).await;
    fake.message(CONNECTED);
    let messages: Vec<_> = (0..200).map(|n| format!("{n:>100}")).collect();
    for message in &messages {
        fake.message(message);
    }
    peer.hears([CONNECTED]).await;
    for message in &messages {
        assert_eq!(peer.message().await, *message);
    }
    peer.hears([PING]).await;
    assert_eq!(peer.hear().await, close(Close::Timeout));
}

#[tokio::test(start_paused = true)]
async fn the_legs_clock_is_the_sessions() {
    let (fake, rig) = rig();
    let mut peer = rig.socket(Framing::Raw, 1 << 20);
    peer.hears([GREETING]).await;
    peer.say(CONNECT).await;
    for _ in 0..100 {
        tokio::time::advance(10 * SECOND).await;
        peer.settled().await;
    }
    peer.hears(["late"]).await;
    fake.says(Err(Close::ServiceRestart));
    peer.is_closed(Close::ServiceRestart).await;
    rig.over().await;
    assert!(*fake.parted.lock());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_closed_and_its_leg_at_once() {
    let (fake, rig) = rig();
    let mut peer = rig.socket(Framing::Raw, 64);
    peer.hears([GREETING]).await;
    peer.say(CONNECT).await;
    let message = "x".repeat(60_000);
    while !*fake.parted.lock() {
        fake.message(&message);
        tokio::task::yield_now().await;
        assert!(peer.client.outbox().unsent() <= (4 << 20) + message.len() + 10);
    }
    assert!(*fake.parted.lock());
    // The frame that was begun is finished.
    assert_eq!(peer.message().await, message);
    peer.is_closed(Close::TooSlow).await;
    rig.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_refuses_what_the_server_has_not_answered() {
    let (fake, rig) = rig();
    let mut peer = rig.socket(Framing::SockJs, 1 << 20);
    assert_eq!(peer.hear().await, text("o"));
    peer.hears([GREETING]).await;
    peer.say(CONNECT).await;
    peer.settled().await;
    let (sessions, grace) = (rig.sessions.clone(), 8 * SECOND);
    tokio::join!(sessions.drain(grace), async {
        peer.hears(["refused"]).await;
        peer.is_closed(Close::GoingAway).await;
    });
    assert!(*fake.parted.lock());
}

// contract: relay/end
#[tokio::test(start_paused = true)]
async fn what_a_client_said_is_heard_though_it_cannot_be_written_to() {
    let (fake, rig) = rig();
    let mut peer = rig.socket(Framing::Raw, 1 << 20);
    peer.hears([GREETING]).await;
    peer.say(CONNECT).await;
    peer.settled().await;
    fake.heard.lock().clear();
    // More than is read at once, and a message of the server to be written in between.
    let messages: Vec<_> = (0..20).map(|n| format!("{n:>2000}")).collect();
    for message in &messages {
        peer.bytes(&frame(0x81, message.as_bytes())).await;
    }
    drop(peer);
    fake.message("late");
    rig.over().await;
    assert_eq!(fake.heard.lock().len(), messages.len());
    assert!(*fake.heard.lock() == messages && *fake.parted.lock());
}

/// A session whose client has left, with something still to be done.
async fn unsettled() -> (Arc<Fake>, Rig) {
    let (fake, rig) = rig();
    *fake.unsettled.lock() = true;
    let mut peer = rig.socket(Framing::Raw, 1 << 20);
    peer.hears([GREETING]).await;
    peer.say(CONNECT).await;
    peer.settled().await;
    drop(peer);
    tokio::time::advance(10 * SECOND).await;
    tokio::task::yield_now().await;
    assert_eq!(rig.sessions.tracker().len(), 1, "it keeps its place");
    assert!(!*fake.parted.lock());
    (fake, rig)
}

// contract: relay/end
#[tokio::test(start_paused = true)]
async fn what_a_client_said_is_finished_before_the_session_is_over() {
    let (fake, rig) = unsettled().await;
    let began = Instant::now();
    fake.settles();
    rig.over().await;
    assert!(*fake.parted.lock());
    assert_eq!(began.elapsed().as_secs(), 0);
}

// contract: relay/end
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_holds_a_session_for_so_long_only() {
    let (fake, rig) = unsettled().await;
    let patience = config::defaults().session.request_timeout;
    let began = Instant::now();
    rig.over().await;
    assert!(*fake.parted.lock());
    let took = began.elapsed();
    assert!(
        (patience - 10 * SECOND..=patience + SECOND).contains(&took),
        "{took:?}"
    );
}

// contract: relay/end
#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_clients_that_left() {
    let (fake, rig) = unsettled().await;
    rig.sessions.drain(8 * SECOND).await;
    assert!(*fake.parted.lock());
    assert_eq!(rig.sessions.tracker().len(), 0);
}
