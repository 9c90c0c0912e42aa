//! The clocks.

use std::time::Duration;

use tokio::time::Instant;

use super::support::*;
use crate::config::{self, SessionConfig};
use crate::ddp::{Close, Framing};

fn near(from: Instant, expected: Duration) {
    let off = from.elapsed().abs_diff(expected);
    assert!(off <= Duration::from_millis(2), "{:?}", from.elapsed());
}

// contract: ddp/heartbeat/ping, ddp/heartbeat/handshake
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_speak_is_pinged_early_and_closed_at_the_handshakes_end() {
    let rig = Rig::new();
    let mut peer = rig.socket(Framing::Raw, 4096);
    let opened = Instant::now();
    peer.hears([GREETING, PING]).await;
    near(opened, Duration::from_millis(30));
    // Real clients answer each ping: that is no first message, and it wins no time.
    peer.say(PONG).await;
    tokio::time::sleep(5 * SECOND).await;
    peer.say(PONG).await;
    assert_eq!(peer.hear().await, close(Close::Timeout));
    near(opened, 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_late_connect_is_in_time() {
    let rig = Rig::new();
    let mut peer = rig.socket(Framing::Raw, 4096);
    peer.hears([GREETING, PING]).await;
    tokio::time::sleep(9 * SECOND).await;
    let connected = Instant::now();
    peer.say(CONNECT).await;
    assert!(peer.message().await.starts_with(r#"{"msg":"connected""#));
    peer.hears([PING]).await;
    near(connected, 30 * SECOND);
}

// contract: ddp/heartbeat/ping, ddp/heartbeat/timeout, ddp/close/4000, configuration/variable/CONNECTION_TIMEOUT
#[tokio::test(start_paused = true)]
async fn silence_is_pinged_and_then_closed() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    let connected = Instant::now();
    peer.hears([PING]).await;
    near(connected, 30 * SECOND);
    assert_eq!(peer.hear().await, close(Close::Timeout));
    near(connected, 60 * SECOND);
    // It does not answer: the socket is cut after a while.
    assert_eq!(peer.hear().await, Said::Eof);
    near(connected, 65 * SECOND);
    rig.over().await;
}

// contract: ddp/heartbeat/slept
/// A machine that was suspended: all of its clients have been silent for as long as it slept.
#[tokio::test(start_paused = true)]
async fn a_process_that_slept_asks_before_it_gives_anybody_up() {
    let rig = Rig::new();
    // Not pinged yet, or pinged and not yet given up.
    for awake in [10 * SECOND, 40 * SECOND] {
        let mut peer = rig.raw().await;
        tokio::time::sleep(awake).await;
        if awake > 30 * SECOND {
            peer.hears([PING]).await;
        }
        tokio::time::advance(3600 * SECOND).await;
        let woken = Instant::now();
        peer.hears([PING]).await;
        near(woken, Duration::ZERO);
        tokio::time::sleep(29 * SECOND).await;
        peer.say(PONG).await;
        peer.hears([PING]).await;
        near(woken, 59 * SECOND);
        assert_eq!(peer.hear().await, close(Close::Timeout));
        near(woken, 89 * SECOND);
    }
}

// contract: ddp/heartbeat/reset
#[tokio::test(start_paused = true)]
async fn every_message_resets_the_clock() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    for says in [PONG, "{}", r#"{"msg":"unsub","id":"1"}"#, PONG] {
        tokio::time::sleep(Duration::from_millis(29_900)).await;
        peer.say(says).await;
    }
    let spoke = Instant::now();
    peer.hears([PING]).await;
    near(spoke, 30 * SECOND);
    tokio::time::sleep(29 * SECOND).await;
    peer.say(PONG).await;
    let spoke = Instant::now();
    peer.hears([PING]).await;
    near(spoke, 30 * SECOND);
}

// contract: configuration/variable/DDP_HEARTBEAT_INTERVAL
#[tokio::test(start_paused = true)]
async fn the_interval_is_a_setting() {
    let rig = Rig::with(SessionConfig {
        heartbeat_interval: 10 * SECOND,
        connection_timeout: 30 * SECOND,
        handshake_timeout: 20 * SECOND,
        ..config::defaults().session
    });
    let mut peer = rig.raw().await;
    let connected = Instant::now();
    peer.hears([PING]).await;
    near(connected, 10 * SECOND);
    assert_eq!(peer.hear().await, close(Close::Timeout));
    near(connected, 30 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn what_flows_to_a_client_is_no_sign_of_its_life() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    let connected = Instant::now();
    for _ in 0..29 {
        tokio::time::sleep(2 * SECOND).await;
        peer.client.send(b"{}");
        while peer.message().await != "{}" {}
    }
    assert_eq!(peer.hear().await, close(Close::Timeout));
    near(connected, 60 * SECOND);
}

// contract: ddp/told/activity
#[tokio::test(start_paused = true)]
async fn activity_is_told_at_most_every_30_seconds() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    for _ in 0..100 {
        tokio::time::sleep(SECOND).await;
        peer.say(PONG).await;
    }
    peer.settled().await;
    let told = rig
        .house
        .log()
        .iter()
        .filter(|line| *line == "active")
        .count();
    assert_eq!(told, 3);
}
