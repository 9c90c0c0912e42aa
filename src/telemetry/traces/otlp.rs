//! The way to the collector: gRPC or HTTP, both over one connector, so that TLS is the same for both.
//!
//! Of a request that failed on its way the SDK's HTTP exporter says only that, and of spans that a collector rejects neither says anything. Over HTTP
//! the client is ours, which keeps both. What stands in the environment the SDK's exporters lay over what they are told: our headers are put on last.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::Uri;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
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
use prost::Message;
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tonic::metadata::MetadataMap;
use tonic::transport::Endpoint;

use crate::config::{OtlpProtocol, TracingConfig};

/// So much is told of what a collector says, in characters.
const WORDS: usize = 200;
/// A collector that is gone without a word is noticed after this time.
const UNANSWERED: Duration = Duration::from_secs(30);

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The address is of no use.
    #[error("{variable}={endpoint}: {reason}")]
    Endpoint {
        /// Where it is from.
        variable: &'static str,
        /// The address.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header's name or value is of no use.
    #[error("{variable}: {name} cannot be a header")]
    Header {
        /// Where it is from.
        variable: &'static str,
        /// Its name.
        name: String,
    },
    /// The exporter was refused.
    #[error("traces cannot be sent: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// To be called within the runtime that carries the connection.
pub(super) fn exporter(config: &TracingConfig, tls: ClientConfig) -> Result<Way, OtlpError> {
    let connector = connector(config, tls);
    let said = Said::default();
    let headers = headers(config)?;
    let exporter = match config.protocol {
        OtlpProtocol::Grpc => grpc(config, connector, headers),
        OtlpProtocol::HttpProtobuf => http(config, connector, headers, said.clone()),
    }?;
    Ok(Way { exporter, said })
}

/// What the SDK's exporter does not tell of its last request.
#[derive(Debug, Default)]
struct Saying {
    /// Why it failed on its way.
    why: Option<String>,
    /// What the collector took the batch without.
    rejected: Option<Rejected>,
}

type Said = Arc<Mutex<Saying>>;

/// Spans of a batch that the collector did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) spans: usize,
    /// In the collector's words, cut.
    pub(super) why: String,
}

/// The way to the collector, for one batch at a time.
#[derive(Debug)]
pub(super) struct Way {
    exporter: SpanExporter,
    said: Said,
}

impl Way {
    /// What the collector took the last batch without; by gRPC nobody learns it.
    pub(super) fn rejected(&self) -> Option<Rejected> {
        self.said.lock().rejected.take()
    }
}

impl Export for Way {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exported = self.exporter.export(batch).await;
        let why = self.said.lock().why.take();
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

fn headers(config: &TracingConfig) -> Result<HeaderMap, OtlpError> {
    let pairs = config.headers.iter().map(|(name, value)| {
        let refused = || OtlpError::Header {
            variable: config.variables.headers,
            name: name.clone(),
        };
        let value = HeaderValue::from_str(value.expose()).map_err(|_| refused())?;
        Ok((HeaderName::from_str(name).map_err(|_| refused())?, value))
    });
    pairs.collect()
}

/// Leaves of the headers only what the exporter itself needs, and puts ours on.
fn only_ours(headers: &mut HeaderMap, ours: &HeaderMap) {
    let own = [CONTENT_TYPE, CONTENT_ENCODING, USER_AGENT];
    let kept = own.map(|name| headers.remove(&name).map(|value| (name, value)));
    headers.clear();
    headers.extend(kept.into_iter().flatten());
    for (name, value) in ours {
        headers.insert(name, value.clone());
    }
}

fn grpc(
    config: &TracingConfig,
    connector: Connector,
    headers: HeaderMap,
) -> Result<SpanExporter, OtlpError> {
    let endpoint = Endpoint::from_shared(config.endpoint.clone());
    let endpoint = endpoint.map_err(|error| unusable(config, &error))?;
    let channel = endpoint
        .timeout(config.timeout)
        .connect_with_connector_lazy(connector);
    let ours = move |mut request: tonic::Request<()>| {
        let mut all = std::mem::take(request.metadata_mut()).into_headers();
        only_ours(&mut all, &headers);
        *request.metadata_mut() = MetadataMap::from_headers(all);
        Ok(request)
    };
    let mut exporter = SpanExporter::builder()
        .with_tonic()
        .with_channel(channel)
        .with_interceptor(ours)
        .with_timeout(config.timeout);
    if config.gzip {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    Ok(exporter.build()?)
}

fn http(
    config: &TracingConfig,
    connector: Connector,
    headers: HeaderMap,
    said: Said,
) -> Result<SpanExporter, OtlpError> {
    // The exporter would say it in its own words.
    let parsed = config.endpoint.parse::<Uri>();
    parsed.map_err(|error| unusable(config, &error))?;
    let client = OnRuntime {
        said,
        headers,
        client: HyperClient::new(connector, config.timeout, None),
        runtime: Handle::current(),
    };
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_http_client(client)
        .with_endpoint(&config.endpoint)
        .with_timeout(config.timeout);
    if config.gzip {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    Ok(exporter.build()?)
}

fn unusable(config: &TracingConfig, reason: &dyn Error) -> OtlpError {
    OtlpError::Endpoint {
        variable: config.variables.endpoint,
        endpoint: config.endpoint.clone(),
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
    headers: HeaderMap,
    said: Said,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        only_ours(request.headers_mut(), &self.headers);
        let client = self.client.clone();
        let answer = self
            .runtime
            .spawn(async move { client.send_bytes(request).await });
        let answer = answer.await?;
        *self.said.lock() = match &answer {
            Ok(answer) if answer.status().is_success() => Saying {
                why: None,
                rejected: Answer::rejected(answer.body()),
            },
            Ok(_) => Saying::default(),
            Err(error) => Saying {
                why: Some(chain(error.as_ref())),
                rejected: None,
            },
        };
        answer
    }
}

/// `ExportTraceServiceResponse` of OTLP, as far as it is of use here.
#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

impl Answer {
    /// What cannot be read says nothing, as for the SDK.
    fn rejected(body: &[u8]) -> Option<Rejected> {
        let partly = Self::decode(body).ok()?.partial_success?;
        let spans = usize::try_from(partly.rejected_spans).ok()?;
        let words = partly.error_message.chars().take(WORDS).collect::<String>();
        (spans > 0).then(|| Rejected {
            spans,
            why: format!("the collector rejects spans: {words}"),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = HeaderName::from_str(name).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        pairs.collect()
    }

    /// The exporter adds what the environment says, whatever else holds.
    #[test]
    fn headers_are_ours_and_what_the_exporter_needs() {
        let mut headers = map(&[
            ("content-type", "application/x-protobuf"),
            ("user-agent", "OTel"),
            ("authorization", "of the environment"),
            ("x-stale", "1"),
        ]);
        only_ours(&mut headers, &map(&[("authorization", "ours")]));
        let expected = [
            ("content-type", "application/x-protobuf"),
            ("user-agent", "OTel"),
            ("authorization", "ours"),
        ];
        assert_eq!(headers, map(&expected));
    }

    #[test]
    fn an_answer_tells_what_was_rejected() {
        let answer = |rejected_spans, error_message: &str| Answer {
            partial_success: Some(PartialSuccess {
                rejected_spans,
                error_message: error_message.to_owned(),
            }),
        };
        let rejected = |answer: Answer| Answer::rejected(&answer.encode_to_vec());
        assert_eq!(Answer::rejected(b""), None);
        assert_eq!(Answer::rejected(b"\xff\xff"), None);
        // A warning that costs nothing.
        assert_eq!(rejected(answer(0, "old")), None);
        assert_eq!(rejected(answer(-1, "")), None);
        let some = rejected(answer(3, "too long")).expect("some");
        assert_eq!(
            (some.spans, &*some.why),
            (3, "the collector rejects spans: too long")
        );
        let long = rejected(answer(1, &"x".repeat(10_000))).expect("some");
        assert!(long.why.len() < 300);
    }
}
