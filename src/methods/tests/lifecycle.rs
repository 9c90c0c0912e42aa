//! What the mesh is told of sessions.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::mesh::{Mesh, MeshConfig, MeshState, NodeId, ServiceSpec, Transporter};
use crate::services::testing::{Core, until};

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

/// A node with the authorization service alone, which answers no and counts.
fn authorization(bench: &Bench) -> (Mesh, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let counted = asked.clone();
    let spec =
        ServiceSpec::new("authorization").action("hasAtLeastOnePermission", move |_request| {
            *counted.lock() += 1;
            async { Ok(Some(ejson::raw("true".into()).unwrap())) }
        });
    let World {
        bus, tracker, stop, ..
    } = &bench.world;
    let transporter = Transporter::Local(bus.clone());
    let config = MeshConfig::new(NodeId::new("authorization-1").unwrap(), transporter);
    let mesh = Mesh::start(config, vec![spec], Arc::new(()), tracker, stop).unwrap();
    (mesh, asked)
}

// contract: mesh/outage/missed
#[tokio::test(start_paused = true)]
async fn after_an_outage_it_is_asked_when_every_core_is_seen_again() {
    let bench = Bench::start().await;
    let World {
        bus, tracker, stop, ..
    } = &bench.world;
    let mesh = bench.world.services.mesh();
    let _core_2 = Core::on(bus, "core-2", tracker, stop);
    let (_authorization, asked) = authorization(&bench);
    until(|| {
        mesh.offers("authorization.hasAtLeastOnePermission") && mesh.nodes_of("meteor").len() == 2
    })
    .await;
    let session = bench.logged_in("s", "alice").await;
    let sub = Subscription {
        id: "1".into(),
        name: "stream-notify-logged".into(),
        params: ejson::raw(r#"["private-settings-changed"]"#.into()).unwrap(),
    };
    let outcome = session
        .methods
        .clone()
        .subscribe(session.client.clone(), sub);
    assert!(matches!(outcome.await, SubOutcome::Ready));
    assert_eq!(std::mem::take(&mut *asked.lock()), 1);
    let settings = &bench.methods.rooms.settings;
    let memory = bench.methods.rooms.store.as_memory().unwrap();
    let set = |value: i32| {
        let setting = json!({"_id": "S", "value": value});
        memory.put(Collection::Settings, setting).unwrap();
    };
    let value = async || settings.get("S").await.unwrap().unwrap().get().to_owned();

    bus.stop();
    until(|| matches!(*mesh.state().borrow(), MeshState::Away { .. })).await;
    // The authorization service is back at once, one core after a while, and the other later still.
    let without = |cores: &'static [&'static str]| {
        bus.lose(move |_, payload| {
            let text = String::from_utf8_lossy(payload);
            cores
                .iter()
                .any(|core| text.contains(&format!(r#""sender":"{core}""#)))
        });
    };
    without(&["core-1", "core-2"]);
    bus.start();
    until(|| *mesh.state().borrow() == MeshState::Joined).await;
    set(1);
    bench.methods.rejoined();
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(value().await, "1");
    assert_eq!(*asked.lock(), 0, "what a core tells now is lost still");
    set(2);
    without(&["core-2"]);
    until(|| *asked.lock() == 1).await;
    assert_eq!(value().await, "2", "it was read before the core was back");
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(*asked.lock(), 1);
    set(3);
    bus.lose_nothing();
    until(|| *asked.lock() == 2).await;
    assert_eq!(value().await, "3");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(*asked.lock(), 2);
}
