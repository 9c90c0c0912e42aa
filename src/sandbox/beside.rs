//! The streamer in the same process: the service itself, with its real door and sessions; only the mesh's transport and the store are
//! handed to it instead of a NATS server and MongoDB. With `--relay` it plays the single server, and the edge of a deployment
//! without a mesh stands before it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::error::SandboxError;
use super::options::{Options, from_here};
use crate::app::{App, Parts, RelayApp};
use crate::config::{self, Config};
use crate::mesh::{LocalBus, Transporter};
use crate::store::Store;

/// Where collectors take OTLP over HTTP.
const OTLP_HTTP: &str = ":4318";

/// Built and bound, not yet running.
pub(super) struct Beside {
    app: App,
    /// What stands before it.
    edge: Option<RelayApp>,
}

impl Beside {
    /// Takes the port. The configuration is that of a service with nothing set but what the sandbox was told.
    pub(super) async fn build(
        options: &Options,
        bus: LocalBus,
        store: Store,
    ) -> Result<Self, SandboxError> {
        // Behind an edge nobody but the edge is to find it.
        let (port, bind) = if options.relay {
            (0, IpAddr::V4(Ipv4Addr::LOCALHOST))
        } else {
            (options.port, options.bind)
        };
        let config = configured(
            port,
            bind,
            [
                // Both are asked for by the configuration and replaced by the parts.
                ("TRANSPORTER", "nats://in-this-process:4222".to_owned()),
                ("MONGO_URL", "memory:".to_owned()),
                ("NODE_ID", "sandbox-streamer".to_owned()),
                ("DDP_PASSWORD_LOGIN", "true".to_owned()),
            ]
            .into_iter()
            .chain(traced(options.otlp.as_deref())),
        )?;
        let parts = Parts {
            transporter: Some(Transporter::Local(bus)),
            store: Some(store),
        };
        let app = App::build(config, parts).await.map_err(taken)?;
        let edge = if options.relay {
            let server = ("DDP_SERVER_URL", url_of(app.local_addr()));
            let config = configured(options.port, options.bind, std::iter::once(server))?;
            Some(RelayApp::build(config).await.map_err(taken)?)
        } else {
            None
        };
        Ok(Self { app, edge })
    }

    /// Where it is asked from this machine.
    pub(super) fn address(&self) -> SocketAddr {
        from_here(self.front())
    }

    /// Where clients find it: under the page's own host name when it listens everywhere.
    pub(super) fn url(&self) -> String {
        url_of(self.address())
    }

    /// Where clients are let in.
    fn front(&self) -> SocketAddr {
        let edge = self.edge.as_ref().map(RelayApp::local_addr);
        edge.unwrap_or(self.app.local_addr())
    }

    /// The single server, where every session is relayed to it.
    pub(super) fn server(&self) -> Option<String> {
        self.edge.as_ref().map(|_| url_of(self.app.local_addr()))
    }

    /// Serves until `signal` is ready, then drains: the edge first.
    pub(super) async fn run(self, signal: impl Future<Output = ()>) -> Result<(), SandboxError> {
        let Some(edge) = self.edge else {
            return self.app.run(signal).await.map_err(failed);
        };
        let drained = CancellationToken::new();
        let (ended, _) = tokio::join!(self.app.run(drained.clone().cancelled_owned()), async {
            let ended = edge.run(signal).await;
            drained.cancel();
            ended
        });
        ended.map_err(failed)
    }
}

/// All traces to this collector, soon enough for somebody who looks for one.
fn traced(otlp: Option<&str>) -> impl Iterator<Item = (&'static str, String)> {
    let variables = otlp.map(|url| {
        let by_http = url.trim_end_matches('/').ends_with(OTLP_HTTP);
        let protocol = if by_http { "http/protobuf" } else { "grpc" };
        [
            ("TRACING_ENABLED", "true".to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.to_owned()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "500".to_owned()),
        ]
    });
    variables.into_iter().flatten()
}

fn configured(
    port: u16,
    bind: IpAddr,
    more: impl Iterator<Item = (&'static str, String)>,
) -> Result<Config, SandboxError> {
    let settings = [
        ("PORT", port.to_string()),
        ("BIND_IP", bind.to_string()),
        ("MAX_CONCURRENT_CONNECTIONS", "10000".to_owned()),
        ("SHUTDOWN_GRACE", "2".to_owned()),
    ];
    let settings = settings
        .into_iter()
        .chain(more)
        .map(|(name, value)| (name.to_owned(), value));
    let loaded = config::load(settings);
    loaded
        .map(|loaded| loaded.config)
        .map_err(|errors| SandboxError::Service(errors.to_string()))
}

fn url_of(address: SocketAddr) -> String {
    format!("ws://{address}/websocket")
}

fn taken(error: impl std::fmt::Display) -> SandboxError {
    SandboxError::Service(format!(
        "{error}. Choose another port with --port, 0 for any"
    ))
}

fn failed(failure: impl std::fmt::Display) -> SandboxError {
    SandboxError::Service(failure.to_string())
}

/// How often the service is asked whether it is ready; it is within a second.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Ready once the service at `address` says that a new client can be served, as anybody would be told.
pub(super) async fn ready(address: SocketAddr) {
    while !is_ready(address).await.unwrap_or_default() {
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn is_ready(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(status.ends_with(b" 200"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OtlpProtocol;

    #[test]
    fn the_port_of_the_collector_says_how_it_is_spoken_to() {
        let protocol = |url: &str| {
            let more = traced(Some(url));
            let config = configured(0, Ipv4Addr::LOCALHOST.into(), mesh().chain(more));
            config.unwrap().tracing.map(|tracing| tracing.protocol)
        };
        assert_eq!(protocol("http://localhost:4317"), Some(OtlpProtocol::Grpc));
        assert_eq!(protocol("http://c:4318/"), Some(OtlpProtocol::HttpProtobuf));
        let without = configured(0, Ipv4Addr::LOCALHOST.into(), mesh().chain(traced(None)));
        assert!(without.unwrap().tracing.is_none());
    }

    fn mesh() -> impl Iterator<Item = (&'static str, String)> {
        std::iter::once(("TRANSPORTER", "nats://in-this-process:4222".to_owned()))
    }
}
