//! The service as a node of the mesh, seen by a real Moleculer node: what it lists, answers and obeys.

use serde_json::{Value, json};

use crate::support::peer::matches;
use crate::support::service::Service;
use crate::support::{Peer, Workspace, eventually, free_port, root};

/// What a service that ended said at last; its log may still be on its way.
async fn last_words(service: &Service) -> Vec<Value> {
    eventually("last words", || async {
        let fatal = service.logged("fatal");
        (!fatal.is_empty()).then_some(fatal)
    })
    .await
}

/// The events of the golden files that others may send, sorted.
fn golden_events() -> Vec<String> {
    let files = root().join("tests/golden/events").read_dir().unwrap();
    let mut events: Vec<_> = files
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            Some(name.strip_suffix(".json")?.to_owned())
        })
        .filter(|name: &String| !name.starts_with('$'))
        .collect();
    events.sort();
    events
}

// contract: mesh/info/events, events/list, mesh/called/$node, mesh/called/unknown-action, mesh/packet/PING-PONG
#[tokio::test]
async fn moleculers_own_tools_see_it() {
    let workspace = Workspace::start().await;
    let node = workspace.node_id();
    let seen = workspace
        .core
        .ask("awaitNode", json!({"nodeID": node}))
        .await;
    assert_eq!(seen["available"], true);
    let streamer = seen["services"]
        .as_array()
        .and_then(|services| {
            services
                .iter()
                .find(|service| service["name"] == "streamer")
        })
        .unwrap_or_else(|| panic!("no streamer: {seen}"));
    let mut listed: Vec<String> = serde_json::from_value(streamer["events"].clone()).unwrap();
    listed.sort();
    assert_eq!(listed, golden_events(), "INFO lists what has a golden file");
    let ask = |action: &'static str, params: Value| {
        let node = node.clone();
        let core = &workspace.core;
        async move {
            core.ask(
                "call",
                json!({"action": action, "params": params, "nodeID": node}),
            )
            .await
        }
    };
    let nodes = ask("$node.list", json!({})).await;
    assert!(
        nodes.as_array().is_some_and(|nodes| nodes
            .iter()
            .any(|one| one["id"] == json!(node) && one["local"] == true)),
        "{nodes}"
    );
    let services = ask("$node.services", json!({})).await;
    assert!(services.to_string().contains("\"streamer\""), "{services}");
    assert!(ask("$node.health", json!({})).await["process"]["pid"].is_number());
    for action in ["$node.actions", "$node.events", "$node.options"] {
        let answer = ask(action, json!({})).await;
        assert!(
            answer.is_array() || answer.is_object(),
            "{action}: {answer}"
        );
    }
    let pong = workspace.core.ask("ping", json!({"nodeID": node})).await;
    assert!(pong["elapsedTime"].is_number(), "{pong}");
    let unknown = workspace
        .core
        .try_ask(
            "call",
            json!({"action": "streamer.nothing", "params": [], "nodeID": node}),
        )
        .await;
    let unknown = unknown.unwrap_err();
    let expected = json!({
        "name": "ServiceNotFoundError", "code": 404, "type": "SERVICE_NOT_FOUND", "retryable": true,
        "message": format!("Service 'streamer.nothing' is not found on '{node}' node."),
        "data": {"action": "streamer.nothing", "nodeID": node},
    });
    assert!(matches(&expected, &unknown), "{unknown}");
    let metrics = workspace
        .core
        .try_ask(
            "call",
            json!({"action": "$node.metrics", "params": {}, "nodeID": node}),
        )
        .await
        .unwrap_err();
    assert_eq!(metrics["type"], "METRICS_DISABLED", "{metrics}");
}

// contract: mesh/conflict/newcomer, mesh/node-id/dots, configuration/variable/NODE_ID
#[tokio::test]
async fn a_newcomer_with_a_node_id_that_is_taken_stops_and_says_so() {
    let workspace = Workspace::with()
        .env("NODE_ID", "streamer.with.dots")
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    let mut env = workspace.env.clone();
    env.insert("PORT".into(), free_port().to_string());
    let mut newcomer = Service::spawn(&env);
    assert_eq!(newcomer.process.ended().await.code(), Some(1));
    let fatal = last_words(&newcomer).await;
    assert_eq!(fatal.len(), 1, "{fatal:?}");
    assert!(
        fatal[0]["msg"]
            .as_str()
            .is_some_and(|msg| msg.contains("streamer.with.dots")),
        "{fatal:?}"
    );
    // The one that was there goes on, with its clients, and the core still knows it.
    let whoami = alice.call("whoami", json!([])).await;
    assert_eq!(whoami["result"]["uid"], "alice-id");
    alice.listen("room-messages", "GENERAL").await;
    let message = json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "hello"}}]);
    workspace.broadcast("watch.messages", message).await;
    assert_eq!(alice.hears("room-messages", "GENERAL").await[0]["_id"], "m");
    assert!(workspace.service.logged("fatal").is_empty());
}

// contract: mesh/conflict
#[tokio::test]
async fn a_foreign_node_with_its_node_id_stops_it() {
    let mut workspace = Workspace::with().env("NODE_ID", "twice").start().await;
    let url = workspace.nats.url();
    let _foreign = Peer::start("core.js", &["--nats", &url, "--node", "twice"]).await;
    assert_eq!(workspace.service.process.ended().await.code(), Some(1));
    let fatal = last_words(&workspace.service).await;
    assert!(
        fatal[0].to_string().contains("node-id conflict"),
        "{fatal:?}"
    );
}

// contract: mesh/licence, configuration/variable/LICENSE_CHECK_INTERVAL, configuration/variable/MAX_FAILS
#[tokio::test]
async fn without_a_licence_the_first_of_two_streamers_stops() {
    let mut workspace = Workspace::with()
        .env("NODE_ID", "a-streamer")
        .env("LICENSE_CHECK_INTERVAL", "1")
        .start()
        .await;
    let mut env = workspace.env.clone();
    env.insert("PORT".into(), free_port().to_string());
    env.insert("NODE_ID".into(), "b-streamer".into());
    let second = Service::spawn(&env);
    second.ready().await;
    workspace
        .core
        .ask("awaitNode", json!({"nodeID": "b-streamer"}))
        .await;
    workspace
        .core
        .ask("set", json!({"state": {"license": {"valid": false}}}))
        .await;
    let mut client = workspace.client().await;
    assert_eq!(client.closed().await.code, Some(1001), "clients are told");
    assert_eq!(workspace.service.process.ended().await.code(), Some(1));
    let fatal = last_words(&workspace.service).await;
    assert!(
        fatal
            .iter()
            .any(|line| line["msg"] == "Enterprise license not found. Shutting down..."),
        "{fatal:?}"
    );
    // The other one is not alone online, and goes on: it finds none twice, and did not stop the first time.
    eventually("the second's own verdict", || async {
        let warnings = second.logged("warn").into_iter();
        let none = "no scalability licence was found";
        (warnings.filter(|line| line["msg"] == none).count() > 1).then_some(())
    })
    .await;
    assert_eq!(
        crate::support::http::get(second.port, "/readyz")
            .await
            .unwrap()
            .status,
        200
    );
}

// contract: mesh/subject/REQB-EVENTB
#[tokio::test]
async fn a_core_without_its_balancer_sees_no_difference() {
    let workspace = Workspace::with().core("--balancer", "off").start().await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "GENERAL").await;
    let whoami = alice.call("whoami", json!([])).await;
    assert_eq!(whoami["result"]["uid"], "alice-id");
    let message = |id: &str| json!([{"message": {"_id": id, "rid": "GENERAL", "msg": "hello"}}]);
    // Each is heard once: what comes next is the next one.
    for (cmd, id) in [
        ("emit", "a"),
        ("broadcast", "b"),
        ("emit", "c"),
        ("broadcast", "d"),
    ] {
        let event = json!({"event": "watch.messages", "args": message(id)});
        workspace.core.ask(cmd, event).await;
        let heard = alice.hears("room-messages", "GENERAL").await;
        assert_eq!(heard[0]["_id"], id);
    }
    // A call to any node that offers the action, the core itself among them.
    let pid = json!(workspace.service.process.pid());
    eventually("our turn to answer", || async {
        let call = json!({"action": "$node.health", "params": {}});
        let health = workspace.core.ask("call", call).await;
        (health["process"]["pid"] == pid).then_some(())
    })
    .await;
}

// contract: mesh/release/decided, mesh/release/changes
#[tokio::test]
async fn the_release_of_the_core_decides_and_may_change() {
    let workspace = Workspace::with().core("--release", "7").start().await;
    let mut anonymous = workspace.client().await;
    // 6.x and 7.x: webrtc of any room, for anybody; 8.x: no exception.
    let id = anonymous.listen("notify-room", "private-id/webrtc").await;
    workspace.core.ask("services", json!({"release": 8})).await;
    let ended = anonymous.expect(json!({"msg": "nosub", "id": id})).await;
    assert_eq!(ended["error"]["error"], "not-allowed", "{ended}");
    let (_, refused) = anonymous
        .try_sub("stream-notify-room", json!(["private-id/webrtc", false]))
        .await;
    assert_eq!(refused["error"]["error"], "not-allowed", "{refused}");
}
