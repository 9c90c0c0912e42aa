//! A real OpenTelemetry collector: OTLP in, a file of JSON out, read back as spans and as trees of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::process::Command;

use super::process::{Process, TempDir};
use super::tls::Certificate;
use super::{eventually, free_port, root};

pub struct Collector {
    process: Option<Process>,
    pub grpc: u16,
    pub http: u16,
    /// What it shows its senders, where it speaks TLS.
    pub certificate: Option<Certificate>,
    dir: TempDir,
}

/// What is unusual about a collector.
#[derive(Default)]
pub struct Builder {
    tls: Option<Certificate>,
    client: Option<PathBuf>,
    token: Option<String>,
}

/// One span, as it arrived.
#[derive(Debug, Clone)]
pub struct Span {
    pub name: String,
    pub service: String,
    /// What its process says of itself.
    pub resource: BTreeMap<String, Value>,
    pub kind: &'static str,
    pub trace: String,
    pub id: String,
    /// Empty for none.
    pub parent: String,
    /// `tracestate`; empty for none.
    pub state: String,
    pub attributes: BTreeMap<String, Value>,
    /// Its status is an error.
    pub failed: bool,
    /// Nanoseconds since 1970.
    pub begin: u64,
    pub end: u64,
}

impl Builder {
    /// It speaks TLS.
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.tls = Some(certificate);
        self
    }

    /// It lets in only who shows a certificate of this file.
    pub fn client(mut self, certificate: PathBuf) -> Self {
        self.client = Some(certificate);
        self
    }

    /// It lets in only who has this token as Bearer.
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub async fn start(self) -> Collector {
        let mut collector = Collector {
            process: None,
            grpc: free_port(),
            http: free_port(),
            certificate: None,
            dir: TempDir::new("collector"),
        };
        let mut config = json!({
            "receivers": {"otlp": {"protocols": {
                "grpc": {"endpoint": format!("127.0.0.1:{}", collector.grpc)},
                "http": {"endpoint": format!("127.0.0.1:{}", collector.http)},
            }}},
            "exporters": {"file": {"path": collector.file(), "flush_interval": "20ms"}},
            "service": {
                "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
            },
        });
        for protocol in ["grpc", "http"] {
            let of = &mut config["receivers"]["otlp"]["protocols"][protocol];
            if let Some(certificate) = &self.tls {
                of["tls"] =
                    json!({"cert_file": certificate.chain(), "key_file": certificate.key()});
            }
            if let Some(client) = &self.client {
                of["tls"]["client_ca_file"] = json!(client);
            }
            if self.token.is_some() {
                of["auth"] = json!({"authenticator": "bearertokenauth"});
            }
        }
        if let Some(token) = &self.token {
            config["extensions"] = json!({"bearertokenauth": {"token": token}});
            config["service"]["extensions"] = json!(["bearertokenauth"]);
        }
        // YAML understands JSON.
        std::fs::write(collector.config(), config.to_string()).expect("written");
        collector.certificate = self.tls;
        collector.restart().await;
        collector
    }
}

impl Collector {
    pub fn with() -> Builder {
        Builder::default()
    }

    pub async fn start() -> Self {
        Self::with().start().await
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("config.yaml")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("traces.json")
    }

    /// The service's variables, for gRPC without TLS: batches are small and soon.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("TRACING_ENABLED", "true".to_owned()),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                format!("http://127.0.0.1:{}", self.grpc),
            ),
            ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
        ]
    }

    /// Starts it (again) on the same ports.
    pub async fn restart(&mut self) {
        let mut command = Command::new(root().join(".cache/bin/otelcol"));
        command.arg("--config").arg(self.config());
        self.process = Some(Process::start("otelcol", command).0);
        for port in [self.grpc, self.http] {
            eventually("the collector accepts", || async move {
                tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .ok()
            })
            .await;
        }
    }

    /// Ends it without a word.
    pub async fn kill(&mut self) {
        let process = self.process.as_mut().expect("the collector runs");
        process.kill().await;
        self.process = None;
    }

    pub fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("the collector runs");
        process.signal(signal);
    }

    /// All that came, as it was written.
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap_or_default()
    }

    /// Every span that came so far.
    pub fn spans(&self) -> Vec<Span> {
        let text = self.text();
        // The last line may not be whole yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut spans = Vec::new();
        for line in whole.lines() {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            for resource in list(&line["resourceSpans"]) {
                let about = attributes(&resource["resource"]["attributes"]);
                for scope in list(&resource["scopeSpans"]) {
                    let read = list(&scope["spans"]).map(|span| Span::read(span, &about));
                    spans.extend(read);
                }
            }
        }
        spans
    }

    /// Waits for a span; answers the first.
    pub async fn span(&self, what: &str, like: impl Fn(&Span) -> bool) -> Span {
        eventually(what, || async {
            self.spans().into_iter().find(|span| like(span))
        })
        .await
    }

    /// Waits until the trace of `span` has come whole, as this tree: a span a line, each below its parent, as `shown` shows it.
    pub async fn tree(&self, trace: &str, expected: &str) {
        let expected: Vec<_> = expected.trim().lines().map(str::trim_end).collect();
        let indent = expected
            .iter()
            .skip(1)
            .map(|line| line.len() - line.trim_start().len())
            .min()
            .unwrap_or_default()
            .saturating_sub(2);
        let expected: Vec<_> = expected
            .iter()
            .enumerate()
            .map(|(at, line)| {
                if at == 0 {
                    line
                } else {
                    &line[indent.min(line.len())..]
                }
            })
            .collect();
        let expected = expected.join("\n");
        let last = std::cell::RefCell::new(String::new());
        let whole = eventually("the trace has come whole", || async {
            let tree = tree(&self.spans(), trace);
            let same = tree.trim_end() == expected;
            *last.borrow_mut() = tree;
            same.then_some(())
        });
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), whole).await;
        assert!(
            found.is_ok(),
            "expected\n{expected}\n\nfound\n{}",
            last.borrow()
        );
    }
}

/// The spans of a trace, each below its parent, in the order of their beginnings.
fn tree(spans: &[Span], trace: &str) -> String {
    let spans: Vec<_> = spans.iter().filter(|span| span.trace == trace).collect();
    let known: BTreeSet<_> = spans.iter().map(|span| span.id.as_str()).collect();
    let mut out = String::new();
    let mut roots: Vec<_> = spans
        .iter()
        .filter(|span| !known.contains(span.parent.as_str()))
        .collect();
    roots.sort_by_key(|span| span.begin);
    for root in roots {
        branch(&spans, root, 0, &mut out);
    }
    out
}

fn branch(spans: &[&Span], span: &Span, depth: usize, out: &mut String) {
    let _ = writeln!(out, "{}{}", "  ".repeat(depth), span.shown());
    let mut below: Vec<_> = spans.iter().filter(|one| one.parent == span.id).collect();
    below.sort_by_key(|one| (one.begin, one.name.clone()));
    for one in below {
        branch(spans, one, depth + 1, out);
    }
}

impl Span {
    fn read(span: &Value, resource: &BTreeMap<String, Value>) -> Self {
        let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
        let nanos = |name: &str| text(name).parse().unwrap_or_default();
        Self {
            name: text("name"),
            service: resource
                .get("service.name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            resource: resource.clone(),
            kind: match span["kind"].as_u64() {
                Some(1) => "internal",
                Some(2) => "server",
                Some(3) => "client",
                Some(4) => "producer",
                Some(5) => "consumer",
                _ => "unspecified",
            },
            trace: text("traceId"),
            id: text("spanId"),
            parent: text("parentSpanId"),
            state: text("traceState"),
            attributes: attributes(&span["attributes"]),
            failed: span["status"]["code"] == 2,
            begin: nanos("startTimeUnixNano"),
            end: nanos("endTimeUnixNano"),
        }
    }

    /// `service: name kind attribute=value …`; what differs from run to run as `*`.
    pub fn shown(&self) -> String {
        let mut shown = format!("{}: {} {}", self.service, self.name, self.kind);
        if self.failed {
            shown.push_str(" failed");
        }
        for (name, value) in &self.attributes {
            let _ = match (name.as_str(), value) {
                ("session.id" | "mesh.event.lateness", _) => write!(shown, " {name}=*"),
                (_, Value::String(text)) => write!(shown, " {name}={text}"),
                (_, other) => write!(shown, " {name}={other}"),
            };
        }
        shown
    }

    pub fn text(&self, attribute: &str) -> &str {
        let value = self.attributes.get(attribute);
        value.and_then(Value::as_str).unwrap_or_default()
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// OTLP's JSON: `[{key, value: {stringValue: …}}]`, whole numbers as texts.
fn attributes(list_of: &Value) -> BTreeMap<String, Value> {
    list(list_of)
        .map(|pair| {
            let name = pair["key"].as_str().unwrap_or_default().to_owned();
            let kind = pair["value"]
                .as_object()
                .and_then(|value| value.iter().next());
            let value = match kind {
                Some((kind, number)) if kind == "intValue" => number
                    .as_str()
                    .and_then(|text| text.parse::<i64>().ok())
                    .map_or(Value::Null, Value::from),
                Some((_, value)) => value.clone(),
                None => Value::Null,
            };
            (name, value)
        })
        .collect()
}
