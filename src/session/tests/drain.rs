//! The promises of `SHUTDOWN_GRACE`.

use std::time::Duration;

use tokio::time::Instant;

use super::support::*;
use crate::ddp::{Close, Framing};

const GRACE: Duration = Duration::from_secs(8);

// contract: ddp/close/1001, configuration/variable/SHUTDOWN_GRACE
#[tokio::test(start_paused = true)]
async fn those_at_rest_are_closed_spread_over_the_middle() {
    let rig = Rig::new();
    let mut peers = Vec::new();
    for _ in 0..100 {
        peers.push(rig.raw().await);
    }
    let begun = Instant::now();
    let watch = async {
        let ends = peers.into_iter().map(|mut peer| async move {
            peer.is_closed(Close::GoingAway).await;
            begun.elapsed()
        });
        futures_util::future::join_all(ends).await
    };
    let ((), ends) = tokio::join!(rig.sessions.drain(GRACE), watch);
    let quarter = GRACE / 4;
    assert!(
        ends.iter().all(|end| (quarter..=3 * quarter).contains(end)),
        "{ends:?}"
    );
    let early = ends.iter().filter(|end| **end < 2 * quarter).count();
    assert!(
        (20..80).contains(&early),
        "{early} of 100 in the first half"
    );
    assert!(begun.elapsed() <= 3 * quarter, "nobody is waited for");
    assert_eq!(rig.sessions.directory().connected(), 0);
}

#[tokio::test(start_paused = true)]
async fn clients_are_taken_for_a_quarter() {
    let rig = Rig::new();
    let drain = rig.sessions.clone();
    let drained = rig.sessions.tracker().spawn(async move {
        // Tracked itself, or the rig would not wait for it.
        tokio::time::timeout(GRACE, drain.drain(GRACE))
            .await
            .is_err()
    });
    tokio::time::sleep(GRACE / 4 - SECOND / 10).await;
    assert!(rig.sessions.is_draining() && rig.sessions.admits());
    let mut late = rig.raw().await;
    late.method("1", "echo").await;
    late.answer("1").await;
    tokio::time::sleep(SECOND / 5).await;
    assert!(!rig.sessions.admits());
    late.is_closed(Close::GoingAway).await;
    let _waits_for_itself = drained.await;
}

#[tokio::test(start_paused = true)]
async fn a_result_that_comes_before_the_last_quarter_is_delivered() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    peer.method("1", "slow").await;
    peer.method("2", "slow").await;
    peer.settled().await;
    let begun = Instant::now();
    let client = async {
        tokio::time::sleep(GRACE * 3 / 4 - SECOND / 10).await;
        rig.house.let_through(2);
        peer.answer("1").await;
        peer.answer("2").await;
        peer.is_closed(Close::GoingAway).await;
        begun.elapsed()
    };
    let ((), end) = tokio::join!(rig.sessions.drain(GRACE), client);
    assert!(
        end < GRACE * 3 / 4,
        "with the last answer, not later: {end:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn calls_that_stay_open_are_answered_before_the_close() {
    let rig = Rig::new();
    let mut peer = rig.client(Framing::SockJs).await;
    peer.method("1", "slow").await;
    peer.method("2", "echo").await;
    peer.say(r#"{"msg":"sub","id":"3","name":"ok"}"#).await;
    peer.settled().await;
    let begun = Instant::now();
    let client = async {
        let error = error(503, "Service unavailable");
        peer.hears([
            &*format!(r#"{{"msg":"result","id":"1","error":{error}}}"#),
            r#"{"msg":"updated","methods":["1"]}"#,
            &*format!(r#"{{"msg":"result","id":"2","error":{error}}}"#),
            r#"{"msg":"updated","methods":["2"]}"#,
            &*format!(r#"{{"msg":"nosub","id":"3","error":{error}}}"#),
        ])
        .await;
        peer.is_closed(Close::GoingAway).await;
        begun.elapsed().as_millis()
    };
    let ((), end) = tokio::join!(rig.sessions.drain(GRACE), client);
    assert!((6000..6010).contains(&end), "{end}");
    assert_eq!(
        rig.house.log(),
        ["opened", "method 1", "cancelled 1", "leave", "closed"]
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_read_is_not_waited_for() {
    let rig = Rig::new();
    let peer = rig.client_with(Framing::Raw, 100).await;
    let mut silent = rig.raw().await;
    peer.client.send(&[b' '; 1000]);
    let begun = Instant::now();
    let (end, ()) = tokio::join!(
        async {
            rig.sessions.drain(GRACE).await;
            begun.elapsed()
        },
        async { assert_eq!(silent.hear().await, close(Close::GoingAway)) }
    );
    assert!(end <= GRACE * 13 / 16 + SECOND / 100, "{end:?}");
    assert_eq!(rig.sessions.directory().connected(), 0);
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn without_grace_at_once() {
    let rig = Rig::new();
    let mut peer = rig.raw().await;
    peer.method("1", "slow").await;
    peer.settled().await;
    let begun = Instant::now();
    rig.sessions.drain(Duration::ZERO).await;
    assert!(begun.elapsed() < SECOND / 10);
    let error = error(503, "Service unavailable");
    peer.hears([
        &*format!(r#"{{"msg":"result","id":"1","error":{error}}}"#),
        r#"{"msg":"updated","methods":["1"]}"#,
    ])
    .await;
    assert_eq!(peer.hear().await, close(Close::GoingAway));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_closing_already_is_cut_in_time() {
    let rig = Rig::new();
    let peer = rig.client_with(Framing::Raw, 100).await;
    peer.client.send(&[b' '; 1000]);
    peer.client.close(Close::ProtocolError);
    tokio::time::sleep(SECOND).await;
    let begun = Instant::now();
    rig.sessions.drain(GRACE / 2).await;
    assert!(
        begun.elapsed() <= GRACE / 2 * 14 / 16,
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(rig.house.log(), ["opened", "leave", "closed"]);
    drop(peer);
}
