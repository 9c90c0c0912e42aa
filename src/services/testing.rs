//! A small core for tests: a node on a bus inside the process, that answers as it is told and writes down what it hears.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Services;
use crate::ejson;
use crate::mesh::{
    Answer, Code, Event, EventListener, LocalBus, Mesh, MeshConfig, MeshState, NodeId, RemoteError,
    ServiceSpec, Transporter,
};

const SERVICES: &[(&str, &[&str])] = &[
    ("accounts", &["login", "logout"]),
    (
        "presence",
        &[
            "newConnection",
            "removeConnection",
            "updateConnection",
            "setStatus",
            "setConnectionStatus",
        ],
    ),
    (
        "meteor",
        &[
            "callMethodWithToken",
            "getLoginServiceConfiguration",
            "getAutoUpdateClientVersions",
            "notifyGuestStatusChanged",
        ],
    ),
];

const EVENTS: &[&str] = &[
    "socket.connected",
    "socket.disconnected",
    "accounts.login",
    "accounts.logout",
];

type Script = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

#[derive(Default)]
struct Diary {
    lines: Mutex<Vec<String>>,
    scripts: Mutex<HashMap<String, Script>>,
    held: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl EventListener for Diary {
    fn event(&self, event: &Event<'_>) {
        if EVENTS.contains(&&*event.name) {
            self.lines
                .lock()
                .push(format!("{} {}", event.name, event.data));
        }
    }
}

/// A core's node.
pub(crate) struct Core {
    pub(crate) mesh: Mesh,
    diary: Arc<Diary>,
}

/// A mesh of two: the core, and the node that is tested.
pub(crate) struct World {
    pub(crate) bus: LocalBus,
    pub(crate) core: Core,
    pub(crate) services: Services,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl World {
    /// Both nodes, joined, and the core's services known. For paused time.
    pub(crate) async fn start() -> Self {
        Self::listening(Arc::new(()), &[]).await
    }

    /// The same, with a listener for the events of the tested node.
    pub(crate) async fn listening(listener: Arc<dyn EventListener>, events: &[&str]) -> Self {
        let (bus, tracker, stop) = (
            LocalBus::new(),
            TaskTracker::new(),
            CancellationToken::new(),
        );
        let core = Core::on(&bus, "core-1", &tracker, &stop);
        let config = MeshConfig::new(
            NodeId::new("streamer-1").unwrap(),
            Transporter::Local(bus.clone()),
        );
        let spec = ServiceSpec::new("streamer").events(events.iter().copied());
        let mesh = Mesh::start(config, vec![spec], listener, &tracker, &stop).unwrap();
        for mesh in [&mesh, &core.mesh] {
            mesh.state()
                .wait_for(|state| *state == MeshState::Joined)
                .await
                .unwrap();
        }
        until(|| {
            mesh.has_service("meteor")
                && mesh.has_service("accounts")
                && core.mesh.has_service("streamer")
        })
        .await;
        let services = Services::new(&mesh);
        Self {
            bus,
            core,
            services,
            tracker,
            stop,
        }
    }
}

impl Core {
    /// One more core, joining.
    pub(crate) fn on(
        bus: &LocalBus,
        id: &str,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        Self::with(bus, id, tracker, stop, EVENTS)
    }

    /// One of 7.x.
    pub(crate) fn of_7(
        bus: &LocalBus,
        id: &str,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let events = [EVENTS, &["otrMessage"]].concat();
        Self::with(bus, id, tracker, stop, &events)
    }

    fn with(
        bus: &LocalBus,
        id: &str,
        tracker: &TaskTracker,
        stop: &CancellationToken,
        events: &[&'static str],
    ) -> Self {
        let diary = Arc::new(Diary::default());
        let specs = SERVICES.iter().map(|(service, actions)| {
            actions.iter().fold(
                ServiceSpec::new(*service).events(events.iter().copied()),
                |spec, action| {
                    let (diary, full) = (diary.clone(), format!("{service}.{action}"));
                    spec.action(*action, move |request| {
                        answer(diary.clone(), full.clone(), request.params.get().to_owned())
                    })
                },
            )
        });
        let config = MeshConfig::new(NodeId::new(id).unwrap(), Transporter::Local(bus.clone()));
        let mesh = Mesh::start(config, specs.collect(), diary.clone(), tracker, stop).unwrap();
        Self { mesh, diary }
    }

    /// Answers an action so from now on; without this, with nothing.
    pub(crate) fn answers(
        &self,
        action: &str,
        script: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) {
        self.diary
            .scripts
            .lock()
            .insert(action.to_owned(), Arc::new(script));
    }

    /// The same, with JSON whatever the params.
    pub(crate) fn says(&self, action: &str, json: &'static str) {
        self.answers(action, move |_| {
            Ok(Some(ejson::raw(json.to_owned()).unwrap()))
        });
    }

    /// Lets an action wait until [`Core::lets_go`].
    pub(crate) fn holds(&self, action: &str) {
        self.diary
            .held
            .lock()
            .insert(action.to_owned(), Arc::new(Semaphore::new(0)));
    }

    /// Answers what waits, and what comes.
    pub(crate) fn lets_go(&self, action: &str) {
        if let Some(held) = self.diary.held.lock().remove(action) {
            held.close();
        }
    }

    /// What came since the last time: calls as `action params`, events as `event args`.
    pub(crate) async fn heard(&self) -> Vec<String> {
        settle().await;
        std::mem::take(&mut self.diary.lines.lock())
    }
}

async fn answer(diary: Arc<Diary>, action: String, params: String) -> Answer {
    diary.lines.lock().push(format!("{action} {params}"));
    let held = diary.held.lock().get(&action).cloned();
    if let Some(held) = held {
        let _let_go = held.acquire().await;
    }
    let script = diary.scripts.lock().get(&action).cloned();
    script.map_or(Ok(None), |script| script(&params))
}

/// An error that is meant for the client.
pub(crate) fn meteor_error(code: Code, reason: &str) -> Answer {
    Err(RemoteError::from_meteor(code, Some(reason.to_owned()), None).into())
}

/// Lets everything run that can: paused time goes on only when all wait.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// Waits for a condition, in paused time.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain");
}
