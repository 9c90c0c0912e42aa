//! What every deployment has, whatever is behind its sessions: the port, metrics, the status page, the drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::error::{Failure, StartError};
use super::{settings, watch};
use crate::config::Config;
use crate::gateway::{Beyond, Gateway, Liveness, Readiness, Shown};
use crate::port::Visitors;
use crate::session::Sessions;
use crate::telemetry::metrics::{self, Exporter};
use crate::telemetry::status::{Status, StatusPage};
use crate::telemetry::traces::Traces;

/// Kept of `SHUTDOWN_GRACE` for flushing logs and ending the runtime.
const END_RESERVE: Duration = Duration::from_millis(200);
/// For sending the last spans, at most.
const LAST_SPANS: Duration = Duration::from_secs(1);

/// The ports beside the clients', and the way to the collector. There before all else: what is counted or traced from then on is seen.
pub(super) struct Ports {
    exporter: Option<Exporter>,
    status_page: Option<StatusPage>,
    traces: Option<Traces>,
}

impl Ports {
    pub(super) async fn bind(config: &Config) -> Result<Self, StartError> {
        let exporter = match config.metrics {
            None => None,
            Some(metrics) => Some(Exporter::start(&metrics, &config.mesh).await?),
        };
        let status_page = match &config.status_page {
            None => None,
            Some(page) => Some(StatusPage::bind(page).await?),
        };
        let traces = match &config.tracing {
            None => None,
            Some(tracing) => {
                let tls = settings::collector_tls(tracing)?;
                Some(Traces::start(tracing, &config.mesh.node_id, tls)?)
            }
        };
        metrics::sessions_limit(config.gateway.max_connections);
        Ok(Self {
            exporter,
            status_page,
            traces,
        })
    }
}

/// Bound, not yet serving.
pub(super) struct Edge {
    pub(super) sessions: Arc<Sessions>,
    gateway: Gateway,
    ports: Ports,
    liveness: Arc<Liveness>,
    grace: Duration,
}

impl Edge {
    pub(super) fn bind(
        config: &Config,
        ports: Ports,
        sessions: Arc<Sessions>,
        readiness: Arc<dyn Readiness>,
        beyond: Option<Arc<dyn Beyond>>,
    ) -> Result<Self, StartError> {
        let liveness = Liveness::new();
        let gateway = Gateway::bind(
            config.gateway.clone(),
            sessions.clone(),
            readiness,
            liveness.clone(),
            beyond,
        )?;
        Ok(Self {
            sessions,
            gateway,
            ports,
            liveness,
            grace: config.shutdown_grace,
        })
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.gateway.local_addr()
    }

    /// The certificate that clients are shown, where they are served with TLS.
    pub(super) fn certificate(&self) -> Option<Shown> {
        self.gateway.certificate()
    }

    /// Serves from now on. `sample` is called before metrics are shown, `look` for the status page.
    pub(super) fn open(
        self,
        sample: impl Fn() + Send + Sync + 'static,
        look: impl Fn() -> Status + Send + Sync + 'static,
    ) -> Open {
        let (tracker, closing) = (TaskTracker::new(), CancellationToken::new());
        let certificate = self.certificate();
        let runtime = Handle::current().metrics();
        let sample = move || {
            metrics::tasks(runtime.num_alive_tasks());
            if let Some(certificate) = &certificate {
                metrics::certificate_left("TLS_CERT_PATH", certificate.left());
            }
            sample();
        };
        if let Some(exporter) = self.ports.exporter {
            tracker.spawn(exporter.sampling(sample).run(closing.clone()));
        }
        if let Some(page) = self.ports.status_page {
            tracker.spawn(page.run(look, closing.clone()));
        }
        let beat = self.liveness.watch("runtime");
        tracker.spawn(watch::beat(beat, closing.clone()));
        tracker.spawn(self.sessions.clone().relieve(closing.clone()));
        let visitors = self.gateway.visitors();
        tracker.spawn(self.gateway.run(tracker.clone(), closing.clone()));
        Open {
            visitors,
            sessions: self.sessions,
            traces: self.ports.traces,
            grace: self.grace,
            tracker,
            closing,
        }
    }
}

/// Serving.
pub(super) struct Open {
    sessions: Arc<Sessions>,
    /// Connections that are no sessions: with `RELAY_HTTP` requests may be under way.
    visitors: Arc<Visitors>,
    traces: Option<Traces>,
    grace: Duration,
    tracker: TaskTracker,
    /// Cancelled when the last session has left.
    pub(super) closing: CancellationToken,
}

impl Open {
    /// Drains the sessions, then closes the ports and does `rest`, all within `SHUTDOWN_GRACE`. `rest` is told when it will be
    /// given up.
    ///
    /// # Errors
    /// `failure`, the reason for it.
    pub(super) async fn close(
        self,
        failure: Option<Failure>,
        rest: impl AsyncFnOnce(Instant),
    ) -> Result<(), Failure> {
        let clients = self.sessions.directory().connected();
        match &failure {
            None => info!(clients, "stopping"),
            Some(failure) => warn!(reason = %failure, clients, "stopping"),
        }
        let begun = Instant::now();
        self.sessions.drain(self.grace).await;
        self.closing.cancel();
        self.tracker.close();
        let last_spans = match &self.traces {
            Some(_) => last_spans(self.grace),
            None => Duration::ZERO,
        };
        let end = begun + rest_ends(self.grace, last_spans);
        let rest = async {
            let answered =
                tokio::time::timeout_at(begun + passing(self.grace), self.tracker.wait());
            if answered.await.is_err() {
                self.visitors.end();
                self.tracker.wait().await;
            }
            rest(end).await;
        };
        if tokio::time::timeout_at(end, rest).await.is_err() {
            warn!("SHUTDOWN_GRACE is over: the rest is left as it is");
        }
        if let Some(traces) = self.traces {
            traces.shut_down(last_spans).await;
        }
        info!("stopped");
        failure.map_or(Ok(()), Err)
    }
}

/// How long requests that are passed to a server may still be answered: as long as calls are.
fn passing(grace: Duration) -> Duration {
    grace * 3 / 4
}

/// The sessions may take all but the last two sixteenths ([`Sessions::drain`]): one is for this, the other for mesh and database.
fn last_spans(grace: Duration) -> Duration {
    LAST_SPANS.min(grace / 16)
}

/// How long after the stop began mesh and database are left at the latest. A little is kept for the process's own end, and
/// for telling of what was done until then.
fn rest_ends(grace: Duration, last_spans: Duration) -> Duration {
    grace - END_RESERVE.min(grace / 32) - last_spans
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: configuration/variable/SHUTDOWN_GRACE
    #[test]
    fn the_mesh_has_time_whatever_the_sessions_took() {
        for grace in [1, 2, 8, 24, 3600].map(Duration::from_secs) {
            let sessions = grace * 14 / 16;
            assert!(rest_ends(grace, last_spans(grace)) >= sessions + grace / 32);
        }
    }
}
