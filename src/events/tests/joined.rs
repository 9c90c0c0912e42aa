//! From a core's broadcast to a client's frame: mesh, events, streams and collections joined as the app joins them.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::client::{Client, ClientSeed, Connection, Identity, Listed, SubOutcome};
use crate::collections::Collections;
use crate::ddp::message::Subscription;
use crate::ddp::{Close, Framing};
use crate::services::testing::{World, settle};
use crate::store::{Collection, Settings, Store};
use crate::streams::{CHANNELS, Hub, Streams, StreamsSeed};

struct Joined {
    world: World,
    streams: Arc<Streams>,
    collections: Arc<Collections>,
    directory: Arc<Directory>,
    settings: Settings,
    store: Store,
    listed: Mutex<Vec<Listed>>,
}

impl Joined {
    async fn start() -> Self {
        let (late, names) = (
            Arc::new(Late::default()),
            Events::names().collect::<Vec<_>>(),
        );
        let world = World::listening(late.clone(), &names).await;
        let (hub, directory, store) = (
            Arc::new(Hub::new(CHANNELS)),
            Arc::new(Directory::default()),
            Store::memory(),
        );
        let settings = Settings::new(store.clone());
        let streams = Streams::new(StreamsSeed {
            hub: hub.clone(),
            directory: directory.clone(),
            services: world.services.clone(),
            store: store.clone(),
            settings: settings.clone(),
            tracker: world.tracker.clone(),
            cancel: world.stop.clone(),
            origin: "me".to_owned(),
        });
        let collections = Arc::new(Collections::new(hub, world.services.clone()));
        let house = Live {
            streams: streams.clone(),
            collections: collections.clone(),
            services: world.services.clone(),
            store: store.clone(),
            settings: settings.clone(),
        };
        late.set(Arc::new(Events::new(
            Arc::new(house),
            directory.clone(),
            true,
            &world.tracker,
            &world.stop,
        )));
        Self {
            world,
            streams,
            collections,
            directory,
            settings,
            store,
            listed: Mutex::default(),
        }
    }

    fn open(&self, id: &str, user: &str, framing: Framing) -> Arc<Client> {
        let client = Client::new(ClientSeed {
            id: id.into(),
            framing,
            connection: Connection {
                instance: "i".into(),
                address: None,
                headers: "{}".into(),
            },
            max_buffered_bytes: 100_000,
            max_subscriptions: 10,
        });
        self.listed.lock().push(self.directory.enter(&client));
        let identity = Identity {
            user: user.into(),
            hashed_token: format!("h-{user}").into(),
        };
        self.directory.identify(&client, Some(identity));
        client
    }

    async fn broadcast(&self, event: &str, args: &str) {
        self.world.core.mesh.broadcast(event, args);
        settle().await;
    }
}

fn heard(client: &Client) -> Vec<String> {
    let mut batch = VecDeque::new();
    let _nothing_yet = client
        .outbox()
        .poll_take(&mut Context::from_waker(Waker::noop()), &mut batch);
    let payload = |bytes: &[u8]| {
        String::from_utf8(bytes[if bytes[1] < 126 { 2 } else { 4 }..].to_vec()).unwrap()
    };
    batch
        .drain(..)
        .map(|frame| payload(frame.bytes()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_becomes_the_frames_of_both_framings() {
    let joined = Joined::start().await;
    let clients = [
        joined.open("1", "u", Framing::Raw),
        joined.open("2", "u", Framing::SockJs),
    ];
    for client in &clients {
        let params =
            ejson::raw(r#"["u/notification",{"useCollection":false,"args":[]}]"#.into()).unwrap();
        let outcome = joined
            .streams
            .subscribe(client.clone(), "notify-user", "1", &params)
            .await;
        assert_eq!(outcome, SubOutcome::Ready);
        heard(client);
    }
    joined
        .broadcast("notify.desktop", r#"["u",{"title":"t"}]"#)
        .await;
    assert_eq!(
        heard(&clients[0]),
        [
            r#"{"msg":"changed","collection":"stream-notify-user","id":"id","fields":{"eventName":"u/notification","args":[{"title":"t"}]}}"#
        ]
    );
    assert_eq!(
        heard(&clients[1]),
        [
            r#"a["{\"msg\":\"changed\",\"collection\":\"stream-notify-user\",\"id\":\"id\",\"fields\":{\"eventName\":\"u/notification\",\"args\":[{\"title\":\"t\"}]}}"]"#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_forced_logout_is_heard_before_the_end() {
    let joined = Joined::start().await;
    let client = joined.open("1", "u", Framing::Raw);
    let params = ejson::raw(r#"["u/force_logout"]"#.into()).unwrap();
    joined
        .streams
        .subscribe(client.clone(), "notify-user", "1", &params)
        .await;
    heard(&client);
    joined.broadcast("user.forceLogout", r#"["u"]"#).await;
    assert_eq!(
        heard(&client),
        [
            r#"{"msg":"changed","collection":"stream-notify-user","id":"id","fields":{"eventName":"u/force_logout","args":[]}}"#
        ]
    );
    assert_eq!(client.outbox().closing(), Some(Close::ThrownOut));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_gone_is_looked_up_in_the_database() {
    let joined = Joined::start().await;
    let (kept, gone) = (
        joined.open("1", "kept", Framing::Raw),
        joined.open("2", "gone", Framing::Raw),
    );
    let user = json!({"_id": "kept", "services": {"resume": {"loginTokens": [{"hashedToken": "h-kept"}]}}});
    joined
        .store
        .as_memory()
        .unwrap()
        .put(Collection::Users, user)
        .unwrap();
    for user in ["kept", "gone"] {
        joined
            .broadcast(
                "watch.users",
                &format!(r#"[{{"id":"{user}","clientAction":"updated","diff":{{"services.resume.loginTokens":[]}}}}]"#),
            )
            .await;
    }
    assert_eq!(
        [&kept, &gone].map(|client| client.outbox().closing()),
        [None, Some(Close::ThrownOut)]
    );
}

#[tokio::test(start_paused = true)]
async fn settings_and_collections_are_kept_fresh() {
    let joined = Joined::start().await;
    let client = joined.open("1", "u", Framing::Raw);
    let sub = Subscription {
        id: "1".into(),
        name: "meteor_autoupdate_clientVersions".into(),
        params: ejson::raw("[]".into()).unwrap(),
    };
    assert_eq!(
        joined.collections.subscribe(&client, &sub),
        Some(SubOutcome::Ready)
    );
    joined
        .broadcast(
            "meteor.clientVersionUpdated",
            r#"[{"_id":"web.browser","version":"v2","versionHmr":0}]"#,
        )
        .await;
    assert_eq!(
        heard(&client),
        [
            r#"{"msg":"ready","subs":["1"]}"#,
            r#"{"msg":"added","collection":"meteor_autoupdate_clientVersions","id":"web.browser","fields":{"version":"v2","versionHmr":0}}"#,
        ]
    );
    assert!(!joined.settings.is_true("OTR_Enable").await.unwrap());
    joined
        .broadcast(
            "watch.settings",
            r#"[{"clientAction":"updated","setting":{"_id":"OTR_Enable","value":true}}]"#,
        )
        .await;
    assert!(joined.settings.is_true("OTR_Enable").await.unwrap());
}
