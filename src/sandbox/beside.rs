//! The streamer in the same process: the service itself, with its real door and sessions; only the mesh's transport and the store are
//! handed to it instead of a NATS server and MongoDB.

use std::net::{IpAddr, SocketAddr};

use super::error::SandboxError;
use super::options::Options;
use crate::app::{App, Parts};
use crate::config;
use crate::mesh::{LocalBus, Transporter};
use crate::store::Store;

/// Built and bound, not yet running.
pub(super) struct Beside(App);

impl Beside {
    /// Takes the port. The configuration is that of a service with nothing set but what the sandbox was told.
    pub(super) async fn build(
        options: &Options,
        bus: LocalBus,
        store: Store,
    ) -> Result<Self, SandboxError> {
        let settings = [
            ("PORT", options.port.to_string()),
            ("BIND_IP", options.bind.to_string()),
            // Both are asked for by the configuration and replaced by the parts.
            ("TRANSPORTER", "nats://in-this-process:4222".to_owned()),
            ("MONGO_URL", "memory:".to_owned()),
            ("NODE_ID", "sandbox-streamer".to_owned()),
            ("MAX_CONCURRENT_CONNECTIONS", "10000".to_owned()),
            ("DDP_PASSWORD_LOGIN", "true".to_owned()),
            ("SHUTDOWN_GRACE", "2".to_owned()),
        ];
        let settings = settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let loaded =
            config::load(settings).map_err(|errors| SandboxError::Service(errors.to_string()))?;
        let parts = Parts {
            transporter: Some(Transporter::Local(bus)),
            store: Some(store),
        };
        let app = App::build(loaded.config, parts).await;
        app.map(Self).map_err(|error| {
            SandboxError::Service(format!(
                "{error}. Choose another port with --port, 0 for any"
            ))
        })
    }

    /// Where clients find it: under the page's own host name when it listens everywhere.
    pub(super) fn url(&self, bind: IpAddr) -> String {
        let host = if bind.is_unspecified() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            bind
        };
        format!(
            "ws://{}/websocket",
            SocketAddr::new(host, self.0.local_addr().port())
        )
    }

    /// Serves until `signal` is ready, then drains.
    pub(super) async fn run(self, signal: impl Future<Output = ()>) -> Result<(), SandboxError> {
        self.0
            .run(signal)
            .await
            .map_err(|failure| SandboxError::Service(failure.to_string()))
    }
}
