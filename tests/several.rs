//! Several streamers on one NATS, and cores that change under live sessions.

use serde_json::{Value, json};

use crate::support::service::Service;
use crate::support::{Client, Peer, Workspace, eventually, free_port};

/// One more streamer beside the workspace's own.
pub async fn another(workspace: &Workspace, name: &str) -> Service {
    let mut env = workspace.env.clone();
    env.insert("PORT".into(), free_port().to_string());
    env.insert("NODE_ID".into(), name.into());
    let service = Service::spawn(&env);
    service.ready().await;
    let ready = json!({"nodeID": name, "events": ["watch.messages"]});
    workspace.core.ask("awaitNode", ready).await;
    service
}

async fn login(service: &Service, name: &str) -> Client {
    let mut client = Client::connect(service.port).await;
    client.login(name).await;
    client
}

// contract: mesh/several-streamers
#[tokio::test]
async fn three_streamers_are_one_edge() {
    let workspace = Workspace::with()
        .env("NODE_ID", "streamer-a")
        .env("HEARTBEAT_INTERVAL", "1")
        .env("HEARTBEAT_TIMEOUT", "2")
        .core("--heartbeat", "1")
        .core("--heartbeat-timeout", "2")
        .start()
        .await;
    let second = another(&workspace, "streamer-b").await;
    let mut third = another(&workspace, "streamer-c").await;
    let mut alice = workspace.login("alice").await;
    let mut bob = login(&second, "bob").await;
    let mut bot = login(&third, "bot").await;
    let typing = "private-id/user-activity";
    for client in [&mut alice, &mut bob, &mut bot] {
        client.listen("notify-room", typing).await;
        client.listen("room-messages", "private-id").await;
    }

    // What a client writes reaches the others' clients exactly once, and not itself.
    alice
        .call(
            "stream-notify-room",
            json!([typing, "alice", ["user-typing"], {}]),
        )
        .await;
    alice
        .call(
            "sendMessage",
            json!([{"_id": "m", "rid": "private-id", "msg": "to all"}]),
        )
        .await;
    for client in [&mut bob, &mut bot] {
        client.hears("room-messages", "private-id").await;
        let seen = client.so_far().await;
        let typed = seen
            .iter()
            .filter(|message| message["fields"]["eventName"] == typing)
            .count();
        assert_eq!(typed, 1, "{seen:?}");
    }
    let own = alice.so_far().await;
    assert!(
        own.iter()
            .all(|message| message["fields"]["eventName"] != typing),
        "{own:?}"
    );

    // Presence and forced logouts across them.
    bob.sub("stream-user-presence", json!(["", {"added": ["bot-id"]}]))
        .await;
    let mut again = login(&second, "alice").await;
    workspace
        .broadcast("user.forceLogout", json!(["alice-id"]))
        .await;
    for client in [&mut alice, &mut again] {
        assert_eq!(
            client.closed().await.code.filter(|code| *code != 1005),
            None
        );
    }

    // One is killed without a word: after the time-outs it has left no trace.
    third.process.kill().await;
    workspace
        .core
        .ask(
            "awaitNode",
            json!({"nodeID": "streamer-c", "available": false}),
        )
        .await;
    let gone = json!({"msg": "changed", "collection": "stream-user-presence", "id": "bot-id"});
    assert_eq!(
        bob.expect(gone).await["fields"]["args"],
        json!([["bot", 0, ""]])
    );
    assert_eq!(
        bob.call("whoami", json!([])).await["result"]["uid"],
        "bob-id"
    );
}

// contract: mesh/subject/REQB-EVENTB
#[tokio::test]
async fn without_a_balancer_nats_picks_one_of_several_streamers() {
    const EMITTED: usize = 20;
    let workspace = Workspace::with()
        .env("NODE_ID", "streamer-a")
        .core("--balancer", "off")
        .start()
        .await;
    let second = another(&workspace, "streamer-b").await;
    let mut clients = [workspace.login("alice").await, login(&second, "bob").await];
    for client in &mut clients {
        client.listen("room-messages", "GENERAL").await;
    }
    let message = |id: String| json!([{"message": {"_id": id, "rid": "GENERAL", "msg": "hello"}}]);
    for n in 0..EMITTED {
        let event = json!({"event": "watch.messages", "args": message(format!("emitted-{n}"))});
        workspace.core.ask("emit", event).await;
    }
    let heard = tokio::sync::Mutex::new((clients, Vec::new()));
    let count = eventually("each emitted event at one of them", || async {
        let (clients, ids) = &mut *heard.lock().await;
        for client in clients {
            ids.extend(heard_ids(client.so_far().await));
        }
        (ids.len() >= EMITTED).then_some(ids.len())
    })
    .await;
    let (mut clients, mut ids) = heard.into_inner();
    workspace
        .broadcast("watch.messages", message("broadcast".to_owned()))
        .await;
    for client in &mut clients {
        assert_eq!(
            client.hears("room-messages", "GENERAL").await[0]["_id"],
            "broadcast",
            "{count} of {EMITTED} emitted events were heard before"
        );
    }
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), count), (EMITTED, EMITTED), "each once");
}

/// The ids of the messages in a client's stream events.
fn heard_ids(messages: Vec<Value>) -> Vec<String> {
    let events = messages
        .into_iter()
        .filter(|message| message["collection"] == "stream-room-messages");
    events
        .map(|message| {
            let id = &message["fields"]["args"][0]["_id"];
            id.as_str().expect("a message").to_owned()
        })
        .collect()
}

// contract: mesh/upgrade
#[tokio::test]
async fn a_mesh_is_upgraded_under_live_sessions() {
    let workspace = Workspace::with().core("--release", "7").start().await;
    let mut anonymous = workspace.client().await;
    let mut alice = workspace.login("alice").await;
    let webrtc = anonymous.listen("notify-room", "private-id/webrtc").await;
    alice.listen("room-messages", "GENERAL").await;

    // The mixed state: the stricter rule of the two holds.
    let url = workspace.nats.url();
    let newer = Peer::start(
        "core.js",
        &["--nats", &url, "--node", "core-2", "--release", "8"],
    )
    .await;
    let ended = anonymous
        .expect(json!({"msg": "nosub", "id": webrtc}))
        .await;
    assert_eq!(ended["error"]["error"], "not-allowed", "{ended}");
    newer
        .ask(
            "awaitNode",
            json!({"nodeID": workspace.node_id(), "events": ["watch.messages"]}),
        )
        .await;

    // The older core leaves; the form of presence is now the newer one's.
    workspace.core.tell("leave").await;
    newer
        .ask("awaitNode", json!({"nodeID": "core-1", "available": false}))
        .await;
    alice.listen("notify-logged", "user-status").await;
    let message = json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "from 8.x"}}]);
    newer
        .ask(
            "broadcast",
            json!({"event": "watch.messages", "args": message}),
        )
        .await;
    assert_eq!(
        alice.hears("room-messages", "GENERAL").await[0]["msg"],
        "from 8.x"
    );
    let user = json!({"_id": "bob-id", "username": "bob", "status": "busy", "statusText": "", "name": "Bob", "roles": ["user"]});
    let status = json!([{"user": user, "previousStatus": "online"}]);
    newer
        .ask(
            "broadcast",
            json!({"event": "presence.status", "args": status}),
        )
        .await;
    let args = alice.hears("notify-logged", "user-status").await;
    assert_eq!(args.as_array().map(Vec::len), Some(1), "{args}");
    assert_eq!(args[0].as_array().map(Vec::len), Some(8), "{args}");
}

// contract: methods/publication/login-services, methods/publication/client-versions, methods/publication/kept
#[tokio::test]
async fn the_collections_are_fresh_after_the_core_restarted() {
    let workspace = Workspace::start().await;
    let mut client = workspace.client().await;
    client
        .sub("meteor_autoupdate_clientVersions", json!([]))
        .await;
    client
        .sub("meteor.loginServiceConfiguration", json!([]))
        .await;
    let before: Vec<Value> = client.so_far().await;
    assert!(
        before.iter().any(|message| message["msg"] == "added"),
        "{before:?}"
    );
    workspace.core.tell("crash").await;
    let core = Peer::start(
        "core.js",
        &[
            "--nats",
            &workspace.nats.url(),
            "--node",
            "core-2",
            "--services",
            "license,authorization",
        ],
    )
    .await;
    let versions = json!({"web.browser": {"_id": "web.browser", "version": "after-the-restart"}});
    let services = json!([{"_id": "github-id", "service": "github", "clientId": "another"}, {"_id": "new-id", "service": "new"}]);
    let state = json!({"clientVersions": versions, "loginServices": services});
    core.ask("set", json!({"state": state})).await;
    core.ask("services", json!({"add": ["meteor"]})).await;
    let services = "meteor_accounts_loginServiceConfiguration";
    for pattern in [
        json!({
            "msg": "changed", "collection": "meteor_autoupdate_clientVersions", "id": "web.browser",
            "fields": {"version": "after-the-restart"}
        }),
        json!({"msg": "changed", "collection": services, "id": "github-id", "fields": {"clientId": "another"}}),
        json!({"msg": "added", "collection": services, "id": "new-id", "fields": {"service": "new"}}),
        json!({"msg": "removed", "collection": services, "id": "saml-id"}),
    ] {
        client.expect(pattern).await;
    }
}
