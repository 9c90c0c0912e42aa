//! Builds the rooms in order, runs them, drains them: the only place that knows all of them.
//!
//! [`App`] is the service in its mesh, [`RelayApp`] the one in front of a single server; [`edge`] is what both have.
//! [`App::build`] makes everything and binds the ports, [`App::run`] starts the tasks and ends them again. The order of
//! the stop: readiness fails, clients are drained for three quarters of the grace, then what they left behind is told
//! (presence), then mesh and database are left.

mod edge;
mod error;
mod figures;
mod files;
mod health;
mod process;
mod relayed;
mod settings;
mod status;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::client::Directory;
use crate::collections::Collections;
use crate::config::{Config, MeshSettings, TracingConfig};
use crate::events::{Events, Late, Live};
use crate::mesh::{Mesh, MeshConfig, ServiceSpec, Transporter};
use crate::methods::{Methods, Rooms};
use crate::services::Services;
use crate::session::{Behind, Sessions};
use crate::store::{Instance, Settings, Store, Told};
use crate::streams::{CHANNELS, Hub, Streams, StreamsSeed};

use self::edge::{Edge, Ports};

pub use self::error::{Failure, StartError};
pub use self::process::remark;
pub(crate) use self::process::{FILES_BESIDE_CLIENTS, open_files};
pub use self::relayed::{RelayApp, trusted};
pub use crate::gateway::{Shown, check_certificate, check_ticket_keys};

/// The own service's name in the mesh, which is also the group of its events.
pub const SERVICE: &str = "streamer";

/// What the node is told for these settings.
///
/// # Errors
/// A setting that was checked in form cannot be used.
pub fn mesh_config(settings: &MeshSettings) -> Result<MeshConfig, StartError> {
    settings::mesh(settings, None)
}

/// Whom the collector's `https` trusts, and what is shown there.
///
/// # Errors
/// A file cannot be read, or has no certificate or no key in it.
pub fn collector_tls(tracing: &TracingConfig) -> Result<rustls::ClientConfig, StartError> {
    settings::collector_tls(tracing)
}

/// What a caller brings instead of what the configuration names: the sandbox and tests do.
#[derive(Default)]
pub struct Parts {
    /// Another way to the mesh.
    pub transporter: Option<Transporter>,
    /// Another store.
    pub store: Option<Store>,
}

/// The service, built and bound, not yet running.
pub struct App {
    config: Config,
    mesh: Mesh,
    store: Store,
    directory: Arc<Directory>,
    hub: Arc<Hub>,
    streams: Arc<Streams>,
    collections: Arc<Collections>,
    events: Arc<Events>,
    methods: Arc<Methods>,
    services: Services,
    edge: Edge,
    instance: Instance,
    health: Arc<health::Health>,
    /// What the mesh brings beside sessions.
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl App {
    /// Makes every room, in order, and binds the ports. Nothing is connected yet.
    ///
    /// # Errors
    /// A setting that cannot be used, or a port that cannot be bound.
    pub async fn build(config: Config, parts: Parts) -> Result<Self, StartError> {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut problems = files::problems(&config);
        let store = parts.store.map_or_else(|| Store::open(&config.store), Ok);
        let mesh_config = settings::mesh(&config.mesh, parts.transporter);
        let (store, mesh_config) = match (store, mesh_config) {
            (Ok(store), Ok(mesh_config)) if problems.is_empty() => (store, mesh_config),
            (store, mesh_config) => {
                problems.extend(store.err().map(StartError::from));
                problems.extend(mesh_config.err());
                return Err(StartError::Several(problems));
            }
        };
        let ports = Ports::bind(&config).await?;
        let instance = Instance::new(store.clone(), &config.store);

        let late = Arc::new(Late::default());
        let own = ServiceSpec::new(SERVICE).events(Events::names());
        let mesh = Mesh::new(mesh_config, vec![own], late.clone())?;
        let services = Services::new(&mesh);
        let told = services.settings.clone();
        let store_settings = Settings::new(store.clone()).asking(move |id| {
            let (told, id) = (told.clone(), id.to_owned());
            Box::pin(async move {
                match told.get(&id).await {
                    Some(value) => Told::Value(value.map(Into::into)),
                    None => Told::Nothing,
                }
            })
        });

        let directory = Arc::new(Directory::default());
        let hub = Arc::new(Hub::new(CHANNELS));
        let streams = Streams::new(StreamsSeed {
            hub: hub.clone(),
            directory: directory.clone(),
            services: services.clone(),
            store: store.clone(),
            settings: store_settings.clone(),
            tracker: tracker.clone(),
            cancel: stop.clone(),
            origin: mesh.instance_id().to_owned(),
        });
        let collections = Arc::new(Collections::new(hub.clone(), services.clone()));
        let events = Arc::new(Events::new(
            Arc::new(Live {
                streams: streams.clone(),
                collections: collections.clone(),
                services: services.clone(),
                store: store.clone(),
                settings: store_settings.clone(),
            }),
            directory.clone(),
            !config.disable_message_parser,
            &tracker,
            &stop,
        ));
        late.set(events.clone());
        let rooms = Rooms {
            directory: directory.clone(),
            services: services.clone(),
            streams: streams.clone(),
            collections: collections.clone(),
            store: store.clone(),
            settings: store_settings.clone(),
        };
        let methods = Methods::new(rooms, &config.methods, &tracker, &stop);

        let sessions = Sessions::new(
            config.session.clone(),
            Behind::House(methods.clone()),
            directory.clone(),
            instance.id().into(),
        );
        let health = Arc::new(health::Health::new(
            mesh.state(),
            store.clone(),
            config.health_mesh_grace,
        ));
        let edge = Edge::bind(&config, ports, sessions, health.clone(), None)?;
        Ok(Self {
            config,
            mesh,
            store,
            directory,
            hub,
            streams,
            collections,
            events,
            methods,
            services,
            edge,
            instance,
            health,
            tracker,
            stop,
        })
    }

    /// Where clients are served.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.edge.local_addr()
    }

    /// The node, for whoever wants to look at the mesh.
    #[must_use]
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The certificate that clients are shown, where they are served with TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<Shown> {
        self.edge.certificate()
    }

    /// Serves until `signal` is ready, then drains and leaves.
    ///
    /// # Errors
    /// Why the service stopped by itself, after it has drained and left.
    pub async fn run(self, signal: impl Future<Output = ()>) -> Result<(), Failure> {
        let address = self.edge.local_addr();
        // The mesh outlives the rest: what sessions leave behind is told over it.
        let (mesh_tracker, mesh_stop) = (TaskTracker::new(), CancellationToken::new());
        if let Err(error) = self.mesh.run(&mesh_tracker, &mesh_stop) {
            return Err(Failure::Mesh(error.to_string()));
        }
        let figures = figures::Figures {
            directory: self.directory.clone(),
            mesh: self.mesh.clone(),
            streams: self.streams.clone(),
            events: self.events.clone(),
            methods: self.methods.clone(),
        };
        figures.expect();
        let sources = status::Sources {
            namespace: self.config.mesh.node.namespace.clone(),
            max_connections: self.config.gateway.max_connections,
            began: Instant::now(),
            directory: self.directory.clone(),
            sessions: self.edge.sessions.clone(),
            hub: self.hub.clone(),
            mesh: self.mesh.clone(),
            store: self.store.clone(),
            health: self.health.clone(),
        };
        let flusher = self.edge.sessions.flusher().clone();
        let open = self
            .edge
            .open(move || figures.sample(), move || sources.look());
        let directory = self.directory.clone();
        let conns = move || u64::try_from(directory.connected()).unwrap_or(u64::MAX);
        let instance_tracker = TaskTracker::new();
        instance_tracker.spawn(self.instance.clone().run(conns, open.closing.clone()));
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        for _ in 0..workers {
            self.tracker.spawn(flusher.clone().run(self.stop.clone()));
        }
        let collections = self.collections.clone();
        let collections_stop = self.stop.clone();
        self.tracker
            .spawn(async move { collections.run(collections_stop).await });
        self.tracker
            .spawn(watch::store(self.store.clone(), self.stop.clone()));
        self.tracker.spawn(watch::settle(
            self.directory.clone(),
            self.hub.clone(),
            self.stop.clone(),
        ));
        let watcher = watch::Watcher {
            mesh: self.mesh.clone(),
            health: self.health.clone(),
            methods: self.methods.clone(),
        };
        let methods = self.methods.clone();
        let losses = watch::losses(self.mesh.losses(), move || methods.events_were_missed());
        self.tracker
            .spawn(self.stop.clone().run_until_cancelled_owned(losses));
        let (streams, streams_stop) = (self.streams.clone(), self.stop.clone());
        self.tracker.spawn(async move {
            streams_stop
                .run_until_cancelled(streams.follow_release())
                .await
        });
        info!(%address, node = %self.mesh.node_id(), "serving");

        let licence = self.services.license.clone();
        let failure = tokio::select! {
            () = signal => None,
            reason = watcher.mesh_states() => Some(Failure::Mesh(reason)),
            () = licence.watch(self.config.license, SERVICE) => Some(Failure::Licence),
        };
        let rest = async |end: Instant| {
            self.stop.cancel();
            self.tracker.close();
            instance_tracker.close();
            // A call that nobody answers (of a logout) is not waited for so long that others are not told of the node's end.
            let half = end.saturating_duration_since(Instant::now()) / 2;
            let _left_as_they_are = tokio::time::timeout(half, self.tracker.wait()).await;
            tokio::join!(self.mesh.leave(), instance_tracker.wait());
            mesh_stop.cancel();
            mesh_tracker.close();
            mesh_tracker.wait().await;
        };
        open.close(failure, rest).await
    }
}
