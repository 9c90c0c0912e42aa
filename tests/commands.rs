//! `config`, `health` and `check`, as an operator runs them.

mod check;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::nats::Nats;
use crate::support::process::TempDir;
use crate::support::sandbox::Sandbox;
use crate::support::service::{Env, binary};
use crate::support::{DEADLINE, Service, eventually, http};

/// How a command ended and what it wrote.
pub struct Ended {
    pub code: Option<i32>,
    pub lines: Vec<String>,
    pub errors: Vec<String>,
}

impl Ended {
    pub fn has(&self, line: &str) {
        assert!(
            self.lines.iter().any(|one| one == line),
            "no line {line:?} in\n{}",
            self.lines.join("\n")
        );
    }

    /// What `config` printed of a variable.
    pub fn value(&self, name: &str) -> &str {
        let mut rows = self.lines.iter().map(|line| line.split_whitespace());
        let row = rows.find_map(|mut row| (row.next() == Some(name)).then_some(row));
        row.and_then(|mut row| row.nth(1))
            .unwrap_or_else(|| panic!("no {name} in\n{}", self.lines.join("\n")))
    }

    pub fn last(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }
}

/// Runs a command with just this environment, and so many open files at most.
async fn run_with(command: &str, env: &Env, files: u32) -> Ended {
    let script = format!("ulimit -n {files} && exec \"$0\" {command}");
    let output = Command::new("/bin/sh")
        .args(["-c", &script])
        .arg(binary())
        .env_clear()
        .envs(env)
        .output();
    let output = tokio::time::timeout(DEADLINE, output)
        .await
        .expect("it ends")
        .expect("it runs");
    let lines = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).expect("text");
        text.lines().map(settled).collect()
    };
    Ended {
        code: output.status.code(),
        lines: lines(&output.stdout),
        errors: lines(&output.stderr),
    }
}

/// Runs a command with just this environment.
pub async fn run(command: &str, env: &Env) -> Ended {
    run_with(command, env, 2000).await
}

/// The line with what differs from run to run left out: milliseconds and versions of servers.
fn settled(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let settle = |at: usize| {
        let before_ms = words.get(at + 1).is_some_and(|next| next.starts_with("ms"));
        let version = at > 0 && words[at - 1] == "version";
        if before_ms || version { "_" } else { words[at] }
    };
    (0..words.len()).map(settle).collect::<Vec<_>>().join(" ")
}

fn env(pairs: &[(&str, &str)]) -> Env {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    name.trim().to_owned()
}

// contract: configuration/precedence, configuration/secrets
#[tokio::test]
async fn config_prints_every_setting_with_its_origin_and_no_secret() {
    let dir = TempDir::new("config");
    let file = dir.path().join("streamer.toml");
    std::fs::write(&file, "port = 3999\nshutdown_grace = 5\nnonsense = 1\n").unwrap();
    let printed = run(
        "config",
        &env(&[
            ("CONFIG_FILE", file.to_str().unwrap()),
            ("TRANSPORTER", "nats://me:hunter2@nats:4222"),
            ("MONGO_URL", "mongodb://me:hunter2@mongo/rocketchat"),
            ("PORT", "4000"),
            ("BIND_IP", "0.0.0.0"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
        ]),
    )
    .await;
    assert_eq!(printed.code, Some(0));
    let row = |name: &str, origin: &str, value: &str| {
        printed.has(&format!("{name:44}  {origin:11}  {value}"))
    };
    row("CONFIG_FILE", "environment", file.to_str().unwrap());
    row("PORT", "environment", "4000");
    row("BIND_IP", "environment", "0.0.0.0");
    row("SHUTDOWN_GRACE", "file", "5");
    row("MAX_CONCURRENT_CONNECTIONS", "default", "1000");
    row("LOG_LEVEL", "default", "info");
    row("HEARTBEAT_INTERVAL", "default", "10 (mesh)");
    row("DDP_HEARTBEAT_INTERVAL", "default", "30");
    row(
        "NODE_ID",
        "default",
        &format!("{}-<pid>", hostname().to_lowercase()),
    );
    row("TLS_CERT_PATH", "default", "-");
    row("NATS_URL", "default", "-");
    row(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "default",
        "http://localhost:4317",
    );
    row("OTEL_SERVICE_NAME", "default", "ddp-streamer");
    // A quarter of the memory, whatever this machine has.
    let total = printed.value("DDP_MAX_BUFFERED_TOTAL");
    assert!(
        total.parse::<u64>().is_ok_and(|total| total > 1 << 20),
        "{total}"
    );
    row("TRANSPORTER", "environment", "nats://(hidden)");
    row("MONGO_URL", "environment", "mongodb://(hidden)");
    row("OTEL_EXPORTER_OTLP_HEADERS", "environment", "(hidden)");
    printed.has("warning: CONFIG_FILE: nobody knows the key \"nonsense\"");
    assert!(!printed.lines.concat().contains("hunter2"));
}

// contract: configuration/precedence
#[tokio::test]
async fn config_prints_what_holds_where_one_variable_stands_for_another() {
    let traces = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=edge"),
    ];
    let plain = [("BROKER", "nats")];
    let printed = run("config", &env(&[&traces[..], &plain].concat())).await;
    assert_eq!(printed.value("NATS_URL"), "nats://localhost:4222");
    assert_eq!(
        printed.value("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "http://localhost:4318"
    );
    assert_eq!(printed.value("OTEL_SERVICE_NAME"), "edge");
    let own = [
        ("TRANSPORTER", "nats://me:hunter2@nats:4222"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4317"),
    ];
    let printed = run("config", &env(&[&own[..], &plain].concat())).await;
    assert_eq!(printed.value("NATS_URL"), "nats://(hidden)");
    assert_eq!(printed.value("OTEL_EXPORTER_OTLP_ENDPOINT"), "-");
}

// contract: configuration/errors
#[tokio::test]
async fn config_names_all_problems_at_once() {
    let printed = run(
        "config",
        &env(&[("TRANSPORTER", "redis://me:hunter2@x"), ("PORT", "0x")]),
    )
    .await;
    assert_eq!(printed.code, Some(1));
    assert_eq!(printed.lines, Vec::<String>::new());
    assert_eq!(
        printed.errors,
        [
            "PORT=0x: not accepted; expected a port, 1024–65535",
            "TRANSPORTER=redis://(hidden): not accepted; expected nats://[user:pass@]host:port[,…] or tls://…",
        ]
    );
}

#[tokio::test]
async fn health_says_what_the_service_says() {
    let mut nats = Nats::start().await;
    let env = Service::usual_env(&nats.url());
    let address = format!("127.0.0.1:{}", env["PORT"]);
    let nobody = run("health", &env).await;
    let expected =
        format!("not healthy: {address}: nobody listens: Connection refused (os error 111)");
    assert_eq!((nobody.code, nobody.last()), (Some(1), expected.as_str()));

    nats.kill().await;
    let service = Service::spawn(&env);
    let port = service.port;
    eventually("it listens", || async move {
        http::get(port, "/livez").await.ok()
    })
    .await;
    let unwell = run("health", &env).await;
    let expected = format!("not healthy: {address}: it answers 500 Internal Server Error");
    assert_eq!((unwell.code, unwell.last()), (Some(1), expected.as_str()));

    nats.restart().await;
    service.ready().await;
    let well = run("health", &env).await;
    assert_eq!(
        (well.code, well.lines),
        (Some(0), vec![format!("healthy: {address}")])
    );
}

// The image's health check is this command, and compose/sandbox.yml tells the container of no mesh.
#[tokio::test]
async fn health_asks_a_sandbox_too_which_is_told_of_no_mesh() {
    let sandbox = Sandbox::here().await;
    let port = sandbox.service.trim_end_matches("/websocket");
    let port = port.rsplit(':').next().expect("a port");
    let well = run("health", &env(&[("PORT", port)])).await;
    let healthy = format!("healthy: 127.0.0.1:{port}");
    assert_eq!((well.code, well.lines), (Some(0), vec![healthy]));
    // What is wrong otherwise is wrong here as well.
    let wrong = run("health", &env(&[("PORT", "0x")])).await;
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.last().contains("PORT=0x: not accepted"));
}

/// Something at the service's port that answers with these bytes and says no more.
async fn stub(bind: &str, answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((bind, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = [0; 1024];
            let _read = stream.read(&mut question).await;
            let _written = stream.write_all(answer).await;
            let _until_it_goes = stream.read(&mut question).await;
        }
    });
    address
}

/// A file that is missed for a moment, as while a certificate is renewed, is nothing to a service that runs.
#[tokio::test]
async fn health_asks_whatever_else_cannot_be_read_now() {
    let address = stub(
        "127.0.0.1",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let port = address.port().to_string();
    let gone = "/nowhere/gone";
    let told = [
        ("PORT", &*port),
        ("CONFIG_FILE", gone),
        ("ENABLE_TLS", "true"),
        ("TLS_CERT_PATH", gone),
        ("TLS_KEY_PATH", gone),
        ("TLS_CA_PATH", gone),
        ("SERIALIZER", "Avro"),
    ];
    let well = run("health", &env(&told)).await;
    assert_eq!(
        (well.code, well.lines),
        (Some(0), vec![format!("healthy: {address}")])
    );
    let silent = stub("127.0.0.1", b"").await.port().to_string();
    let unwell = run("health", &env(&[("PORT", &silent), ("CONFIG_FILE", gone)])).await;
    let expected = format!(
        "not healthy: 127.0.0.1:{silent}: no answer within 2s; CONFIG_FILE={gone}: No such file or directory (os error 2); expected the path of a TOML file"
    );
    assert_eq!((unwell.code, unwell.last()), (Some(1), expected.as_str()));
}

#[tokio::test]
async fn health_finds_the_port_in_the_file() {
    let address = stub(
        "127.0.0.1",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let file = TempDir::new("config");
    let path = file.path().join("config.toml");
    std::fs::write(
        &path,
        format!("port = {}\n[mongo_url]\nurl = 1\n", address.port()),
    )
    .expect("a file");
    let path = path.display().to_string();
    let well = run("health", &env(&[("CONFIG_FILE", &path)])).await;
    assert_eq!(
        (well.code, well.lines),
        (Some(0), vec![format!("healthy: {address}")])
    );
}

#[tokio::test]
async fn health_reaches_every_kind_of_address_and_waits_for_nobody() {
    for bind in ["::1", "::", "0.0.0.0", "127.0.0.1"] {
        let local = if bind.contains(':') {
            "::1"
        } else {
            "127.0.0.1"
        };
        let address = stub(local, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        let port = address.port().to_string();
        let env = env(&[
            ("TRANSPORTER", "nats://127.0.0.1:1"),
            ("BIND_IP", bind),
            ("PORT", &port),
        ]);
        let well = run("health", &env).await;
        assert_eq!(
            (well.code, well.lines),
            (Some(0), vec![format!("healthy: {address}")]),
            "{bind}"
        );
    }
    let silent = stub("127.0.0.1", b"").await;
    let env = env(&[
        ("TRANSPORTER", "nats://127.0.0.1:1"),
        ("PORT", &silent.port().to_string()),
    ]);
    let unwell = run("health", &env).await;
    let expected = format!("not healthy: {silent}: no answer within 2s");
    assert_eq!((unwell.code, unwell.last()), (Some(1), expected.as_str()));
}
