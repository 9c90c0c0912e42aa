//! What the mesh is told of sessions.

use std::time::Duration;

use tokio::time::Instant;

use super::*;

// contract: ddp/told/connected, ddp/told/disconnected
#[tokio::test(start_paused = true)]
async fn a_session_that_ends_is_told_once() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    session.close().await;
    let mut heard = bench.heard().await;
    heard.sort();
    assert_eq!(
        heard,
        [
            r#"presence.removeConnection ["alice","s","streamer-1"]"#.to_owned(),
            format!("socket.disconnected [{}]", connection("s", Some("h-alice"))),
        ]
    );
    let anonymous = bench.open("t");
    bench.heard().await;
    anonymous.close().await;
    assert_eq!(
        bench.heard().await,
        [format!("socket.disconnected [{}]", connection("t", None))]
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_that_left_meanwhile_is_not_announced() {
    let bench = Bench::start().await;
    bench.world.core.holds("presence.newConnection");
    let session = bench.open("s");
    session.call("login", r#"[{"resume":"alice"}]"#).await;
    assert!(
        bench
            .heard()
            .await
            .contains(&r#"presence.newConnection ["alice","s","streamer-1"]"#.to_owned())
    );
    // Behind the one that is under way, then behind the farewell.
    bench
        .methods
        .told
        .new_connection(&session.client, "alice".into());
    let client = session.client.clone();
    let closing = tokio::join!(session.close(), async {
        bench.methods.told.new_connection(&client, "alice".into());
        assert_eq!(
            bench.heard().await,
            [format!(
                "socket.disconnected [{}]",
                connection("s", Some("h-alice"))
            )]
        );
        bench.world.core.lets_go("presence.newConnection");
    });
    let ((), ()) = closing;
    assert_eq!(
        bench.heard().await,
        [r#"presence.removeConnection ["alice","s","streamer-1"]"#]
    );
}

// contract: mesh/outage/after
#[tokio::test(start_paused = true)]
async fn after_an_outage_every_session_is_announced_within_ten_seconds() {
    let bench = Bench::start().await;
    let mut sessions = Vec::new();
    for n in 0..20 {
        sessions.push(bench.logged_in(&n.to_string(), "alice").await);
    }
    let _anonymous = bench.open("anonymous");
    bench.heard().await;
    let began = Instant::now();
    bench.methods.rejoined();
    let first = bench.heard().await;
    assert_eq!(first.len(), 1, "not all at once: {first:?}");
    tokio::time::sleep_until(began + Duration::from_secs(5)).await;
    let half = bench.heard().await.len();
    assert!((5..15).contains(&half), "{half}");
    // Away again: the second time starts anew, and the first ends.
    bench.methods.rejoined();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut all = bench.heard().await;
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 20, "{all:?}");
    assert!(
        all.iter()
            .all(|line| line.starts_with(r#"presence.newConnection ["alice",""#))
    );
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(bench.heard().await, [] as [&str; 0]);
}
