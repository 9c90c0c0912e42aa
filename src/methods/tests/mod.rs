//! Methods over a mesh of two nodes in this process, in paused time.

mod accounts;
mod core;
mod lifecycle;
mod limits;
mod presence;
mod publications;

use std::collections::VecDeque;
use std::task::{Context, Waker};

use serde_json::json;

use super::*;
use crate::client::{Buffered, ClientSeed, Connection, Listed};
use crate::ddp::{Close, Code, Framing};
use crate::ejson;
use crate::services::testing::{World, settle};
use crate::store::Collection;
use crate::streams::{CHANNELS, Hub, StreamsSeed};

pub(super) struct Bench {
    world: World,
    methods: Arc<Methods>,
    directory: Arc<Directory>,
}

pub(super) struct Session {
    client: Arc<Client>,
    methods: Arc<Methods>,
    listed: Option<Listed>,
}

impl Bench {
    async fn start() -> Self {
        Self::with(false).await
    }

    async fn with(password_login: bool) -> Self {
        Self::of(MethodsConfig {
            password_login,
            ..crate::config::defaults().methods
        })
        .await
    }

    async fn of(config: MethodsConfig) -> Self {
        let world = World::start().await;
        world.core.answers("accounts.login", |params| {
            let user = ["alice", "bob"].into_iter().find(|user| params.contains(user));
            let answer = user.map_or("false".to_owned(), |user| {
                format!(r#"{{"uid":"{user}","token":"t-{user}","hashedToken":"h-{user}","tokenExpires":{{"$date":5}},"type":"resume"}}"#)
            });
            Ok(Some(ejson::raw(answer).unwrap()))
        });
        let store = Store::memory();
        let memory = store.as_memory().unwrap();
        for user in ["alice", "bob"] {
            memory
                .put(
                    Collection::Users,
                    json!({"_id": user, "username": user, "secret": "x"}),
                )
                .unwrap();
        }
        let settings = Settings::new(store.clone());
        let hub = Arc::new(Hub::new(CHANNELS));
        let directory = Arc::new(Directory::default());
        let rooms = Rooms {
            streams: Streams::new(StreamsSeed {
                hub: hub.clone(),
                directory: directory.clone(),
                services: world.services.clone(),
                store: store.clone(),
                settings: settings.clone(),
                tracker: world.tracker.clone(),
                cancel: world.stop.clone(),
                origin: "me".to_owned(),
            }),
            collections: Arc::new(Collections::new(hub, world.services.clone())),
            services: world.services.clone(),
            store,
            settings,
            directory: directory.clone(),
        };
        let methods = Methods::new(rooms, &config, &world.tracker, &world.stop);
        Self {
            world,
            methods,
            directory,
        }
    }

    fn open(&self, id: &str) -> Session {
        let client = Client::new(ClientSeed {
            id: id.into(),
            framing: Framing::Raw,
            connection: Connection {
                instance: "i".into(),
                address: Some("192.0.2.1".into()),
                headers: r#"{"host":"h"}"#.into(),
            },
            buffered: Buffered::new(100_000, 1 << 30),
            max_subscriptions: 10,
        });
        let listed = Some(self.directory.enter(&client));
        self.methods.opened(&client);
        Session {
            client,
            methods: self.methods.clone(),
            listed,
        }
    }

    /// A session that is logged in, and the core's diary emptied.
    async fn logged_in(&self, id: &str, user: &str) -> Session {
        let session = self.open(id);
        session
            .call("login", &format!(r#"[{{"resume":"{user}"}}]"#))
            .await;
        self.world.core.heard().await;
        session
    }

    /// The user's login token is in the database.
    fn put_token(&self, user: &str, hashed: &str) {
        let store = &self.methods.rooms.store;
        let tokens = json!({"resume": {"loginTokens": [{"hashedToken": hashed}]}});
        let document = json!({"_id": user, "username": user, "services": tokens});
        let memory = store.as_memory().unwrap();
        memory.put(Collection::Users, document).unwrap();
    }

    async fn heard(&self) -> Vec<String> {
        self.world.core.heard().await
    }
}

impl Session {
    /// Calls a method, and reads what the session would write: all of it, in order; a close comes last.
    async fn call(&self, method: &str, params: &str) -> Vec<String> {
        let call = MethodCall {
            id: "7".into(),
            method: method.into(),
            params: ejson::raw(params.to_owned()).unwrap(),
        };
        let reply = self.methods.clone().method(self.client.clone(), call).await;
        let mut said = self.sent();
        said.push(text(match &reply.result {
            Ok(result) => message::result("7", result.as_deref()),
            Err(error) => message::result_error("7", error),
        }));
        said.push(text(message::updated("7")));
        let close = reply.after.close;
        if reply.after.sent.is_some() {
            drop(reply);
            settle().await;
            said.extend(self.sent());
        }
        said.extend(close.map(|close| format!("close {}", close.name())));
        said
    }

    /// The `result` of a call alone.
    async fn result(&self, method: &str, params: &str) -> String {
        let said = self.call(method, params).await;
        assert_eq!(
            said[1..],
            [r#"{"msg":"updated","methods":["7"]}"#],
            "{said:?}"
        );
        said[0].clone()
    }

    /// What was sent beside answers.
    fn sent(&self) -> Vec<String> {
        let mut batch = VecDeque::new();
        let _nothing_yet = self
            .client
            .outbox()
            .poll_take(&mut Context::from_waker(Waker::noop()), &mut batch);
        let payload = |bytes: &[u8]| text(bytes[if bytes[1] < 126 { 2 } else { 4 }..].to_vec());
        batch
            .drain(..)
            .map(|frame| payload(frame.bytes()))
            .collect()
    }

    /// The teardown, as a session does it.
    async fn close(mut self) {
        self.methods.leave(&self.client);
        self.listed = None;
        self.methods.clone().closed(self.client.clone()).await;
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The `connection` object of a session.
fn connection(id: &str, token: Option<&str>) -> String {
    let token = token.map_or(String::new(), |token| format!(r#","loginToken":"{token}""#));
    format!(
        r#"{{"id":"{id}","instanceId":"i","clientAddress":"192.0.2.1"{token},"httpHeaders":{{"host":"h"}}}}"#
    )
}

fn error(code: i64, reason: &str) -> String {
    format!(
        r#"{{"msg":"result","id":"7","error":{{"isClientSafe":true,"error":{code},"reason":"{reason}","message":"{reason} [{code}]","errorType":"Meteor.Error"}}}}"#
    )
}

const EMPTY: &str = r#"{"msg":"result","id":"7"}"#;
const UPDATED: &str = r#"{"msg":"updated","methods":["7"]}"#;
