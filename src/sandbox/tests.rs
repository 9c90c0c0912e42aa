//! The core over a mesh in this process: as a streamer meets it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::CoreRelease;
use super::database::Database;
use super::node::{CoreNode, Joining};
use super::world::{World, hash_login_token};
use crate::mesh::{
    Call, CallError, Event, Listed, LocalBus, Mesh, MeshConfig, MeshState, NodeId, Release,
    ServiceSpec, Transporter,
};
use crate::store::Store;

const WAIT: Duration = Duration::from_secs(5);

/// A core, and a streamer's node that calls it and hears it.
struct Scene {
    node: CoreNode,
    store: Store,
    streamer: Mesh,
    heard: mpsc::Receiver<(String, Value)>,
    token: CancellationToken,
}

impl Scene {
    async fn start(release: CoreRelease) -> Self {
        let (bus, store) = (LocalBus::new(), Store::memory());
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        let (world, database) = (World::seeded(release), Database::Memory(store.clone()));
        database.fill(&world).await.unwrap();
        let joining = Joining {
            mesh: super::node::in_this_process(Transporter::Local(bus.clone())).unwrap(),
            release,
            suffix: String::new(),
        };
        let node = CoreNode::start(joining, world, database, &tracker, &token).unwrap();
        let (ear, heard) = mpsc::channel(1000);
        let listener = move |event: &Event<'_>| {
            let _ = ear.try_send((
                event.name.to_string(),
                serde_json::from_str(event.data.get()).unwrap(),
            ));
        };
        let config = MeshConfig::new(NodeId::new("streamer-1").unwrap(), Transporter::Local(bus));
        let spec = ServiceSpec::new("streamer").events([
            "watch.messages",
            "watch.users",
            "presence.status",
            "user.forceLogout",
        ]);
        let streamer =
            Mesh::start(config, vec![spec], Arc::new(listener), &tracker, &token).unwrap();
        let mut state = streamer.state();
        tokio::time::timeout(WAIT, state.wait_for(|state| *state == MeshState::Joined))
            .await
            .unwrap()
            .unwrap();
        Self {
            node,
            store,
            streamer,
            heard,
            token,
        }
    }

    async fn call(&self, action: &str, params: Value) -> Result<Value, CallError> {
        let answer = self
            .streamer
            .call(Call::new(action, &params.to_string()))
            .await?;
        Ok(answer.map_or(Value::Null, |answer| {
            serde_json::from_str(answer.get()).unwrap()
        }))
    }

    async fn method(&self, who: &str, method: &str, params: Value) -> Result<Value, CallError> {
        let token = hash_login_token(&format!("{who}-token"));
        self.call(
            "meteor.callMethodWithToken",
            json!([format!("{who}-id"), token, method, params]),
        )
        .await
    }

    async fn hears(&mut self, event: &str) -> Value {
        loop {
            let (name, args) = tokio::time::timeout(WAIT, self.heard.recv())
                .await
                .unwrap()
                .unwrap();
            if name == event {
                return args;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_is_answered_and_its_event_is_heard() {
    let mut scene = Scene::start(CoreRelease::V8).await;
    let answer = scene
        .method(
            "alice",
            "sendMessage",
            json!([{ "rid": "GENERAL", "msg": "hello" }]),
        )
        .await
        .unwrap();
    assert_eq!(answer["result"]["msg"], json!("hello"));
    assert_eq!(
        scene.hears("watch.messages").await[0]["message"]["_id"],
        answer["result"]["_id"]
    );
    let told = scene.node.journal.events();
    let entry = told
        .iter()
        .find(|entry| entry.event == "watch.messages")
        .unwrap();
    assert!(entry.called.is_some_and(|called| called <= entry.sent));
    scene.token.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_travels_with_its_code() {
    let scene = Scene::start(CoreRelease::V8).await;
    let CallError::Remote(error) = scene
        .method(
            "carol",
            "sendMessage",
            json!([{ "rid": "private-id", "msg": "x" }]),
        )
        .await
        .unwrap_err()
    else {
        panic!("not the core's own error");
    };
    let seen = error.meteor().unwrap();
    assert_eq!(
        (seen.code.to_string().as_str(), seen.message.as_str()),
        ("error-not-allowed", "Not allowed [error-not-allowed]")
    );
    scene.token.cancel();
}

// contract: ddp/message/ejson-unreadable
#[tokio::test(start_paused = true)]
async fn what_no_reader_of_ejson_takes_is_refused_and_done_by_nobody() {
    let mut scene = Scene::start(CoreRelease::V9).await;
    for unreadable in [
        json!({ "$binary": 12 }),
        json!([{ "$escape": null }]),
        json!({ "$type": "oid", "$value": "507f1f77bcf86cd799439011" }),
    ] {
        let message = json!({ "rid": "GENERAL", "msg": "unread", "extra": unreadable });
        let refused = scene.method("alice", "sendMessage", json!([message]));
        let Err(CallError::Remote(error)) = refused.await else {
            panic!("{message} was taken");
        };
        assert!(error.meteor().is_none(), "no matter of the client's");
    }
    let message = json!({ "rid": "GENERAL", "msg": "read", "at": { "$date": 1 } });
    scene
        .method("alice", "sendMessage", json!([message]))
        .await
        .unwrap();
    let heard = scene.hears("watch.messages").await;
    assert_eq!(heard[0]["message"]["msg"], json!("read"));
    scene.token.cancel();
}

#[tokio::test(start_paused = true)]
async fn the_store_is_written_before_the_answer_comes() {
    let scene = Scene::start(CoreRelease::V8).await;
    assert!(scene.store.is_member("private-id", "bob-id").await.unwrap());
    scene
        .method(
            "alice",
            "removeUserFromRoom",
            json!([{ "rid": "private-id", "username": "bob" }]),
        )
        .await
        .unwrap();
    assert!(!scene.store.is_member("private-id", "bob-id").await.unwrap());
    let access = scene
        .call(
            "authorization.canAccessRoomId",
            json!(["private-id", "bob-id", null]),
        )
        .await
        .unwrap();
    assert_eq!(access, json!(false));
    scene.token.cancel();
}

#[tokio::test(start_paused = true)]
async fn the_release_is_read_off_its_events_and_actions() {
    for (release, seen, reads) in [
        (CoreRelease::V6, Release::V6, false),
        (CoreRelease::V7, Release::V6, false),
        (CoreRelease::V8, Release::V8, true),
        (CoreRelease::V9, Release::V8, true),
    ] {
        let scene = Scene::start(release).await;
        let offers = |action| scene.streamer.offers(action);
        assert_eq!(
            (
                scene.streamer.release(),
                offers("authorization.canReadRoom")
            ),
            (seen, reads)
        );
        assert_eq!(offers("status-visibility.getHiddenFrom"), reads);
        assert_eq!(
            scene.streamer.meteor_events("stream") == Listed::All,
            release == CoreRelease::V9
        );
        scene.token.cancel();
    }
}

#[tokio::test(start_paused = true)]
async fn a_streamer_that_leaves_takes_its_sessions_along() {
    let mut scene = Scene::start(CoreRelease::V8).await;
    scene
        .call(
            "presence.newConnection",
            json!(["alice-id", "s1", "streamer-1"]),
        )
        .await
        .unwrap();
    assert_eq!(
        scene.hears("presence.status").await[0]["user"]["status"],
        json!("online")
    );
    scene.streamer.leave().await;
    let offline = async {
        loop {
            let user = scene
                .node
                .core
                .ask(None, |world| world.users["alice-id"].status.clone())
                .await
                .unwrap();
            if user == "offline" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(WAIT, offline).await.unwrap();
    scene.token.cancel();
}

#[tokio::test(start_paused = true)]
async fn secrets_are_not_listed() {
    let scene = Scene::start(CoreRelease::V8).await;
    scene
        .call("accounts.login", json!([{ "resume": "alice-token" }]))
        .await
        .unwrap();
    let calls = scene.node.journal.calls();
    assert_eq!(
        (calls[0].action.as_str(), &calls[0].params),
        ("accounts.login", &json!([{ "resume": "…" }]))
    );
    scene.token.cancel();
}
