//! The whole way of an event in one process: a core's node and this one on a bus, the rooms joined as the app joins
//! them, and two clients of the user `u`, one for each framing, who listen to whatever may be heard.

use std::collections::{BTreeSet, VecDeque};
use std::task::{Context, Waker};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::*;
use crate::client::{
    Buffered, Client, ClientSeed, Connection, Identity, Listed as InDirectory, SubOutcome,
};
use crate::collections::Collections;
use crate::ddp::message::Subscription;
use crate::ddp::{Close, Framing};
use crate::mesh::{
    Answer, LocalBus, Mesh, MeshConfig, MeshState, NodeId, RemoteError, Request, ServiceSpec,
    Transporter,
};
use crate::services::testing::{settle, until};
use crate::services::{Services, SettingValue};
use crate::store::{Collection, Settings, Store};
use crate::streams::{CHANNELS, Hub, Streams, StreamsSeed};

/// The time of the stage, milliseconds since 1970.
const NOW_MS: i64 = 1_700_000_000_000;

/// See the module.
pub(super) struct Stage {
    pub(super) bus: LocalBus,
    pub(super) streams: Arc<Streams>,
    pub(super) collections: Arc<Collections>,
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) raw: Listener,
    pub(super) sockjs: Listener,
    directory: Arc<Directory>,
    witness: Arc<Witness>,
    listening: Mutex<BTreeSet<(String, String)>>,
    tracker: TaskTracker,
    stop: CancellationToken,
    _core: Mesh,
}

/// A client of the stage.
pub(super) struct Listener {
    pub(super) client: Arc<Client>,
    _listed: InDirectory,
}

impl Stage {
    /// A stage with a core of a release (`golden::CORES`), whose answers README.md of the golden files lists.
    pub(super) async fn start(release: &str) -> Self {
        let release = super::golden::CORES
            .into_iter()
            .find(|core| *core == release)
            .expect("a core of a release");
        let (bus, tracker, stop) = (
            LocalBus::new(),
            TaskTracker::new(),
            CancellationToken::new(),
        );
        let start = |id: &str, services, listener| {
            let config = MeshConfig::new(NodeId::new(id).unwrap(), Transporter::Local(bus.clone()));
            Mesh::start(config, services, listener, &tracker, &stop).unwrap()
        };
        let core = start("core-1", core_services(release), Arc::new(()));
        let late = Arc::new(Late::default());
        let listed = ServiceSpec::new("streamer").events(Events::names());
        let mesh = start("streamer-1", vec![listed], late.clone());
        for node in [&core, &mesh] {
            let mut states = node.state();
            states
                .wait_for(|state| *state == MeshState::Joined)
                .await
                .unwrap();
        }
        until(|| mesh.offers("authorization.canAccessRoom")).await;

        let (hub, directory, store) = (
            Arc::new(Hub::new(CHANNELS)),
            Arc::new(Directory::default()),
            Store::memory(),
        );
        fill(&store);
        let (services, settings) = (Services::new(&mesh), Settings::new(store.clone()));
        let streams = Streams::new(StreamsSeed {
            hub: hub.clone(),
            directory: directory.clone(),
            services: services.clone(),
            store: store.clone(),
            settings: settings.clone(),
            tracker: tracker.clone(),
            cancel: stop.clone(),
            origin: "me".to_owned(),
        });
        let collections = Arc::new(Collections::new(hub, services.clone()));
        let service =
            json!({"_id": "l", "service": "github", "clientId": "old", "secret": "s3cret"});
        collections.login_service_changed("l", Some(&raw(&service)));
        let version = json!({"_id": "web.browser", "version": "v1", "versionHmr": 0});
        collections.client_version_changed("web.browser", &raw(&version));
        let witness = Arc::new(Witness {
            live: Live {
                streams: streams.clone(),
                collections: collections.clone(),
                services,
                store: store.clone(),
                settings: settings.clone(),
            },
            said: Mutex::default(),
            published: Mutex::default(),
        });
        let mut events = Events::new(witness.clone(), directory.clone(), true, &tracker, &stop);
        events.now_ms = || NOW_MS;
        events.new_id = || "ownMessage2345678".to_owned();
        late.set(Arc::new(events));
        Self {
            raw: Listener::enter(&directory, "raw", "u", Framing::Raw),
            sockjs: Listener::enter(&directory, "sockjs", "u", Framing::SockJs),
            bus,
            streams,
            collections,
            settings,
            store,
            directory,
            witness,
            listening: Mutex::default(),
            tracker,
            stop,
            _core: core,
        }
    }

    /// One more client; its login token is `h-<id>`.
    pub(super) fn enter(&self, id: &str, user: &str) -> Listener {
        Listener::enter(&self.directory, id, user, Framing::Raw)
    }

    /// Both clients listen to these streams and event names, and to what gathers the events of many.
    pub(super) async fn listen(&self, names: &BTreeSet<(String, String)>) {
        let mut wanted = names.clone();
        wanted.retain(|(stream, _)| stream != "user-presence");
        for gathering in [
            ("room-messages", "__my_messages__"),
            ("notify-user", "u/rooms-changed"),
        ] {
            wanted.insert((gathering.0.to_owned(), gathering.1.to_owned()));
        }
        for listener in [&self.raw, &self.sockjs] {
            for (stream, event_name) in &wanted {
                let args = json!([{"token": "", "visitorToken": "vt"}]);
                let params = match &**stream {
                    "livechat-room" => json!([event_name, {"args": args}]),
                    _ => json!([event_name]),
                };
                listener.sub(&self.streams, stream, &params).await;
            }
            let watched = json!(["", {"added": ["u", "w", "hidden"]}]);
            listener.sub(&self.streams, "user-presence", &watched).await;
            for name in [
                "meteor.loginServiceConfiguration",
                "meteor_autoupdate_clientVersions",
            ] {
                let sub = Subscription {
                    id: name.into(),
                    name: name.into(),
                    params: ejson::raw("[]".into()).unwrap(),
                };
                let outcome = self.collections.subscribe(&listener.client, &sub);
                assert_eq!(outcome, Some(SubOutcome::Ready), "{name}");
            }
        }
        *self.listening.lock() = wanted;
        self.forget();
    }

    /// A packet arrives, and all that comes of it is done.
    pub(super) async fn play(&self, subject: &str, packet: &str) {
        self.bus.publish(subject, packet.to_owned());
        settle().await;
    }

    /// The core broadcasts an event.
    pub(super) async fn broadcast(&self, event: &str, data: &str) {
        self.play("MOL.EVENT.streamer-1", &packet(event, data))
            .await;
    }

    /// What happened so far is not asked about.
    pub(super) fn forget(&self) {
        self.raw.hears();
        self.sockjs.hears();
        self.witness.said.lock().clear();
        self.witness.published.lock().clear();
    }

    /// What the house was told besides the events of streams; the streams and event names of those that the clients do
    /// not listen to; and which sessions ended.
    pub(super) fn also(&self) -> Vec<String> {
        let mut also = std::mem::take(&mut *self.witness.said.lock());
        let listening = self.listening.lock();
        for one in &*self.witness.published.lock() {
            if !listening.contains(one) {
                also.push(format!("unheard {} {}", one.0, one.1));
            }
        }
        for (name, listener) in [("raw", &self.raw), ("sockjs", &self.sockjs)] {
            if listener.closing() == Some(Close::ThrownOut) {
                also.push(format!("closed {name}"));
            }
        }
        also
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tracker.close();
    }
}

impl Listener {
    fn enter(directory: &Arc<Directory>, id: &str, user: &str, framing: Framing) -> Self {
        let client = Client::new(ClientSeed {
            id: id.into(),
            framing,
            connection: Connection {
                instance: "i".into(),
                address: None,
                headers: "{}".into(),
            },
            buffered: Buffered::new(1_000_000, 1 << 30),
            max_subscriptions: 100,
        });
        let _listed = directory.enter(&client);
        let identity = Identity {
            user: user.into(),
            hashed_token: format!("h-{id}").into(),
        };
        directory.identify(&client, Some(identity));
        Self { client, _listed }
    }

    /// Subscribes; the id is the stream's name with that of the event.
    pub(super) async fn sub(&self, streams: &Arc<Streams>, stream: &str, params: &Value) {
        let id = format!("{stream} {}", params[0].as_str().unwrap());
        let outcome = streams
            .subscribe(self.client.clone(), stream, &id, &raw(params))
            .await;
        assert_eq!(outcome, SubOutcome::Ready, "{id}");
    }

    /// What it was sent since the last time.
    pub(super) fn hears(&self) -> Vec<String> {
        let mut batch = VecDeque::new();
        let cx = &mut Context::from_waker(Waker::noop());
        let _nothing_is_empty = self.client.outbox().poll_take(cx, &mut batch);
        let payload = |bytes: &[u8]| {
            let header = if bytes[1] < 126 { 2 } else { 4 };
            String::from_utf8(bytes[header..].to_vec()).unwrap()
        };
        batch.iter().map(|frame| payload(frame.bytes())).collect()
    }

    /// Why its session is about to end.
    pub(super) fn closing(&self) -> Option<Close> {
        self.client.outbox().closing()
    }
}

/// A broadcast as Moleculer sends it.
pub(super) fn packet(event: &str, data: &str) -> String {
    let id = "00000000-0000-4000-8000-000000000001";
    format!(
        r#"{{"id":"{id}","event":"{event}","data":{data},"broadcast":true,"meta":{{}},"level":1,"tracing":null,"parentID":null,"requestID":"{id}","caller":null,"needAck":null,"ver":"4","sender":"core-1"}}"#
    )
}

fn raw(value: &Value) -> Box<RawValue> {
    ejson::raw(value.to_string()).unwrap()
}

/// The rooms, users and conferences of README.md.
fn fill(store: &Store) {
    let put = |collection, document| {
        store
            .as_memory()
            .unwrap()
            .put(collection, document)
            .unwrap()
    };
    for room in [
        json!({"_id": "r", "t": "c", "name": "general"}),
        json!({"_id": "q", "t": "p", "name": "quiet"}),
        json!({"_id": "l", "t": "l", "v": {"_id": "visitor", "token": "vt"}}),
    ] {
        put(Collection::Rooms, room);
    }
    let tokens = json!([{"when": {"$date": 1}, "hashedToken": "h-sockjs"}]);
    put(
        Collection::Users,
        json!({"_id": "u", "username": "una", "roles": ["user"], "services": {"resume": {"loginTokens": tokens}}}),
    );
    put(
        Collection::Subscriptions,
        json!({"_id": "r-u", "rid": "r", "u": {"_id": "u"}}),
    );
    put(
        Collection::VideoConferences,
        json!({"_id": "c", "rid": "r", "users": []}),
    );
}

/// What a core of a release offers, and which events its `meteor` service lists.
fn core_services(release: &'static str) -> Vec<ServiceSpec> {
    let settings: (&str, &[&str]) = ("ee-settings", &["changeSettingValue"]);
    let visibility: (&str, &[&str]) = (
        "status-visibility",
        &["getHiddenFrom", "getRestrictedUsers", "refresh"],
    );
    let (events, more): (&[&str], &[_]) = match release {
        "6.x" => (&["otrMessage", "voip.events"], &[]),
        "7.x" => (
            &["otrMessage", "voip.events", "user.media-signal"],
            &[settings],
        ),
        "8.x" => (&["user.media-signal"], &[settings, visibility]),
        "9.x" => (&["user.media-signal", "stream"], &[settings, visibility]),
        other => panic!("a core of release {other}"),
    };
    let rules: (&str, &[&str]) = (
        "authorization",
        &[
            "hasPermission",
            "hasAtLeastOnePermission",
            "canAccessRoom",
            "canAccessRoomId",
            "canAccessConference",
        ],
    );
    let service = |(name, actions): &(&str, &[&str])| {
        actions
            .iter()
            .fold(ServiceSpec::new(*name), |spec, action| {
                spec.action(
                    *action,
                    move |request| async move { answer(release, &request) },
                )
            })
    };
    let mut services: Vec<_> = [rules].iter().chain(more).map(service).collect();
    services.push(ServiceSpec::new("meteor").events(events.iter().copied()));
    services
}

fn answer(release: &str, request: &Request) -> Answer {
    let params: Value = serde_json::from_str(request.params.get()).unwrap();
    let answer = match request.action.split_once('.').unwrap().1 {
        "changeSettingValue" => match params[0]["_id"].as_str() {
            Some("Ent_Replaced") => json!([1]),
            Some("Ent_Failed") => return Err(RemoteError::internal("no licence").into()),
            _ => return Ok(None),
        },
        "getRestrictedUsers" => json!(["hidden"]),
        "getHiddenFrom" if release == "8.x" => json!(["hidden"]),
        "getHiddenFrom" => json!({"hideAll": false, "hidden": ["hidden"]}),
        "refresh" => {
            let user = |id, username, status, text| json!({"_id": id, "username": username, "status": status, "statusText": text, "statusSource": "manual"});
            let w = user("w", "wim", "away", "back");
            match params[0].is_null() {
                true => {
                    json!([
                        user("u", "una", "busy", ""),
                        w,
                        user("hidden", "hed", "online", "")
                    ])
                }
                false => json!([w]),
            }
        }
        _ => json!(true),
    };
    Ok(Some(raw(&answer)))
}

/// The real house; what it is told besides the events of streams is written down.
struct Witness {
    live: Live,
    said: Mutex<Vec<String>>,
    published: Mutex<Vec<(String, String)>>,
}

impl Witness {
    fn say(&self, what: String) {
        self.said.lock().push(what);
    }
}

impl House for Witness {
    fn publish(&self, stream: Stream, event_name: &str, args: &str) {
        self.published
            .lock()
            .push((stream.name().to_owned(), event_name.to_owned()));
        self.live.publish(stream, event_name, args);
    }
    fn relayed(&self, data: &RawValue) {
        self.live.relayed(data);
    }
    fn message(&self, rid: &str, message: &RawValue) {
        self.live.message(rid, message);
    }
    fn hears_messages(&self, rid: &str) -> bool {
        self.live.hears_messages(rid)
    }
    fn subscription_changed(&self, action: &str, subscription: &RawValue) {
        self.say(format!("subscription {action}"));
        self.live.subscription_changed(action, subscription);
    }
    fn room_changed(&self, action: &str, room: &RawValue) {
        self.say(format!("room {action}"));
        self.live.room_changed(action, room);
    }
    fn user_changed(&self, uid: &str) {
        self.say(format!("user-changed {uid}"));
        self.live.user_changed(uid);
    }
    fn user_roles_changed(&self, uid: &str) {
        self.live.user_roles_changed(uid);
    }
    fn roles_given(&self) {
        self.say("role-changed".into());
        self.live.roles_given();
    }
    fn role_changed(&self) {
        self.say("role-changed".into());
        self.live.role_changed();
    }
    fn permission_changed(&self, permission: Option<&str>) {
        self.say("permission-changed".into());
        self.live.permission_changed(permission);
    }
    fn setting_changed(&self, action: &str, id: &str, value: Option<&RawValue>) {
        self.say(format!("setting {id}"));
        self.live.setting_changed(action, id, value);
    }
    fn status_changed(&self, uid: &str, args: &str) {
        self.live.status_changed(uid, args);
    }
    fn presence_changed(&self, uid: &str, args: &str) {
        self.live.presence_changed(uid, args);
    }
    fn visibility_changed(&self, data: &RawValue) {
        self.say("visibility".into());
        self.live.visibility_changed(data);
    }
    fn login_service_changed(&self, id: &str, record: Option<&RawValue>) {
        self.live.login_service_changed(id, record);
    }
    fn client_version_changed(&self, id: &str, record: &RawValue) {
        self.live.client_version_changed(id, record);
    }
    fn node_changed(&self) {
        self.say("node-changed".into());
        self.live.node_changed();
    }
    fn release(&self) -> Release {
        self.live.release()
    }
    fn meteor_lists(&self, event: &str) -> Listed {
        self.live.meteor_lists(event)
    }
    fn enterprise_value(&self, setting: Box<RawValue>) -> BoxFuture<'static, SettingValue> {
        self.say("licence?".into());
        self.live.enterprise_value(setting)
    }
    fn has_login_token(&self, uid: String, hashed_token: String) -> BoxFuture<'static, bool> {
        self.say(format!("token? {uid} {hashed_token}"));
        self.live.has_login_token(uid, hashed_token)
    }
}
