//! Traces: what OpenTelemetry's own variables say (its specification, "Environment Variables" and "OTLP Exporter"), checked like all others.

use std::path::PathBuf;
use std::time::Duration;

use super::check::Checked;
use super::error::{Note, NoteLevel, Problem};
use super::origin::Origin;
use super::raw::Raw;
use super::secret::Secret;
use super::shape::Shape;
use super::variables::{
    NONE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_SDK_DISABLED,
    OTEL_TRACES_EXPORTER, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, TRACING_ENABLED, find,
};

/// The service's name where nobody gives another.
const SERVICE_NAME: &str = "ddp-streamer";
/// The resource's attribute that OTEL_SERVICE_NAME stands for.
const SERVICE_NAME_ATTRIBUTE: &str = "service.name";
const GRPC_ENDPOINT: &str = "http://localhost:4317";
const HTTP_ENDPOINT: &str = "http://localhost:4318";
/// Below an endpoint that is for all signals.
const HTTP_PATH: &str = "/v1/traces";
/// What a time-out of 0 stands for: the longest that the specification's numbers can say, 24 days.
const UNLIMITED: Duration = Duration::from_millis(i32::MAX as u64);
/// Room for spans is taken at the start: larger numbers, which are accepted, would be gigabytes.
const MOST_SPANS: usize = 1_000_000;

/// Where traces go, which, and how.
#[derive(Debug, Clone)]
pub struct TracingConfig {
    /// `…_PROTOCOL`.
    pub protocol: OtlpProtocol,
    /// `…_ENDPOINT`, whole: with `http/protobuf` the path of traces too. Nothing of it is secret.
    pub endpoint: String,
    /// What they were read from.
    pub variables: OtlpVariables,
    /// `…_HEADERS`.
    pub headers: Vec<(String, Secret)>,
    /// For one batch: `…_TIMEOUT`, or `OTEL_BSP_EXPORT_TIMEOUT` where that is shorter.
    pub timeout: Duration,
    /// `…_COMPRESSION=gzip`.
    pub gzip: bool,
    /// `TLS_CA_PATH` and `…_CERTIFICATE`: trusted besides what the host trusts.
    pub trusted: Vec<(&'static str, PathBuf)>,
    /// `…_CLIENT_CERTIFICATE` and `…_CLIENT_KEY`.
    pub client: Option<ClientCertificate>,
    /// `OTEL_SERVICE_NAME`.
    pub service_name: String,
    /// `OTEL_RESOURCE_ATTRIBUTES` but for the service's name.
    pub attributes: Vec<(String, String)>,
    /// `OTEL_TRACES_SAMPLER` and its argument.
    pub sampler: SamplerConfig,
    /// `OTEL_BSP_*`.
    pub batch: BatchConfig,
    /// `OTEL_SPAN_*_LIMIT`.
    pub limits: SpanLimits,
    /// `OTEL_PROPAGATORS` has `tracecontext`.
    pub propagate: bool,
}

/// How traces travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// gRPC.
    Grpc,
    /// HTTP, a batch a request.
    HttpProtobuf,
}

/// The variables that count: those of traces, else those of all signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtlpVariables {
    /// Of the endpoint.
    pub endpoint: &'static str,
    /// Of the protocol.
    pub protocol: &'static str,
    /// Of the headers.
    pub headers: &'static str,
}

/// What is shown to a collector that asks who calls, each with the variable that says so.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The chain in PEM.
    pub certificate: (&'static str, PathBuf),
    /// Its private key in PEM.
    pub key: (&'static str, PathBuf),
}

/// Which traces are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplerConfig {
    /// What the sender decided holds.
    pub parent_based: bool,
    /// The share of those that begin here, 0 to 1.
    pub ratio: f64,
}

/// How spans are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchConfig {
    /// `OTEL_BSP_SCHEDULE_DELAY`.
    pub delay: Duration,
    /// `OTEL_BSP_MAX_QUEUE_SIZE`.
    pub queue: usize,
    /// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, at most `queue`.
    pub size: usize,
}

/// What a span holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanLimits {
    /// `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`.
    pub attributes: u32,
    /// `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, in characters.
    pub value_length: Option<usize>,
    /// `OTEL_SPAN_EVENT_COUNT_LIMIT`.
    pub events: u32,
    /// `OTEL_SPAN_LINK_COUNT_LIMIT`.
    pub links: u32,
}

/// The variable that counts: that of traces, else that of all signals.
fn otlp(checked: &Checked, what: &str) -> &'static str {
    let own = format!("OTEL_EXPORTER_OTLP_TRACES_{what}");
    let name = match checked.has(&own) {
        true => own,
        false => format!("OTEL_EXPORTER_OTLP_{what}"),
    };
    find(&name).map_or("", |row| row.name)
}

fn is_on(checked: &Checked) -> bool {
    checked.switch(TRACING_ENABLED) && !checked.switch(OTEL_SDK_DISABLED) && !none_goes(checked)
}

/// `OTEL_TRACES_EXPORTER` has `none`.
fn none_goes(checked: &Checked) -> bool {
    checked
        .list(OTEL_TRACES_EXPORTER)
        .iter()
        .any(|one| one == NONE)
}

/// `None` while traces are off.
pub(super) fn read(checked: &Checked) -> Option<TracingConfig> {
    is_on(checked).then(|| settings(checked))
}

/// What holds of traces, or would hold if they were on.
pub(super) fn settings(checked: &Checked) -> TracingConfig {
    let path = |what| {
        let name = otlp(checked, what);
        Some((name, PathBuf::from(checked.text(name)?)))
    };
    let protocol = match checked.word(otlp(checked, "PROTOCOL")) {
        "http/protobuf" => OtlpProtocol::HttpProtobuf,
        _ => OtlpProtocol::Grpc,
    };
    let mut attributes = checked.pairs("OTEL_RESOURCE_ATTRIBUTES");
    let named = attributes
        .iter()
        .rposition(|(name, _)| name == SERVICE_NAME_ATTRIBUTE);
    let named = named.map(|at| attributes[at].1.clone());
    attributes.retain(|(name, _)| name != SERVICE_NAME_ATTRIBUTE);
    let trusted = checked.text("TLS_CA_PATH");
    let trusted = trusted.map(|path| ("TLS_CA_PATH", PathBuf::from(path)));
    let time = |name| match checked.span(name) {
        Duration::ZERO => UNLIMITED,
        limit => limit,
    };
    let spans = |name| checked.number::<usize>(name).min(MOST_SPANS);
    // A span's own, else that of all signals.
    let limit = |what: &str| {
        let own = checked.whole(&format!("OTEL_SPAN_ATTRIBUTE_{what}_LIMIT"));
        own.or_else(|| checked.whole(&format!("OTEL_ATTRIBUTE_{what}_LIMIT")))
            .and_then(|limit| u32::try_from(limit).ok())
    };
    TracingConfig {
        protocol,
        endpoint: endpoint(checked, protocol),
        variables: OtlpVariables {
            endpoint: otlp(checked, "ENDPOINT"),
            protocol: otlp(checked, "PROTOCOL"),
            headers: otlp(checked, "HEADERS"),
        },
        headers: checked
            .pairs(otlp(checked, "HEADERS"))
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
        timeout: time(otlp(checked, "TIMEOUT")).min(time("OTEL_BSP_EXPORT_TIMEOUT")),
        gzip: checked.word(otlp(checked, "COMPRESSION")) == "gzip",
        trusted: [trusted, path("CERTIFICATE")]
            .into_iter()
            .flatten()
            .collect(),
        client: path("CLIENT_CERTIFICATE")
            .zip(path("CLIENT_KEY"))
            .map(|(certificate, key)| ClientCertificate { certificate, key }),
        service_name: checked
            .text("OTEL_SERVICE_NAME")
            .or(named)
            .unwrap_or_else(|| SERVICE_NAME.to_owned()),
        attributes,
        sampler: sampler(checked),
        batch: BatchConfig {
            delay: checked.span("OTEL_BSP_SCHEDULE_DELAY"),
            queue: spans(OTEL_BSP_MAX_QUEUE_SIZE),
            size: spans(OTEL_BSP_MAX_EXPORT_BATCH_SIZE).min(spans(OTEL_BSP_MAX_QUEUE_SIZE)),
        },
        limits: SpanLimits {
            attributes: limit("COUNT").unwrap_or_default(),
            value_length: limit("VALUE_LENGTH").and_then(|limit| limit.try_into().ok()),
            events: checked.number("OTEL_SPAN_EVENT_COUNT_LIMIT"),
            links: checked.number("OTEL_SPAN_LINK_COUNT_LIMIT"),
        },
        propagate: checked
            .list("OTEL_PROPAGATORS")
            .iter()
            .any(|one| one == "tracecontext"),
    }
}

impl TracingConfig {
    /// [`endpoint`](Self::endpoint) as `OTEL_EXPORTER_OTLP_ENDPOINT` has it: without the path of traces.
    #[must_use]
    pub fn endpoint_of_all(&self) -> &str {
        let whole = &self.endpoint;
        whole.strip_suffix(HTTP_PATH).unwrap_or(whole)
    }
}

fn endpoint(checked: &Checked, protocol: OtlpProtocol) -> String {
    let name = otlp(checked, "ENDPOINT");
    let given = checked.text(name);
    let of_traces = name.contains("_TRACES_");
    match protocol {
        OtlpProtocol::Grpc => given.unwrap_or_else(|| GRPC_ENDPOINT.to_owned()),
        OtlpProtocol::HttpProtobuf if of_traces => given.unwrap_or_default(),
        OtlpProtocol::HttpProtobuf => {
            let base = given.unwrap_or_else(|| HTTP_ENDPOINT.to_owned());
            format!("{}{HTTP_PATH}", base.trim_end_matches('/'))
        }
    }
}

fn sampler(checked: &Checked) -> SamplerConfig {
    let word = checked.word(OTEL_TRACES_SAMPLER);
    let own = word.strip_prefix("parentbased_");
    SamplerConfig {
        parent_based: own.is_some(),
        ratio: match own.unwrap_or(word) {
            "always_off" => 0.0,
            "traceidratio" if checked.has(OTEL_TRACES_SAMPLER_ARG) => {
                checked.factor(OTEL_TRACES_SAMPLER_ARG)
            }
            _ => 1.0,
        },
    }
}

/// Pairs that must fit, and files that must be there: once traces are on.
pub(super) fn pairs(raw: &Raw, checked: &Checked, problems: &mut Vec<Problem>) {
    if !is_on(checked) {
        return;
    }
    let mut refuse = |variable: &'static str, accepts: String| {
        problems.push(Problem::NotAccepted {
            variable,
            value: raw.shown(variable),
            origin: raw
                .entries
                .get(variable)
                .map_or(Origin::Default, |entry| entry.origin),
            accepts,
        });
    };
    let endpoint = otlp(checked, "ENDPOINT");
    if checked.text(endpoint).is_some_and(|url| names_a_user(&url)) {
        let headers = otlp(checked, "HEADERS");
        refuse(
            endpoint,
            format!("no user or password: what the collector asks for stands in {headers}"),
        );
    }
    // The exporter reads this one itself, and lays it over what it is told.
    let (own, all) = (
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
    );
    let is_from = |name, origin| {
        let entry = raw.entries.get(name);
        entry.is_some_and(|entry| entry.origin == origin)
    };
    if is_from(own, Origin::File)
        && is_from(all, Origin::Environment)
        && checked.word(own) == NONE
        && checked.word(all) != NONE
    {
        refuse(all, format!("{NONE}, as {own} in the file says"));
    }
    for what in ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"] {
        let name = otlp(checked, what);
        if let Some(path) = checked.text(name)
            && Shape::File.parse(&path).is_none()
        {
            refuse(name, Shape::File.to_string());
        }
    }
    let (certificate, key) = (
        otlp(checked, "CLIENT_CERTIFICATE"),
        otlp(checked, "CLIENT_KEY"),
    );
    for (there, missing) in [(certificate, key), (key, certificate)] {
        if checked.has(there) && !checked.has(missing) {
            refuse(there, format!("{missing} as well"));
        }
    }
    let (queue, size) = (
        checked.whole(OTEL_BSP_MAX_QUEUE_SIZE),
        checked.whole(OTEL_BSP_MAX_EXPORT_BATCH_SIZE),
    );
    // The default gives way to a smaller queue.
    if let (Some(queue), Some(size)) = (queue, size)
        && size > queue
        && raw.is_set(OTEL_BSP_MAX_EXPORT_BATCH_SIZE)
    {
        refuse(
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
            format!("at most {OTEL_BSP_MAX_QUEUE_SIZE} ({queue})"),
        );
    }
}

/// The URL has user information.
fn names_a_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next();
    authority.is_some_and(|authority| authority.contains('@'))
}

/// What the log should say of it.
pub(super) fn notes(raw: &Raw, checked: &Checked, notes: &mut Vec<Note>) {
    let mut say = |text: String| {
        notes.push(Note {
            level: NoteLevel::Warn,
            text,
        });
    };
    if checked.switch(TRACING_ENABLED) && !is_on(checked) {
        let why = match none_goes(checked) {
            true => format!("{OTEL_TRACES_EXPORTER}={NONE}"),
            false => format!("{OTEL_SDK_DISABLED} is set"),
        };
        say(format!("{TRACING_ENABLED} has no effect: {why}"));
    }
    let word = checked.word(OTEL_TRACES_SAMPLER);
    if raw.is_set(OTEL_TRACES_SAMPLER_ARG) && !word.ends_with("traceidratio") {
        say(format!(
            "{OTEL_TRACES_SAMPLER_ARG} has no effect with {OTEL_TRACES_SAMPLER}={word}"
        ));
    }
}
