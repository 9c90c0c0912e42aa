//! NATS: what is left out by `outage`, `plain_broker` and `logs`.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{Witness, counted, counting, counts, logged, not_ready};
use crate::support::nats::Nats;
use crate::support::proxy::{Proxy, Way};
use crate::support::{Workspace, eventually, free_port};

/// A workspace whose service reaches NATS through a proxy, and counts.
async fn linked() -> (Workspace, Proxy, u16) {
    let nats = Nats::start().await;
    let link = Proxy::to(nats.port()).await;
    let (builder, metrics) = counting(Workspace::with().nats(nats));
    let workspace = builder.env("TRANSPORTER", &link.nats()).start().await;
    (workspace, link, metrics)
}

#[tokio::test]
async fn a_lame_duck_is_left_and_its_successor_joined() {
    let text = "lame_duck_grace_period: \"100ms\"\nlame_duck_duration: \"30s\"\n";
    let nats = Nats::configured(text).await;
    let mut workspace = Workspace::with().nats(nats).start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    workspace.nats.signal("USR2");
    workspace.nats.ended().await;
    not_ready(workspace.service.port, "NATS is away").await;
    witness.is_refused(503).await;
    workspace.nats.restart().await;
    let (service, core) = (&workspace.service, &workspace.core);
    witness.is_served_again(service, core).await;
    logged(service, "info", "the NATS server is about to shut down").await;
}

#[tokio::test]
async fn each_member_of_a_cluster_may_die() {
    let routes = [free_port(), free_port()];
    let member = |own: u16, other: u16| {
        format!(
            "cluster {{ name: both, listen: \"127.0.0.1:{own}\", routes: [\"nats-route://127.0.0.1:{other}\"] }}\n"
        )
    };
    let first = Nats::configured(&member(routes[0], routes[1])).await;
    let mut second = Nats::configured(&member(routes[1], routes[0])).await;
    let servers = format!("{},{}", first.url(), second.url());
    let builder = Workspace::with().nats(first).env("TRANSPORTER", &servers);
    let mut workspace = builder.start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    workspace.nats.kill().await;
    let (service, core) = (&workspace.service, &workspace.core);
    witness.is_served_again(service, core).await;
    workspace.nats.restart().await;
    second.kill().await;
    witness.is_served_again(service, core).await;
}

/// The other end is there, and nothing of one direction arrives.
async fn half_a_network(way: Way) {
    let (workspace, link, metrics) = linked().await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    link.hold(way);
    let asked = witness.client.begin("echo", json!(["asked"])).await;
    not_ready(service.port, "NATS is away").await;
    let failed = witness
        .client
        .expect(json!({"msg": "result", "id": asked}))
        .await;
    assert_eq!(failed["error"]["error"], 503, "{failed}");
    witness.is_refused(503).await;
    link.heal();
    witness.is_served_again(service, core).await;
    assert!(counted(metrics, "nats_reconnects_total").await >= 1.0);
    // What did not get through is not sent later either.
    let calls = workspace.core_heard("meteor.callMethodWithToken").await;
    let came = calls.iter().any(|call| call.to_string().contains("asked"));
    assert_eq!(came, way == Way::ToClient, "{calls:?}");
}

#[tokio::test]
#[ignore = "make faults"]
async fn what_nats_says_arrives_no_more() {
    half_a_network(Way::ToClient).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn what_nats_is_told_arrives_no_more() {
    half_a_network(Way::ToServer).await;
}

/// A configuration with two users, of whom the core is the one without a password.
fn users(streamer: &str) -> String {
    format!(
        "authorization {{ users: [ {{user: core, password: core}}, {{user: streamer, {streamer}}} ] }}\nno_auth_user: core\n"
    )
}

/// A workspace on such a NATS.
async fn of_users(streamer: &str) -> Workspace {
    let nats = Nats::configured(&users(streamer)).await;
    let url = format!("nats://streamer:one@127.0.0.1:{}", nats.port());
    let builder = Workspace::with().nats(nats).env("TRANSPORTER", &url);
    builder.env("REQUEST_TIMEOUT", "2").start().await
}

#[tokio::test]
async fn a_password_is_taken_away_and_given_back() {
    let workspace = of_users("password: one").await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    workspace.nats.reload(&users("password: two")).await;
    not_ready(service.port, "NATS is away").await;
    let refused = logged(service, "warn", "no connection to the mesh; trying on").await;
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|error| error.contains("authorization violation")),
        "{refused}"
    );
    witness.is_refused(503).await;
    workspace.nats.reload(&users("password: one")).await;
    witness.is_served_again(service, core).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn the_permission_to_call_is_taken_away_and_given_back() {
    let workspace = of_users("password: one").await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    let denied = r#"password: one, permissions: {publish: {deny: ["MOL.REQ.>"]}}"#;
    workspace.nats.reload(&users(denied)).await;
    // The server hangs up, and takes it again.
    service.ready().await;
    witness.is_refused(504).await;
    logged(service, "warn", "NATS complains").await;
    let (_, refused) = witness
        .client
        .try_sub("stream-room-messages", json!(["private-id", false]))
        .await;
    assert_eq!(refused["error"]["error"], 500, "{refused}");
    let id = witness.is_told(core).await;
    let heard = witness.client.hears("room-messages", "GENERAL").await;
    assert_eq!(heard[0]["_id"], id, "events flow");
    workspace.nats.reload(&users("password: one")).await;
    witness.is_served_again(service, core).await;
}

#[tokio::test]
async fn a_lower_max_payload_costs_one_connection_and_then_nothing() {
    let nats = Nats::configured("max_payload: 1MB\n").await;
    let (builder, metrics) = counting(Workspace::with().nats(nats));
    let workspace = builder.start().await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    let mut alice = workspace.login("alice").await;
    let large = json!(["x".repeat(100_000)]);
    let before = alice.call("echo", large.clone()).await;
    assert_eq!(before["result"], large);
    workspace.nats.reload("max_payload: 64KB\n").await;
    // Nobody told the service: the server ends its connection for what it takes no more.
    let ended = alice.call("echo", large.clone()).await;
    assert_eq!(ended["error"]["error"], 503, "{ended}");
    witness.is_served_again(service, core).await;
    let refused = alice.call("echo", large).await;
    assert_eq!(refused["error"]["error"], 413, "{refused}");
    witness.is_served(core).await;
    assert_eq!(counted(metrics, "nats_reconnects_total").await, 1.0);
}

#[tokio::test]
async fn a_slow_network_is_waited_for() {
    const EVENTS: usize = 50;
    let (workspace, link, metrics) = linked().await;
    let mut witness = Witness::at(workspace.service.port).await;
    link.delay(Duration::from_millis(150));
    let message = json!([{"message": {"_id": "$n", "rid": "GENERAL", "msg": "hello"}}]);
    let events = json!({"event": "watch.messages", "args": message, "count": EVENTS});
    workspace.core.ask("broadcast", events).await;
    for n in 0..EVENTS {
        let heard = witness.client.hears("room-messages", "GENERAL").await;
        assert_eq!(heard[0]["_id"], n, "in order");
    }
    witness.is_served(&workspace.core).await;
    assert_eq!(counted(metrics, "nats_reconnects_total").await, 0.0);
}

#[tokio::test]
async fn a_reset_in_the_middle_of_an_event_ends_no_session() {
    let (workspace, link, metrics) = linked().await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    link.reset_after(Way::ToClient, 20_000);
    let cut = json!([{"message": {"_id": "cut", "rid": "GENERAL", "msg": "x".repeat(50_000)}}]);
    workspace.broadcast("watch.messages", cut).await;
    counts(metrics, "nats_reconnects_total", 1.0).await;
    witness.is_served_again(service, core).await;
    let late = witness.client.so_far().await;
    assert!(!json!(late).to_string().contains("\"cut\""), "{late:?}");
}

#[tokio::test]
async fn a_process_that_slept_is_cut_by_nats_and_comes_back() {
    let nats = Nats::configured("max_pending: 1MB\nwrite_deadline: \"500ms\"\n").await;
    let (builder, metrics) = counting(Workspace::with().nats(nats));
    // All that NATS and the kernel kept for it comes at once.
    let builder = builder.env("DDP_MAX_BUFFERED_BYTES", "256MiB");
    let workspace = builder.start().await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    service.process.signal("STOP");
    let large = json!([{"message": {"_id": "$n", "rid": "GENERAL", "msg": "x".repeat(60_000)}}]);
    let flood = json!({"event": "watch.messages", "args": large, "count": 50});
    eventually("NATS has had enough", || async {
        core.ask("broadcast", flood.clone()).await;
        (workspace.nats.said("Slow Consumer Detected") > 0).then_some(())
    })
    .await;
    service.process.signal("CONT");
    counts(metrics, "nats_reconnects_total", 1.0).await;
    // What had reached the process before is delivered, whole.
    witness.client.so_far().await;
    witness.is_served_again(service, core).await;
}

/// Something else is where NATS was, until so many attempts have failed.
async fn in_its_place(failures: f64, says: Option<&'static [u8]>) {
    let (builder, metrics) = counting(Workspace::with());
    let mut workspace = builder.start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    workspace.nats.kill().await;
    let listener = TcpListener::bind(("127.0.0.1", workspace.nats.port())).await;
    let listener = listener.expect("the port is free");
    let other = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            match says {
                Some(says) => drop(socket.write_all(says).await),
                None => held.push(socket),
            }
        }
    });
    counts(metrics, "nats_connect_failures_total", failures).await;
    not_ready(workspace.service.port, "NATS is away").await;
    witness.is_refused(503).await;
    other.abort();
    let _its_end = other.await;
    workspace.nats.restart().await;
    let (service, core) = (&workspace.service, &workspace.core);
    witness.is_served_again(service, core).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn what_speaks_something_else_is_not_taken_for_nats() {
    let other = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    in_its_place(5.0, Some(other)).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn what_says_nothing_is_not_waited_for() {
    in_its_place(2.0, None).await;
}

#[tokio::test]
async fn servers_of_the_list_that_are_not_there_are_passed_over() {
    let nats = Nats::start().await;
    let servers = format!(
        "nats://127.0.0.1:1,nats://nowhere.invalid:4222,{}",
        nats.url()
    );
    let builder = Workspace::with().nats(nats).env("TRANSPORTER", &servers);
    let workspace = builder.start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    witness.is_served(&workspace.core).await;
}
