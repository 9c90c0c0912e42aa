//! Starting: the environments of the chart and of the CI compose, wrong values, what is not supported yet.

use ddp_streamer::config::VARIABLES;
use tokio::process::Command;

use crate::support::nats::Nats;
use crate::support::process::{Process, TempDir, collect};
use crate::support::sandbox::Sandbox;
use crate::support::service::{Env, Service, binary};
use crate::support::{eventually, free_port, root};

/// Reads `NAME=value` lines.
pub fn env_file(name: &str) -> Env {
    let text = std::fs::read_to_string(root().join("tests/env").join(name)).expect("an env file");
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once('=').expect("NAME=value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The file as it is, but for addresses: those of this machine.
async fn starts_with(name: &str) {
    let nats = Nats::start().await;
    let mut env = env_file(name);
    let address = nats.url().trim_start_matches("nats://").to_owned();
    let transporter = env["TRANSPORTER"]
        .replace("nats:4222", &address)
        .replace("rocketchat-nats:4222", &address);
    assert!(transporter.contains(&address), "{transporter}");
    env.insert("TRANSPORTER".into(), transporter);
    env.insert("PORT".into(), free_port().to_string());
    env.insert("MONGO_URL".into(), "memory:".into());
    let service = Service::spawn(&env);
    service.ready().await;
    assert_eq!(service.logged("error"), Vec::<serde_json::Value>::new());
}

// contract: configuration/charts
#[tokio::test]
async fn the_charts_environment_starts_it() {
    starts_with("chart.env").await;
}

// contract: configuration/charts
#[tokio::test]
async fn the_ci_composes_environment_starts_it() {
    starts_with("compose-ci.env").await;
}

async fn fails_with(env: &[(&str, &str)]) -> Vec<String> {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut service = Service::spawn(&env);
    let status = service.process.ended().await;
    assert_eq!(status.code(), Some(1), "{status}");
    let stderr = service.process.stderr.clone();
    crate::support::eventually("standard error is read", || {
        let lines = stderr.lock().unwrap().clone();
        async move { (!lines.is_empty()).then_some(lines) }
    })
    .await
}

// contract: configuration/errors
#[tokio::test]
async fn wrong_values_are_named_all_at_once() {
    let lines = fails_with(&[
        ("TRANSPORTER", "redis://x"),
        ("PORT", "x"),
        ("SERIALIZER", "Avro"),
        ("DDP_PASSWORD_LOGIN", "maybe"),
    ])
    .await;
    for name in ["TRANSPORTER", "PORT", "SERIALIZER", "DDP_PASSWORD_LOGIN"] {
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.starts_with(&format!("{name}=")))
                .count(),
            1,
            "{name}: {lines:?}"
        );
    }
}

/// What the files hold that are there, too; and no port is thought of before.
// contract: configuration/errors
#[tokio::test]
async fn files_that_cannot_be_used_are_named_all_at_once() {
    let folder = TempDir::new("start-files");
    let file = folder.path().join("empty.pem");
    std::fs::write(&file, "").expect("a file");
    let file = file.to_str().expect("a path");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let seed = format!("memory:{file}");
    let lines = fails_with(&[
        ("TRANSPORTER", "nats://127.0.0.1:1"),
        ("MONGO_URL", &seed),
        ("MS_METRICS", "true"),
        ("MS_METRICS_PORT", &port),
        ("ENABLE_TLS", "true"),
        ("TLS_CERT_PATH", file),
        ("TLS_KEY_PATH", file),
        ("TLS_TICKET_KEY_PATH", file),
        ("TLS_CA_PATH", file),
        ("TRACING_ENABLED", "true"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", file),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", file),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", file),
    ])
    .await;
    let names = [
        "TLS_CERT_PATH",
        "TLS_TICKET_KEY_PATH",
        "TLS_CA_PATH",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        "MONGO_URL",
    ];
    for name in names {
        let told = |line: &&String| line.split(['=', ':']).next() == Some(name);
        assert_eq!(lines.iter().filter(told).count(), 1, "{name}: {lines:?}");
    }
    assert_eq!(lines.len(), names.len(), "{lines:?}");
}

#[tokio::test]
async fn neither_a_mesh_nor_a_server_is_one_line_with_both() {
    let lines = fails_with(&[]).await;
    assert!(
        lines
            .iter()
            .any(|line| line.contains("TRANSPORTER") && line.contains("DDP_SERVER_URL")),
        "{lines:?}"
    );
}

// contract: configuration/variable/PORT
#[tokio::test]
async fn a_taken_port_is_one_clear_line() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let lines = fails_with(&[
        ("TRANSPORTER", "nats://127.0.0.1:1"),
        ("MONGO_URL", "memory:"),
        ("BIND_IP", "127.0.0.1"),
        ("PORT", &port),
    ])
    .await;
    let told: Vec<_> = lines.iter().filter(|line| line.contains(&port)).collect();
    // The words between are of the C library that it was built with.
    let begins = format!("PORT: cannot listen on 127.0.0.1:{port}: Address ");
    let is_clear =
        |line: &&String| line.starts_with(&begins) && line.ends_with("in use (os error 98)");
    assert!(told.len() == 1 && told.iter().all(is_clear), "{told:?}");
}

/// Every variable, set to the empty text.
fn all_empty() -> Env {
    let all = VARIABLES.iter().map(|variable| variable.name.to_owned());
    all.map(|name| (name, String::new())).collect()
}

// contract: configuration/empty
#[tokio::test]
async fn an_empty_variable_is_an_unset_one() {
    let nats = Nats::start().await;
    let mut env = all_empty();
    for (name, value) in Service::usual_env(&nats.url()) {
        env.insert(name, value);
    }
    let service = Service::spawn(&env);
    service.ready().await;
    assert_eq!(service.logged("error"), Vec::<serde_json::Value>::new());

    // With nothing set at all, it says what is missing and nothing else.
    let nothing: Vec<(String, String)> = all_empty().into_iter().collect();
    let nothing: Vec<(&str, &str)> = nothing
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let lines = fails_with(&nothing).await;
    assert!(
        lines.len() == 1 && lines[0].contains("TRANSPORTER"),
        "{lines:?}"
    );

    let config = |env: Env| async move {
        let mut command = Command::new(binary());
        command.arg("config").env_clear().envs(&env);
        let output = command.output().await.expect("the binary runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    };
    let mut empty = all_empty();
    let mesh = ("TRANSPORTER".to_owned(), "nats://nats:4222".to_owned());
    empty.insert(mesh.0.clone(), mesh.1.clone());
    empty.insert("NODE_ID".to_owned(), "n".to_owned());
    let node = ("NODE_ID".to_owned(), "n".to_owned());
    assert_eq!(config(empty).await, config(Env::from([mesh, node])).await);
}

// contract: configuration/empty
#[tokio::test]
async fn an_empty_variable_is_none_for_the_sandbox_either() {
    let mut command = Command::new(binary());
    command.args(["sandbox", "--port", "0", "--page-port", "0"]);
    command.env_clear().envs(all_empty());
    let (process, _stdin, stdout) = Process::start("ddp-streamer sandbox", command);
    let said = collect(stdout);
    eventually("it is ready", || async {
        let lines = said.lock().unwrap().clone();
        assert_eq!(process.tail(), "");
        lines
            .iter()
            .any(|line| line.contains("is ready"))
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_sandbox_is_ready_when_it_says_so() {
    for _ in 0..3 {
        let sandbox = Sandbox::here().await;
        let answer = crate::support::http::get(sandbox.port(), "/readyz").await;
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, &*answer.body), (200, r#"{"ready":true}"#));
    }
}

/// Whom it runs as and what it may open is told, and stops nothing.
#[tokio::test]
async fn root_and_too_few_files_are_one_line_each() {
    let nats = Nats::start().await;
    let env = Service::usual_env(&nats.url());
    let mut command = tokio::process::Command::new("/bin/sh");
    command
        .args(["-c", "ulimit -n 1100 && exec \"$0\""])
        .arg(crate::support::service::binary())
        .env_clear()
        .envs(&env);
    let (_process, _stdin, stdout) =
        crate::support::process::Process::start("ddp-streamer", command);
    let log = crate::support::process::collect(stdout);
    let lines = crate::support::eventually("it serves", || {
        let lines = log.lock().unwrap().clone();
        let serving = lines.iter().any(|line| line.contains("\"serving\""));
        async move { serving.then_some(lines) }
    })
    .await;
    let told = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(told("open files is too low"), 1, "{lines:?}");
    // The image never runs as root, whoever tests it.
    let as_root =
        rustix::process::geteuid().is_root() && std::env::var_os("DDP_STREAMER").is_none();
    assert_eq!(told("started as root"), usize::from(as_root), "{lines:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_one_clear_line() {
    let lines = fails_with(&[
        ("TRANSPORTER", "nats://127.0.0.1:1"),
        ("LOG_FILE_PATH", "/nowhere/streamer.log"),
    ])
    .await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("LOG_FILE_PATH=/nowhere/streamer.log: "),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_certificate_that_is_not_there_is_a_line_for_each_file() {
    let lines = fails_with(&[
        ("TRANSPORTER", "nats://127.0.0.1:1"),
        ("ENABLE_TLS", "true"),
        ("TLS_CERT_PATH", "/nowhere/tls.crt"),
        ("TLS_KEY_PATH", "/nowhere/tls.key"),
    ])
    .await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("TLS_CERT_PATH=/nowhere/tls.crt"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("TLS_KEY_PATH=/nowhere/tls.key"),
        "{lines:?}"
    );
}
