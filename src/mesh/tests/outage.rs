use bytes::Bytes;
use tokio::time::Instant;

use super::*;

async fn pair(net: &Net) -> (TestNode, TestNode) {
    let core = net.join("core-1", vec![core()]).await;
    (
        net.join("streamer-1", vec![ServiceSpec::new("streamer").event("e")])
            .await,
        core,
    )
}

// contract: mesh/outage/calls
#[tokio::test(start_paused = true)]
async fn while_the_mesh_is_away_calls_fail_at_once_and_events_are_lost() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    let (pending, ()) = tokio::join!(streamer.call("meteor.never", "[]"), async {
        settle().await;
        net.bus.stop();
    });
    assert!(matches!(pending, Err(CallError::MeshAway { .. })));
    streamer
        .reaches(|state| matches!(state, MeshState::Away { .. }))
        .await;
    let started = Instant::now();
    let error = streamer.call("meteor.echo", "[]").await.unwrap_err();
    assert!(matches!(error, CallError::MeshAway { .. }) && error.code() == 503);
    assert!(matches!(
        streamer.call("unknown.x", "[]").await,
        Err(CallError::MeshAway { .. })
    ));
    assert_eq!(started.elapsed(), Duration::ZERO);
    streamer.mesh.broadcast("accounts.login", "[]");
    assert_eq!(streamer.mesh.stats().events_lost_out, 1);
    assert_eq!(
        core.call("meteor.null", "[]").await.unwrap().as_deref(),
        Some("null"),
        "its own actions go on"
    );
}

/// More than a task takes in one turn of the runtime.
const BURST: usize = 500;

// contract: mesh/outage/calls
#[tokio::test(start_paused = true)]
async fn what_came_before_the_outage_is_heard() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    let mut tap = net.bus.tap();
    let calls = (0..BURST).map(|_| streamer.call("meteor.never", "[]"));
    let (results, ()) = tokio::join!(futures_util::future::join_all(calls), async {
        let mut ids = Vec::new();
        while ids.len() < BURST {
            let (_, payload) = tap.recv().await.unwrap();
            let packet: Value = serde_json::from_slice(&payload).unwrap();
            ids.extend(packet["id"].as_str().map(str::to_owned));
        }
        // The connection breaks with all of it on its way to the node.
        for (at, id) in ids.iter().enumerate() {
            let event = format!(
                r#"{{"event":"e","data":[{at}],"broadcast":true,"ver":"4","sender":"core-1"}}"#
            );
            net.bus.publish("MOL.EVENT.streamer-1", event);
            let answer = format!(
                r#"{{"id":"{id}","meta":{{}},"success":true,"data":1,"ver":"4","sender":"core-1"}}"#
            );
            net.bus.publish("MOL.RES.streamer-1", answer);
        }
        net.bus.stop();
    });
    settle().await;
    let answered = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!((answered, streamer.heard().len()), (BURST, BURST));
}

// contract: mesh/outage/calls, mesh/outage/reconnect
#[tokio::test(start_paused = true)]
async fn after_an_outage_everything_goes_on_and_nothing_is_sent_late() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    net.bus.stop();
    settle().await;
    let _ = streamer.call("meteor.echo", "[\"stale\"]").await;
    streamer.mesh.broadcast("accounts.login", "[\"stale\"]");
    core.mesh.broadcast("e", "[\"stale\"]");
    seconds(60).await;
    assert!(
        streamer.mesh.has_service("meteor"),
        "who cannot hear anybody does not bury everybody"
    );
    assert_eq!(streamer.mesh.release(), Release::V6);
    let mut tap = net.bus.tap();
    net.bus.start();
    let back = Instant::now();
    streamer.reaches(|state| *state == MeshState::Joined).await;
    core.reaches(|state| *state == MeshState::Joined).await;
    assert!(back.elapsed() < Duration::from_secs(2));
    assert_eq!(
        streamer
            .call("meteor.echo", "[1]")
            .await
            .unwrap()
            .as_deref(),
        Some("[1]")
    );
    core.mesh.broadcast("e", "[1]");
    settle().await;
    assert_eq!(streamer.heard().len(), 1);
    while let Ok((_, payload)) = tap.try_recv() {
        assert!(!String::from_utf8_lossy(&payload).contains("stale"));
    }
    assert_eq!(streamer.mesh.stats().reconnects, 1);
    seconds(60).await;
    assert!(streamer.mesh.has_service("meteor"));
}

// contract: mesh/node/silent
#[tokio::test(start_paused = true)]
async fn a_node_that_died_during_the_outage_is_missed_afterwards() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    net.bus.stop();
    core.kill();
    seconds(20).await;
    net.bus.start();
    seconds(33).await;
    assert!(!streamer.mesh.has_service("meteor"));
}

// contract: mesh/outage/reconnect
#[tokio::test(start_paused = true)]
async fn a_node_waits_for_its_transport_for_ever() {
    let net = Net::new();
    net.bus.stop();
    let node = net.spawn(net.config("a"), vec![]);
    seconds(3600).await;
    assert_eq!(*node.mesh.state().borrow(), MeshState::Joining);
    assert!(matches!(
        node.call("meteor.echo", "[]").await,
        Err(CallError::MeshAway { .. })
    ));
    net.bus.start();
    node.reaches(|state| *state == MeshState::Joined).await;
}

#[tokio::test(start_paused = true)]
async fn leaving_while_away_takes_no_time() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    net.bus.stop();
    settle().await;
    let started = Instant::now();
    streamer.mesh.leave().await;
    assert!(started.elapsed() < Duration::from_millis(10));
    assert_eq!(*streamer.mesh.state().borrow(), MeshState::Left);
}

#[tokio::test(start_paused = true)]
async fn all_tasks_end() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    streamer.mesh.leave().await;
    core.kill();
    net.tracker.close();
    tokio::time::timeout(Duration::from_secs(1), net.tracker.wait())
        .await
        .unwrap();
}

// contract: mesh/outage/reconnect
#[tokio::test(start_paused = true)]
async fn who_had_given_this_node_up_is_told_of_it_before_it_is_asked() {
    let net = Net::new();
    let (streamer, core) = pair(&net).await;
    net.bus.stop();
    core.kill();
    settle().await;
    net.bus.start();
    streamer.reaches(|state| *state == MeshState::Joined).await;
    let mut tap = net.bus.tap();
    let said = async |tap: &mut tokio::sync::mpsc::Receiver<_>, sender: &str, count| {
        let beat = format!(r#"{{"ver":"4","sender":"{sender}","cpu":1}}"#);
        net.bus.publish("MOL.HEARTBEAT", beat);
        let mut subjects: Vec<String> = Vec::new();
        while subjects.len() < count {
            let (subject, _): (String, Bytes) = tap.recv().await.unwrap();
            subjects.push(subject);
        }
        subjects.split_off(1)
    };
    let known = said(&mut tap, "core-1", 3).await;
    assert_eq!(known, ["MOL.INFO.core-1", "MOL.DISCOVER.core-1"]);
    // A stranger's word is not worth an INFO.
    assert_eq!(said(&mut tap, "core-9", 2).await, ["MOL.DISCOVER.core-9"]);
}

// contract: mesh/outage/reconnect
#[tokio::test(start_paused = true)]
async fn a_core_that_had_given_this_node_up_makes_it_join_anew() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    let _other = net
        .join("streamer-2", vec![ServiceSpec::new("streamer")])
        .await;
    let asked = |sender: &str| format!(r#"{{"ver":"4","sender":"{sender}"}}"#);
    let mut state = streamer.mesh.state();
    state.borrow_and_update();
    // A look around, another streamer's question, and one of nobody that is known mean nothing.
    net.bus.publish("MOL.DISCOVER", asked("core-1"));
    net.bus
        .publish("MOL.DISCOVER.streamer-1", asked("streamer-2"));
    net.bus.publish("MOL.DISCOVER.streamer-1", asked("core-9"));
    seconds(30).await;
    assert!(!state.has_changed().unwrap());
    // Several at once are one; one more within ten seconds is not lost.
    net.bus.publish("MOL.DISCOVER.streamer-1", asked("core-1"));
    net.bus.publish("MOL.DISCOVER.streamer-1", asked("core-1"));
    seconds(2).await;
    assert!(state.has_changed().unwrap());
    assert_eq!(*state.borrow_and_update(), MeshState::Joined);
    net.bus.publish("MOL.DISCOVER.streamer-1", asked("core-1"));
    seconds(5).await;
    assert!(!state.has_changed().unwrap());
    seconds(10).await;
    assert!(state.has_changed().unwrap());
    state.borrow_and_update();
    seconds(60).await;
    assert!(!state.has_changed().unwrap());
    // Who watches the database for the cores tells of as much.
    let _hub = net.join("hub-1", vec![ServiceSpec::new("hub")]).await;
    net.bus.publish("MOL.DISCOVER.streamer-1", asked("hub-1"));
    seconds(2).await;
    assert!(state.has_changed().unwrap());
}

// contract: mesh/outage/reconnect
#[tokio::test(start_paused = true)]
async fn who_is_not_heard_connects_again() {
    let net = Net::new();
    let (streamer, _core) = pair(&net).await;
    net.bus.lose(|_, payload| {
        let text = String::from_utf8_lossy(payload);
        text.contains(r#""sender":"streamer-1""#)
    });
    streamer
        .reaches(|state| matches!(state, MeshState::Away { .. }))
        .await;
    net.bus.lose_nothing();
    streamer.reaches(|state| *state == MeshState::Joined).await;
    assert!(streamer.call("meteor.echo", "[1]").await.is_ok());
    seconds(120).await;
    assert_eq!(streamer.mesh.stats().reconnects, 1);
}
