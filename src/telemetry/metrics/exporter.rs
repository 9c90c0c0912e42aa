//! `http://0.0.0.0:<MS_METRICS_PORT>/metrics`: the recorder, its upkeep, and a door of its own.
//!
//! The exporter crate's own listener spawns its upkeep where nobody can stop it, so only its recorder is used.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::family::Maker;
use super::handles::{Handles, Node};
use super::table::{Kind, QUANTILES, TABLE};
use super::{installed, process};
use crate::config::{MeshSettings, MetricsConfig};
use crate::telemetry::door::Door;

/// How often samples are drained into histograms.
const UPKEEP: Duration = Duration::from_secs(5);
/// The Prometheus text format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The recorder was refused: a row of the table is wrong.
    #[error("metrics cannot be recorded: {0}")]
    Recorder(#[from] BuildError),
    /// The port is taken, or not allowed.
    #[error("metrics cannot be served on MS_METRICS_PORT={port}: {error}")]
    Bind {
        /// The port asked for.
        port: u16,
        /// Why not.
        error: io::Error,
    },
}

/// Metrics are counted from now on; [`Exporter::run`] serves them.
pub struct Exporter {
    door: Door,
    rendering: Rendering,
}

/// Sets gauges to what they are now.
type Sample = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
struct Rendering {
    prometheus: PrometheusHandle,
    sample: Sample,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter")
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

impl Rendering {
    fn text(&self) -> String {
        (self.sample)();
        let mut text = self.prometheus.render();
        process::write(&mut text);
        text
    }
}

impl Exporter {
    /// Binds the port and turns counting on. In one process only the first exporter counts. The mesh's settings name the node in labels.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(config: &MetricsConfig, mesh: &MeshSettings) -> Result<Self, MetricsError> {
        let port = config.port;
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let door = Door::open(address, None)
            .await
            .map_err(|error| MetricsError::Bind { port, error })?;
        let recorder = recorder()?;
        let rendering = Rendering {
            prometheus: recorder.handle(),
            sample: Arc::new(|| ()),
        };
        let node = Node {
            id: mesh.node_id.clone(),
            namespace: mesh.node.namespace.clone(),
        };
        let handles = Handles::new(&Maker::new(recorder), &node);
        if !installed::set(handles) {
            debug!("metrics were on already");
        }
        Ok(Self { door, rendering })
    }

    /// Calls `sample` whenever somebody scrapes: for gauges that would cost too much to keep up to date all the time.
    #[must_use]
    pub fn sampling(mut self, sample: impl Fn() + Send + Sync + 'static) -> Self {
        self.rendering.sample = Arc::new(sample);
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.door.local_addr()
    }

    /// Serves and drains until `stop`. Everything it begins ends with it.
    pub async fn run(self, stop: CancellationToken) {
        if let Ok(address) = self.local_addr() {
            info!(%address, "metrics are served");
        }
        let rendering = self.rendering.clone();
        let answer =
            Arc::new(move |path: &str| (path == "/metrics").then(|| (TEXT, rendering.text())));
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.door.serve("/metrics", answer) => {}
            () = self.upkeep() => {}
        }
    }

    async fn upkeep(&self) {
        let mut upkeep = tokio::time::interval(UPKEEP);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            upkeep.tick().await;
            self.rendering.prometheus.run_upkeep();
            if let Some(handles) = super::on() {
                handles.refresh_rates(last.elapsed());
            }
            last = Instant::now();
        }
    }
}

/// A recorder with the table's buckets and quantiles.
pub(super) fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new().set_quantiles(QUANTILES)?;
    for row in TABLE {
        if let Kind::Histogram(buckets) = row.kind {
            builder =
                builder.set_buckets_for_metric(Matcher::Full(row.name.to_owned()), buckets)?;
        }
    }
    Ok(builder.build_recorder())
}
