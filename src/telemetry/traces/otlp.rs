//! The way to the collector: gRPC or HTTP, both over one connector, so that TLS is the same for both.
//!
//! Of a request that failed on its way the SDK's HTTP exporter says only that. Its client is ours, which keeps why.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as Export};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::Endpoint;

use crate::config::{OtlpProtocol, TracingConfig};

/// A collector that is gone without a word is noticed after this time.
const UNANSWERED: Duration = Duration::from_secs(30);

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The address is of no use.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}: {reason}")]
    Endpoint {
        /// The address, as it may be shown.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header's name or value is of no use.
    #[error("OTEL_EXPORTER_OTLP_HEADERS: {0} cannot be a header")]
    Header(String),
    /// The exporter was refused.
    #[error("traces cannot be sent: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// To be called within the runtime that carries the connection.
pub(super) fn exporter(
    config: &TracingConfig,
    tls: ClientConfig,
) -> Result<impl Export + 'static, OtlpError> {
    let connector = connector(config, tls);
    let why = Why::default();
    let exporter = match config.protocol {
        OtlpProtocol::Grpc => grpc(config, connector),
        OtlpProtocol::HttpProtobuf => http(config, connector, why.clone()),
    }?;
    Ok(Explained { exporter, why })
}

/// Why the last request failed on its way, where the exporter does not say it.
type Why = Arc<Mutex<Option<String>>>;

#[derive(Debug)]
struct Explained {
    exporter: SpanExporter,
    why: Why,
}

impl Export for Explained {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exported = self.exporter.export(batch).await;
        let why = self.why.lock().take();
        match (exported, why) {
            (Err(OTelSdkError::InternalFailure(what)), Some(why)) => {
                Err(OTelSdkError::InternalFailure(format!("{what}: {why}")))
            }
            (exported, _) => exported,
        }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

type Connector = HttpsConnector<HttpConnector>;

fn grpc(config: &TracingConfig, connector: Connector) -> Result<SpanExporter, OtlpError> {
    let mut metadata = MetadataMap::new();
    for (name, value) in &config.headers {
        let refused = || OtlpError::Header(name.clone());
        // HTTP/2 knows no upper case.
        let name = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes());
        let value = MetadataValue::try_from(value.expose());
        metadata.insert(name.map_err(|_| refused())?, value.map_err(|_| refused())?);
    }
    let endpoint = Endpoint::from_shared(config.endpoint.expose().to_owned());
    let endpoint = endpoint.map_err(|error| unusable(config, &error))?;
    let channel = endpoint
        .timeout(config.timeout)
        .connect_with_connector_lazy(connector);
    let mut exporter = SpanExporter::builder()
        .with_tonic()
        .with_channel(channel)
        .with_metadata(metadata)
        .with_timeout(config.timeout);
    if config.gzip {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    Ok(exporter.build()?)
}

fn http(config: &TracingConfig, connector: Connector, why: Why) -> Result<SpanExporter, OtlpError> {
    // The exporter would name the whole address.
    let parsed = config.endpoint.expose().parse::<Uri>();
    parsed.map_err(|error| unusable(config, &error))?;
    let client = OnRuntime {
        why,
        client: HyperClient::new(connector, config.timeout, None),
        runtime: Handle::current(),
    };
    let headers = config.headers.iter();
    let headers: HashMap<_, _> = headers
        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
        .collect();
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_http_client(client)
        .with_endpoint(config.endpoint.expose())
        .with_headers(headers)
        .with_timeout(config.timeout);
    if config.gzip {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    Ok(exporter.build()?)
}

fn unusable(config: &TracingConfig, reason: &dyn Error) -> OtlpError {
    OtlpError::Endpoint {
        endpoint: config.shown_endpoint.clone(),
        reason: reason.to_string(),
    }
}

/// `http` and `https` for either version of HTTP.
fn connector(config: &TracingConfig, tls: ClientConfig) -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(config.timeout));
    tcp.set_keepalive(Some(UNANSWERED));
    tcp.set_tcp_user_timeout(Some(UNANSWERED));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    match config.protocol {
        OtlpProtocol::Grpc => https.enable_http2().wrap_connector(tcp),
        OtlpProtocol::HttpProtobuf => https.enable_http1().wrap_connector(tcp),
    }
}

/// Batches are sent by a thread of the SDK's, connections belong to the runtime.
#[derive(Debug)]
struct OnRuntime {
    client: HyperClient<Connector>,
    runtime: Handle,
    why: Why,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let answer = self
            .runtime
            .spawn(async move { client.send_bytes(request).await });
        let answer = answer.await?;
        *self.why.lock() = answer.as_ref().err().map(|error| chain(error.as_ref()));
        answer
    }
}

/// An error and what led to it, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
