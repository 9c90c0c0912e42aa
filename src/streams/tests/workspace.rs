//! A workspace for tests: a core that answers as it is told, clients, and rooms.

use std::collections::VecDeque;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::{
    Buffered, Client, ClientSeed, Connection, Directory, Identity, Listed, SubOutcome,
};
use crate::ddp::{DdpError, Framing};
use crate::ejson;
use crate::mesh::{
    Answer, CallError, LocalBus, Mesh, MeshConfig, NodeId, RemoteError, Request, ServiceSpec,
    Transporter,
};
use crate::services::{Release, Services};
use crate::store::{Collection, Settings, Store};
use crate::streams::{CHANNELS, Hub, Stream, Streams, StreamsSeed};

/// What the core says, and what it was asked.
#[derive(Default)]
pub(super) struct Core {
    granted: Mutex<HashSet<String>>,
    asked: Mutex<Vec<String>>,
    delay: Mutex<Duration>,
    broken: Mutex<bool>,
    /// Actions that fail.
    broken_at: Mutex<HashSet<String>>,
    /// By viewer: who is hidden. `*` is everybody, `?` that it is not told.
    pub(super) hidden: Mutex<HashMap<String, Vec<String>>>,
    pub(super) restricted: Mutex<Vec<String>>,
    /// `getHiddenFrom` answers plain arrays, as 8.8 and 8.9 do.
    pub(super) plain_lists: Mutex<bool>,
}

impl Core {
    /// Grants a question: `canAccessRoom r u`, `hasPermission u p`, …; with its third argument behind it, only when it
    /// is asked with that.
    pub(super) fn grant(&self, what: &str) {
        self.granted.lock().insert(what.into());
    }

    pub(super) fn revoke(&self, what: &str) {
        self.granted.lock().remove(what);
    }

    /// Grants nothing any more that `is` names.
    pub(super) fn revoke_all(&self, is: impl Fn(&str) -> bool) {
        self.granted.lock().retain(|question| !is(question));
    }

    /// From now on every answer takes this long.
    pub(super) fn slow(&self, delay: Duration) {
        *self.delay.lock() = delay;
    }

    /// From now on every call fails, or no more.
    pub(super) fn fail(&self, broken: bool) {
        *self.broken.lock() = broken;
    }

    /// From now on calls of one action fail, or no more.
    pub(super) fn fail_at(&self, action: &str, broken: bool) {
        let mut broken_at = self.broken_at.lock();
        match broken {
            true => broken_at.insert(action.into()),
            false => broken_at.remove(action),
        };
    }

    /// From now on these are hidden from a viewer.
    pub(super) fn hide(&self, viewer: &str, uids: &[&str]) {
        let uids = uids.iter().map(ToString::to_string).collect();
        self.hidden.lock().insert(viewer.into(), uids);
    }

    /// What was asked since the last time.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock())
    }

    async fn answer(self: Arc<Self>, request: Request) -> Answer {
        let params: Value = serde_json::from_str(request.params.get()).unwrap();
        let id = |value: &Value| match value {
            Value::Object(object) => object.get("_id").cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let word = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let name = request.action.split('.').next_back().unwrap();
        let mut question = vec![name.to_owned()];
        question.extend(
            params
                .as_array()
                .unwrap()
                .iter()
                .take(2)
                .map(|param| word(id(param))),
        );
        let question = question.join(" ");
        let extra = params.get(2).filter(|extra| !extra.is_null());
        let whole = match extra {
            Some(extra) => format!("{question} {extra}"),
            None => question.clone(),
        };
        let granted = {
            let granted = self.granted.lock();
            granted.contains(&question) || granted.contains(&whole)
        };
        self.asked.lock().push(whole);
        let delay = *self.delay.lock();
        let broken = *self.broken.lock() || self.broken_at.lock().contains(name);
        tokio::time::sleep(delay).await;
        let answer = match name {
            "getHiddenFrom" => {
                let viewer = params[0].as_str().unwrap();
                let hidden = self.hidden.lock().get(viewer).cloned().unwrap_or_default();
                match hidden.first().map(String::as_str) {
                    _ if *self.plain_lists.lock() => json!(hidden),
                    Some("*") => json!({"hideAll": true}),
                    Some("?") => json!({"hideAll": false, "hidden": {}}),
                    _ => json!({"hideAll": false, "hidden": hidden}),
                }
            }
            "getRestrictedUsers" => json!(*self.restricted.lock()),
            "refresh" => {
                let user = |uid: &Value| json!({"_id": uid, "username": uid, "status": "away", "statusText": "t"});
                let all = json!(["u1", "u2", "u3"]);
                let targets = params[0].as_array().or(all.as_array());
                targets.unwrap().iter().map(user).collect()
            }
            _ => json!(granted),
        };
        match broken {
            true => Err(CallError::from(RemoteError::internal("broken"))),
            false => Ok(Some(ejson::raw(answer.to_string()).unwrap())),
        }
    }

    fn service(self: &Arc<Self>, name: &str, actions: &[&str]) -> ServiceSpec {
        actions.iter().fold(ServiceSpec::new(name), |spec, action| {
            let core = self.clone();
            spec.action(*action, move |request| core.clone().answer(request))
        })
    }

    pub(super) fn services(self: &Arc<Self>, release: Release, offers: Offers) -> Vec<ServiceSpec> {
        let events: &[&str] = match release {
            Release::V6 => &["otrMessage", "voip.events"],
            _ => &["user.media-signal", "stream"],
        };
        let mut authorization = vec![
            "hasPermission",
            "hasAtLeastOnePermission",
            "canAccessRoom",
            "canAccessRoomId",
            "canAccessConference",
        ];
        if offers == Offers::ReadRoom {
            authorization.push("canReadRoom");
        }
        let mut services = vec![
            self.service("authorization", &authorization),
            self.service("video-conference", &["validateAction"]),
            self.service("media-call", &["processSerializedSignal"]),
        ];
        if offers == Offers::Visibility {
            let actions = ["getHiddenFrom", "getRestrictedUsers", "refresh"];
            services.push(self.service("status-visibility", &actions));
        }
        if release != Release::Unknown {
            services.push(ServiceSpec::new("meteor").events(events.iter().copied()));
        }
        services
    }
}

/// What the core offers besides what every core does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offers {
    Plain,
    /// `canReadRoom`.
    ReadRoom,
    /// `status-visibility`.
    Visibility,
}

/// All of it.
pub(super) struct Workspace {
    pub(super) core: Arc<Core>,
    pub(super) core_node: Mesh,
    pub(super) streams: Arc<Streams>,
    pub(super) directory: Arc<Directory>,
    pub(super) store: Store,
    pub(super) settings: Settings,
    pub(super) bus: LocalBus,
    pub(super) tracker: TaskTracker,
    pub(super) cancel: CancellationToken,
    /// What the core's node heard: events `stream`.
    pub(super) heard: Arc<Mutex<Vec<String>>>,
}

impl Workspace {
    pub(super) async fn new(release: Release) -> Self {
        Self::with(release, Offers::Plain).await
    }

    pub(super) async fn with(release: Release, offers: Offers) -> Self {
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let (bus, core) = (LocalBus::new(), Arc::new(Core::default()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let config = |id: &str| {
            let id = NodeId::new(id).unwrap();
            let mut config = MeshConfig::new(id, Transporter::Local(bus.clone()));
            config.node.wait_for_services = Duration::from_millis(100);
            config.outbox_bytes = 4 * 1024 * 1024;
            config
        };
        // In mid-upgrade an older core is there, and a newer one beside it.
        let (mut services, newer) = match release {
            Release::Mixed => (
                core.services(Release::V6, Offers::Plain),
                Some(core.services(Release::V8, offers)),
            ),
            _ => (core.services(release, offers), None),
        };
        services.push(ServiceSpec::new("listener").event("stream"));
        let listener = {
            let heard = heard.clone();
            Arc::new(move |event: &crate::mesh::Event<'_>| {
                if event.name == "stream" {
                    heard.lock().push(event.data.get().to_owned());
                }
            })
        };
        let core_node =
            Mesh::start(config("core-1"), services, listener, &tracker, &cancel).unwrap();
        let mesh = Mesh::start(
            config("streamer-1"),
            vec![ServiceSpec::new("streamer").event("stream")],
            Arc::new(()),
            &tracker,
            &cancel,
        )
        .unwrap();
        let newer = newer.map(|services| {
            Mesh::start(config("core-2"), services, Arc::new(()), &tracker, &cancel).unwrap()
        });
        for node in [&core_node, &mesh].into_iter().chain(&newer) {
            let mut state = node.state();
            state
                .wait_for(|state| *state == crate::mesh::MeshState::Joined)
                .await
                .unwrap();
        }
        let reads_rooms = offers == Offers::ReadRoom;
        until(|| {
            mesh.offers("authorization.canAccessRoom")
                && mesh.offers("authorization.canReadRoom") == reads_rooms
                && mesh.release() == release
        })
        .await;
        let (store, directory) = (Store::memory(), Arc::new(Directory::default()));
        let settings = Settings::new(store.clone());
        let streams = Streams::new(StreamsSeed {
            hub: Arc::new(Hub::new(CHANNELS)),
            directory: directory.clone(),
            services: Services::new(&mesh),
            store: store.clone(),
            settings: settings.clone(),
            tracker: tracker.clone(),
            cancel: cancel.clone(),
            origin: "origin-1".into(),
        });
        let workspace = Self {
            core,
            core_node,
            streams,
            directory,
            store,
            settings,
            bus,
            tracker,
            cancel,
            heard,
        };
        workspace.fill();
        workspace
    }

    /// Users `alice` and `bob`, a public room `general` with both, alice's private room `secret`, a livechat room
    /// `chat` of the visitor with token `vt` that bob serves.
    fn fill(&self) {
        for (collection, document) in [
            (
                Collection::Rooms,
                json!({"_id": "general", "t": "c", "name": "general"}),
            ),
            (
                Collection::Rooms,
                json!({"_id": "secret", "t": "p", "name": "secret"}),
            ),
            (
                Collection::Rooms,
                json!({"_id": "chat", "t": "l", "v": {"_id": "visitor", "token": "vt"}, "servedBy": {"_id": "bob"}}),
            ),
            (
                Collection::Users,
                json!({"_id": "alice", "username": "alice.a", "name": "Alice", "roles": ["user"]}),
            ),
            (
                Collection::Users,
                json!({"_id": "bob", "username": "bob.b", "name": "Bob", "roles": ["user"]}),
            ),
        ] {
            self.put(collection, document);
        }
        for (room, user) in [
            ("general", "alice"),
            ("general", "bob"),
            ("secret", "alice"),
            ("chat", "bob"),
        ] {
            self.put(
                Collection::Subscriptions,
                json!({"_id": format!("{room}-{user}"), "rid": room, "u": {"_id": user}}),
            );
        }
    }

    pub(super) fn put(&self, collection: Collection, document: Value) {
        let memory = self.store.as_memory().unwrap();
        memory.put(collection, document).unwrap();
    }

    pub(super) fn set(&self, setting: &str, value: Value) {
        let raw = ejson::raw(value.to_string()).unwrap();
        self.put(
            Collection::Settings,
            json!({"_id": setting, "value": value}),
        );
        self.settings.apply("updated", setting, Some(&raw));
        self.streams.setting_changed(setting);
    }

    /// An anonymous session.
    pub(super) fn client(&self, id: &str) -> Session {
        let client = Client::new(ClientSeed {
            id: id.into(),
            framing: Framing::Raw,
            connection: Connection {
                instance: "i".into(),
                address: None,
                headers: "{}".into(),
            },
            buffered: Buffered::new(10_000_000, 1 << 30),
            max_subscriptions: 20,
        });
        Session {
            _listed: Arc::new(self.directory.enter(&client)),
            client,
            streams: self.streams.clone(),
            directory: self.directory.clone(),
        }
    }

    /// A session of a user.
    pub(super) fn login(&self, id: &str, user: &str) -> Session {
        let session = self.client(id);
        session.login(user);
        session
    }

    /// `watch.subscriptions`.
    pub(super) fn subscription(&self, action: &str, room: &str, user: &str) {
        let event = json!({"_id": "s", "rid": room, "u": {"_id": user}});
        self.streams
            .subscription_changed(action, &ejson::raw(event.to_string()).unwrap());
    }

    /// `watch.rooms`.
    pub(super) fn room(&self, action: &str, room: Value) {
        self.streams
            .room_changed(action, &ejson::raw(room.to_string()).unwrap());
    }

    /// Everything that waits is done.
    pub(super) async fn quiet(&self) {
        until(|| self.streams.queues().iter().all(|queue| queue.jobs() == 0)).await;
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.tracker.close();
    }
}

/// Waits until it is so; paused time runs on.
pub(super) async fn until(is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(600), waited)
        .await
        .expect("it never was so");
}

/// A client's session.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) client: Arc<Client>,
    streams: Arc<Streams>,
    directory: Arc<Directory>,
    _listed: Arc<Listed>,
}

impl Session {
    pub(super) fn login(&self, user: &str) {
        let identity = Identity {
            user: user.into(),
            hashed_token: "h".into(),
        };
        self.directory.identify(&self.client, Some(identity));
    }

    /// As the method does it: nothing flows on, and then the session is nobody's.
    pub(super) fn logout(&self) {
        self.streams.leave(&self.client);
        self.directory.identify(&self.client, None);
    }

    pub(super) async fn sub(&self, stream: &str, id: &str, params: Value) -> SubOutcome {
        let params: Box<RawValue> = ejson::raw(params.to_string()).unwrap();
        self.streams
            .subscribe(self.client.clone(), stream, id, &params)
            .await
    }

    /// Subscribes to an event name with the id of that name, and answers the messages that came of it.
    pub(super) async fn asks(&self, stream: &str, event_name: &str, args: Value) -> Vec<Value> {
        self.sub(
            stream,
            event_name,
            json!([event_name, {"useCollection": false, "args": args}]),
        )
        .await;
        self.hears()
    }

    /// Like [`Session::asks`], in one word: `ready`, or the error's code.
    pub(super) async fn verdict(&self, stream: &str, event_name: &str, args: Value) -> String {
        let heard = self.asks(stream, event_name, args).await;
        let word = verdict_of(&heard);
        if word == "ready" {
            self.streams.unsubscribe(&self.client, event_name);
            self.hears();
        }
        word
    }

    /// A write; it answers nothing where it was refused or heard, else an error.
    pub(super) async fn write(&self, stream: &str, params: Value) -> Option<Result<(), DdpError>> {
        let params = ejson::raw(params.to_string()).unwrap();
        let answer = self
            .streams
            .write(self.client.clone(), stream, &params)
            .await?;
        Some(answer.map(|result| assert!(result.is_none())))
    }

    /// What the client was sent since the last time.
    pub(super) fn hears(&self) -> Vec<Value> {
        let mut batch = VecDeque::new();
        let cx = &mut Context::from_waker(Waker::noop());
        let _nothing_is_empty = self.client.outbox().poll_take(cx, &mut batch);
        batch
            .iter()
            .map(|frame| {
                let bytes = frame.bytes();
                let header = match bytes[1] {
                    126 => 4,
                    127 => 10,
                    _ => 2,
                };
                serde_json::from_slice(&bytes[header..]).unwrap()
            })
            .collect()
    }

    /// What streams told: event name and args.
    pub(super) fn events(&self) -> Vec<(String, Value)> {
        self.hears()
            .into_iter()
            .filter(|message| message["msg"] == "changed")
            .map(|message| {
                let fields = &message["fields"];
                (
                    fields["eventName"].as_str().unwrap().to_owned(),
                    fields["args"].clone(),
                )
            })
            .collect()
    }
}

/// `ready`, the code of `nosub`'s error, or `nosub`.
pub(super) fn verdict_of(heard: &[Value]) -> String {
    match heard {
        [one] if one["msg"] == "ready" => "ready".into(),
        [one] if one["msg"] == "nosub" => match &one["error"]["error"] {
            Value::String(word) => word.clone(),
            Value::Null => "nosub".into(),
            number => number.to_string(),
        },
        other => panic!("{other:?}"),
    }
}

/// The stream's row by name, for tables in tests.
pub(super) fn stream(name: &str) -> Stream {
    Stream::named(name).expect(name)
}
