//! Those who are called: they do not answer, answer late, twice or rubbish, or die over it.

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{Witness, counted, counting, counts, logged};
use crate::support::nats::listening;
use crate::support::{Peer, Workspace, eventually};

const METHODS: &str = "meteor.callMethodWithToken";
const ORPHANS: &str = "moleculer_transit_orphan_response_total";

/// The series of a counter that is Moleculer's.
fn of_node(name: &str, workspace: &Workspace) -> String {
    let node = workspace.node_id();
    format!("{name}{{namespace=\"\",nodeID=\"{node}\"}}")
}

/// What the core does with a call from now on.
async fn behave(workspace: &Workspace, action: &str, params: Value, what: Value) {
    let mut told = what;
    told["action"] = json!(action);
    if !params.is_null() {
        told["params"] = params;
    }
    workspace.core.ask("behave", told).await;
}

#[tokio::test]
async fn one_that_answers_too_late_costs_its_caller_the_time_out_and_nobody_else() {
    let (builder, metrics) = counting(Workspace::with().env("REQUEST_TIMEOUT", "1"));
    let workspace = builder.start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    let late = json!(["*", "*", "echo", ["late"]]);
    behave(&workspace, METHODS, late.clone(), json!({"hold": true})).await;
    let asked = alice.begin("echo", json!(["late"])).await;
    workspace.core_hears(METHODS, late).await;
    witness.is_served(&workspace.core).await;
    let result = alice.expect(json!({"msg": "result", "id": asked})).await;
    assert_eq!(result["error"]["error"], 504, "{result}");
    alice
        .expect(json!({"msg": "updated", "methods": [asked]}))
        .await;
    logged(
        &workspace.service,
        "warn",
        "a client's call was not answered",
    )
    .await;
    // The answer that comes now is nobody's.
    workspace.core.ask("release", json!({})).await;
    counts(metrics, &of_node(ORPHANS, &workspace), 1.0).await;
    let next = alice.call("echo", json!(["next"])).await;
    assert_eq!(next["result"], json!(["next"]));
    assert_eq!(alice.so_far().await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_answer_that_comes_twice_is_taken_once() {
    const CALLS: usize = 20;
    let (builder, metrics) = counting(Workspace::with());
    let workspace = builder.start().await;
    let nats = workspace.nats.connect().await;
    let subject = format!("MOL.RES.{}", workspace.node_id());
    let mut answers = listening(&nats, &subject).await;
    tokio::spawn(async move {
        let mut seen = std::collections::HashSet::new();
        while let Some(answer) = answers.next().await {
            if seen.insert(answer.payload.clone()) {
                let _gone = nats.publish(answer.subject, answer.payload).await;
            }
        }
    });
    let mut witness = Witness::at(workspace.service.port).await;
    for n in 0..CALLS {
        let answer = witness.client.call("echo", json!([n])).await;
        assert_eq!(answer["result"], json!([n]));
    }
    counts(metrics, &of_node(ORPHANS, &workspace), CALLS as f64).await;
    witness.is_served(&workspace.core).await;
}

// contract: mesh/packet/RES-unreadable
#[tokio::test]
async fn answers_that_cannot_be_read_fail_their_call_at_once() {
    let workspace = Workspace::start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let nats = workspace.nats.connect().await;
    let requests = listening(&nats, "MOL.REQ.core-1").await;
    let requests = tokio::sync::Mutex::new(requests);
    let mut alice = workspace.login("alice").await;
    for (answer, code) in [
        // Cut off; nothing that was promised; of another protocol.
        (
            r#""success":true,"data":[1,"ver":"4","sender":"core-1"}"#,
            500,
        ),
        (r#""ver":"4","sender":"core-1"}"#, 500),
        (
            r#""success":true,"data":[],"ver":"3","sender":"core-1"}"#,
            500,
        ),
        // The first of several parts.
        (
            r#""success":true,"stream":true,"seq":0,"data":"","ver":"4","sender":"core-1"}"#,
            500,
        ),
        // Errors that are none.
        (
            r#""success":false,"data":null,"ver":"4","sender":"core-1"}"#,
            500,
        ),
        (
            r#""success":false,"error":null,"ver":"4","sender":"core-1"}"#,
            500,
        ),
        (
            r#""success":false,"error":7,"ver":"4","sender":"core-1"}"#,
            500,
        ),
        (
            r#""success":false,"error":[],"ver":"4","sender":"core-1"}"#,
            500,
        ),
        (
            r#""success":false,"error":{"message":{},"code":"x","stack":3},"ver":"4","sender":"core-1"}"#,
            500,
        ),
    ] {
        let asked = alice.begin("peer.never", json!([])).await;
        let id = eventually("it is asked", || async {
            let mut requests = requests.lock().await;
            let request = requests.next().await?;
            let request: Value = serde_json::from_slice(&request.payload).expect("JSON");
            let it = request["params"][2] == "peer.never";
            it.then(|| request["id"].as_str().expect("an id").to_owned())
        })
        .await;
        let packet = format!(r#"{{"id":"{id}","meta":{{}},{answer}"#);
        let subject = format!("MOL.RES.{}", workspace.node_id());
        nats.publish(subject, packet.into()).await.expect("sent");
        let result = alice.expect(json!({"msg": "result", "id": asked})).await;
        assert_eq!(result["error"]["error"], code, "{answer}: {result}");
    }
    witness.is_served(&workspace.core).await;
    let serves = alice.call("echo", json!([1])).await;
    assert_eq!(serves["result"], json!([1]));
}

#[tokio::test]
async fn an_authorization_that_does_not_answer_refuses_and_holds_up_nobody_else() {
    let workspace = Workspace::with().env("REQUEST_TIMEOUT", "1").start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    let access = "authorization.canAccessRoom";
    behave(&workspace, access, json!(null), json!({"never": true})).await;
    let asked = json!({"msg": "sub", "id": "asked", "name": "stream-room-messages", "params": ["private-id", false]});
    alice.send(asked).await;
    let of_the_room = json!([{"_id": "private-id"}]);
    workspace.core_hears(access, of_the_room).await;
    witness.is_served(&workspace.core).await;
    let refused = alice.expect(json!({"msg": "nosub", "id": "asked"})).await;
    assert_eq!(refused["error"]["error"], 500, "{refused}");
    // Nothing of that room comes.
    let message = json!([{"message": {"_id": "m", "rid": "private-id", "msg": "x"}}]);
    workspace.broadcast("watch.messages", message).await;
    witness.is_served(&workspace.core).await;
    assert_eq!(alice.so_far().await, Vec::<Value>::new());
    workspace.core.ask("behave", json!({"reset": true})).await;
    alice.listen("room-messages", "private-id").await;
}

#[tokio::test]
async fn an_authorization_that_fails_refuses() {
    let workspace = Workspace::start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    let access = "authorization.canAccessRoom";
    for what in [
        json!({"error": {"plain": "boom"}}),
        json!({"error": {"moleculer": {"message": "boom", "code": 500, "type": "X"}}}),
        json!({"answer": "yes"}),
        json!({"answer": {"granted": true}}),
        json!({"answer": 1}),
    ] {
        behave(&workspace, access, json!(null), what.clone()).await;
        let (_, refused) = alice
            .try_sub("stream-room-messages", json!(["private-id", false]))
            .await;
        assert_eq!(refused["error"]["error"], 500, "{what}: {refused}");
        witness.is_served(&workspace.core).await;
    }
    workspace.core.ask("behave", json!({"reset": true})).await;
    alice.listen("room-messages", "private-id").await;
}

#[tokio::test]
async fn a_login_that_nobody_answers_is_an_error_and_may_be_tried_again() {
    let workspace = Workspace::with().env("REQUEST_TIMEOUT", "1").start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.client().await;
    let login = "accounts.login";
    behave(&workspace, login, json!(null), json!({"never": true})).await;
    let answer = alice
        .call("login", json!([{"resume": "alice-token"}]))
        .await;
    assert_eq!(answer["error"]["error"], 504, "{answer}");
    let nobody = alice.call("whoami", json!([])).await;
    assert_eq!(nobody["result"], json!({"uid": null}), "nobody is let in");
    witness.is_served(&workspace.core).await;
    workspace.core.ask("behave", json!({"reset": true})).await;
    alice.login("alice").await;
}

async fn presence_is_silent(release: &str) {
    let workspace = Workspace::with().core("--release", release).start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    for action in ["presence.newConnection", "presence.removeConnection"] {
        behave(&workspace, action, json!(null), json!({"never": true})).await;
    }
    let mut alice = workspace.login("alice").await;
    let answer = alice.call("echo", json!([1])).await;
    assert_eq!(answer["result"], json!([1]), "{release}");
    alice.leave().await;
    witness.is_served(&workspace.core).await;
}

#[tokio::test]
async fn a_presence_that_does_not_answer_delays_nobody() {
    tokio::join!(presence_is_silent("6"), presence_is_silent("8"));
}

#[tokio::test]
async fn a_full_bulkhead_refuses_and_the_others_pass() {
    let workspace = Workspace::with()
        .env("BULKHEAD_ENABLED", "true")
        .env("BULKHEAD_CONCURRENCY", "1")
        .env("BULKHEAD_MAX_QUEUE_SIZE", "0")
        .start()
        .await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut alice = workspace.login("alice").await;
    let held = json!(["*", "*", "echo", ["held"]]);
    behave(&workspace, METHODS, held.clone(), json!({"hold": true})).await;
    let asked = alice.begin("echo", json!(["held"])).await;
    workspace.core_hears(METHODS, held).await;
    // Of the same action none; of others as ever.
    let failed = witness.client.call("echo", json!([1])).await;
    assert_eq!(failed["error"]["error"], 429, "{failed}");
    witness.client.listen("room-messages", "private-id").await;
    workspace.core.ask("release", json!({})).await;
    let result = alice.expect(json!({"msg": "result", "id": asked})).await;
    assert_eq!(result["result"], json!(["held"]));
    witness.is_served(&workspace.core).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn a_core_that_freezes_is_given_up_and_taken_back() {
    let workspace = Workspace::with()
        .env("HEARTBEAT_INTERVAL", "1")
        .env("HEARTBEAT_TIMEOUT", "2")
        .env("WAIT_FOR_SERVICES_TIMEOUT", "100")
        .core("--heartbeat", "1")
        .start()
        .await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    core.process.signal("STOP");
    let asked = witness.client.begin("echo", json!(["asked"])).await;
    let failed = witness
        .client
        .expect(json!({"msg": "result", "id": asked}))
        .await;
    assert_eq!(failed["error"]["error"], 503, "{failed}");
    logged(service, "warn", "a node fell silent").await;
    witness.is_refused(503).await;
    core.process.signal("CONT");
    witness.is_served_again(service, core).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn a_core_that_restarts_under_its_name_owes_nothing() {
    // Not by the missing heartbeats.
    let builder = Workspace::with().env("HEARTBEAT_INTERVAL", "10");
    let mut workspace = builder.env("HEARTBEAT_TIMEOUT", "300").start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let mut asked = Vec::new();
    for name in ["alice", "carol"] {
        let mut client = workspace.login(name).await;
        let id = client.begin("peer.never", json!([])).await;
        asked.push((client, id));
    }
    let called = json!({"match": {"name": METHODS}, "count": 2});
    workspace.core.ask("await", called).await;
    workspace.core.tell("crash").await;
    workspace.core.process.ended().await;
    let url = workspace.nats.url();
    workspace.core = Peer::start("core.js", &["--nats", &url]).await;
    for (client, id) in &mut asked {
        let result = client.expect(json!({"msg": "result", "id": id})).await;
        assert_eq!(result["error"]["error"], 503, "{result}");
    }
    workspace.core_knows_us().await;
    let (service, core) = (&workspace.service, &workspace.core);
    witness.is_served_again(service, core).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn a_core_that_keeps_dying_is_served_each_time_it_is_there() {
    let (builder, metrics) = counting(Workspace::with());
    let mut workspace = builder
        .env("HEARTBEAT_INTERVAL", "1")
        .env("HEARTBEAT_TIMEOUT", "3")
        .core("--heartbeat", "1")
        .start()
        .await;
    let mut witness = Witness::at(workspace.service.port).await;
    for turn in 0..4 {
        workspace.core.tell("crash").await;
        workspace.core.process.ended().await;
        let (url, node) = (workspace.nats.url(), format!("core-{turn}"));
        let args = ["--nats", &url, "--node", &node, "--heartbeat", "1"];
        workspace.core = Peer::start("core.js", &args).await;
        workspace.core_knows_us().await;
        let (service, core) = (&workspace.service, &workspace.core);
        witness.is_served_again(service, core).await;
    }
    // What is gone is not kept as if it were there.
    let online = of_node("moleculer_registry_nodes_online_total", &workspace);
    eventually("the dead are known to be dead", || async {
        (counted(metrics, &online).await <= 2.0).then_some(())
    })
    .await;
}
