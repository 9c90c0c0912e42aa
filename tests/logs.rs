//! What is logged (reference/telemetry.md, "Logs"): its form, its levels, its file, and what never appears.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;

use crate::support::nats::Nats;
use crate::support::process::{TempDir, collect};
use crate::support::service::{Env, binary};
use crate::support::{Client, DEADLINE, Service, Workspace, eventually, free_port, http};

/// A line of the level debug: a client says what cannot be read.
async fn provoke(workspace: &Workspace) {
    let mut client = Client::open(workspace.service.port, "/websocket").await;
    client.raw(Message::text("no JSON")).await;
    assert_eq!(client.closed().await.code, Some(1007));
}

/// `2026-11-22T09:27:02.079Z`
fn is_timestamp(value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    let form: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    form == "0000-00-00T00:00:00.000Z"
}

// contract: telemetry/logs/json, configuration/variable/LOG_FORMAT
#[tokio::test]
async fn one_event_a_line_in_json() {
    let workspace = Workspace::with().env("NODE_ID", "streamer-1").start().await;
    provoke(&workspace).await;
    let unreadable = eventually("the client's mistake is logged", || async {
        workspace
            .service
            .log()
            .into_iter()
            .find(|line| line["msg"] == "a message that cannot be read")
    })
    .await;
    assert_eq!(
        unreadable["level"], "debug",
        "a client's mistake is no more"
    );
    assert_eq!(unreadable["close"], "unsupported_data");
    assert!(unreadable["session"].is_string());
    let lines = workspace.service.log.lock().unwrap().clone();
    assert!(lines.len() > 3, "{lines:?}");
    for text in &lines {
        let line: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        let level = line["level"].as_str().unwrap_or_default();
        assert!(["debug", "info", "warn"].contains(&level), "{text}");
        assert!(is_timestamp(&line["time"]), "{text}");
        assert!(line["msg"].is_string(), "{text}");
        assert_eq!(line["nodeID"], "streamer-1", "{text}");
    }
}

// contract: configuration/variable/LOG_LEVEL
#[tokio::test]
async fn the_level_filters_and_an_outage_is_no_flood() {
    let mut workspace = Workspace::with().env("LOG_LEVEL", "warn").start().await;
    provoke(&workspace).await;
    workspace.nats.kill().await;
    eventually("the outage is logged", || async {
        let lines = workspace.service.logged("warn");
        let trying = |line: &Value| line["msg"] == "no connection to the mesh; trying on";
        lines.iter().any(trying).then_some(())
    })
    .await;
    workspace.nats.restart().await;
    workspace.service.ready().await;
    let lines = workspace.service.log();
    assert!(
        lines.iter().all(|line| line["level"] == "warn"),
        "{lines:#?}"
    );
    assert!(lines.len() < 6, "{lines:#?}");
}

// contract: configuration/variable/LOG_FORMAT
#[tokio::test]
async fn for_people_by_default() {
    let workspace = Workspace::with().env("LOG_FORMAT", "pretty").start().await;
    let lines = workspace.service.log.lock().unwrap().clone();
    let serving = lines.iter().find(|line| line.contains("serving"));
    let serving = serving.unwrap_or_else(|| panic!("{lines:?}"));
    assert!(
        serving.contains("  INFO app: serving address="),
        "{serving}"
    );
    assert!(!serving.contains('\u{1b}'), "no colours but on a terminal");
}

// contract: configuration/variable/LOG_FILE_PATH
#[tokio::test]
async fn the_file_has_the_same_lines_and_is_opened_anew() {
    let dir = TempDir::new("logs");
    let path = dir.path().join("streamer.log");
    let workspace = Workspace::with()
        .env("LOG_FILE_PATH", &path.display().to_string())
        .start()
        .await;
    provoke(&workspace).await;
    let aside = dir.path().join("streamer.log.1");
    fs::rename(&path, &aside).unwrap();
    eventually("the path is a file again", || async {
        provoke(&workspace).await;
        fs::exists(&path).unwrap().then_some(())
    })
    .await;
    eventually("both places have the same lines", || async {
        let read = |path| fs::read_to_string(path).unwrap();
        let (old, new) = (read(&aside), read(&path));
        assert!(!old.is_empty());
        let filed: Vec<_> = old.lines().chain(new.lines()).map(String::from).collect();
        (!new.is_empty() && filed == *workspace.service.log.lock().unwrap()).then_some(())
    })
    .await;
}

// contract: telemetry/logs/secrets, configuration/secrets
#[tokio::test]
async fn what_is_secret_never_appears() {
    const COOKIE: &str = "cookie-kept-to-oneself";
    const BEARER: &str = "bearer-kept-to-oneself";
    let workspace = Workspace::with()
        .env("LOG_LEVEL", "trace")
        .env("DDP_PASSWORD_LOGIN", "true")
        .start()
        .await;
    let headers = [
        ("cookie", &*format!("rc_uid=alice-id; rc_token={COOKIE}")),
        ("authorization", &*format!("Bearer {BEARER}")),
    ];
    let mut alice = Client::open_with(workspace.service.port, "/websocket", &headers)
        .await
        .unwrap();
    alice.handshake().await;
    alice.login("alice").await;
    let told = workspace
        .core_hears("socket.connected", json!([{"id": alice.session}]))
        .await;
    assert!(
        told.to_string().contains(COOKIE),
        "the mesh is told of headers, the log is not: {told}"
    );

    let mut bob = workspace.client().await;
    let mut tokens = Vec::new();
    let digest = "0".repeat(64);
    for (password, succeeds) in [
        (json!("bob-password"), true),
        (json!("bob-wrong-password"), false),
        (json!({"digest": digest, "algorithm": "sha-256"}), false),
    ] {
        let params = json!([{"user": {"username": "bob"}, "password": password}]);
        let answer = bob.call("login", params).await;
        assert_eq!(answer.get("error").is_none(), succeeds, "{answer}");
        tokens.extend(answer["result"]["token"].as_str().map(String::from));
    }
    let refused = bob.call("login", json!([{"resume": "no-such-token-at-all"}]));
    assert!(refused.await.get("error").is_some());
    // Neither what is malformed, nor what the core fails at.
    bob.call("login", json!([{"resume": {"$ne": "odd-token"}}]))
        .await;
    bob.call("peer.error", json!(["param-password"])).await;
    alice.call("logout", json!([])).await;
    assert_eq!(alice.closed().await.code, Some(1002));

    workspace
        .core_hears("socket.disconnected", json!([{"id": alice.session}]))
        .await;
    // The last thing that is said, and on the level trace.
    workspace.broadcast("watch.messages", json!([7])).await;
    let log = eventually("an event became nothing", || async {
        let log = workspace.service.log.lock().unwrap().join("\n");
        log.contains("\"level\":\"trace\"").then_some(log)
    })
    .await;
    assert_eq!(tokens.len(), 1);
    for secret in [
        &*tokens[0],
        COOKIE,
        BEARER,
        "alice-token",
        // Its hash, which is as good for the mesh.
        "nCIPIAlV12wKONMIIl4O8QxflxrK8vjR2Pcyr/pb0dw=",
        "bob-password",
        "bob-wrong-password",
        &digest,
        "no-such-token-at-all",
        "odd-token",
        "param-password",
    ] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

// contract: configuration/variable/LOG_FILE_PATH, configuration/sighup
#[tokio::test]
async fn sighup_opens_the_file_anew_and_ends_nothing() {
    let dir = TempDir::new("sighup");
    let path = dir.path().join("streamer.log");
    let workspace = Workspace::with()
        .env("LOG_FILE_PATH", &path.display().to_string())
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    // As logrotate does.
    fs::rename(&path, dir.path().join("streamer.log.1")).unwrap();
    workspace.service.process.signal("HUP");
    eventually("the file is there again", || async {
        let text = fs::read_to_string(&path).ok()?;
        text.contains("SIGHUP: the log file is opened anew")
            .then_some(())
    })
    .await;
    assert_eq!(alice.call("echo", json!([1])).await["result"], json!([1]));
}

/// How many lines a sink lost, as metrics tell.
async fn lost(metrics: u16, sink: &str) -> Option<u64> {
    let text = http::get(metrics, "/metrics").await.ok()?.body;
    let series = format!("log_lines_lost_total{{sink=\"{sink}\"}} ");
    let count = text.lines().find_map(|line| line.strip_prefix(&series))?;
    count.parse().ok()
}

/// What is worth a line at debug, a few hundred times.
async fn cause_lines(port: u16) {
    for _ in 0..300 {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
            let _refused = stream.write_all(b"no HTTP\r\n\r\n").await;
        }
    }
}

/// The environment of a service that counts, and where.
async fn counting(nats: &Nats) -> (Env, u16) {
    let (mut env, metrics) = (Service::usual_env(&nats.url()), free_port());
    for (name, value) in [
        ("MS_METRICS", "true"),
        ("MS_METRICS_PORT", &*metrics.to_string()),
    ] {
        env.insert(name.to_owned(), value.to_owned());
    }
    (env, metrics)
}

// contract: telemetry/logs/lost, configuration/variable/SHUTDOWN_GRACE
#[tokio::test]
async fn a_reader_that_stops_reading_stops_nothing() {
    let nats = Nats::start().await;
    let (mut env, metrics) = counting(&nats).await;
    env.insert("SHUTDOWN_GRACE".to_owned(), "2".to_owned());
    let mut command = Command::new(binary());
    command.env_clear().envs(&env).kill_on_drop(true);
    let mut service = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the service");
    // Nobody reads it.
    let _stdout = service.stdout.take();
    let port: u16 = env["PORT"].parse().unwrap();
    eventually("it is ready, and loses lines", || async {
        cause_lines(port).await;
        (lost(metrics, "stdout").await? > 1000).then_some(())
    })
    .await;
    eventually("it is ready, once it has joined", || async {
        let answer = http::get(port, "/readyz").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    let pid = service.id().expect("it runs").to_string();
    let asked = std::process::Command::new("kill").arg(pid).status();
    assert!(asked.unwrap().success());
    let ended = tokio::time::timeout(DEADLINE, service.wait()).await;
    assert_eq!(ended.expect("it ends").unwrap().code(), Some(0));
}

// contract: telemetry/logs/lost
#[tokio::test]
async fn a_file_that_may_not_grow_costs_lines_and_not_the_service() {
    let (nats, dir) = (Nats::start().await, TempDir::new("limited"));
    let (mut env, metrics) = counting(&nats).await;
    let path = dir.path().join("streamer.log");
    env.insert("LOG_FILE_PATH".to_owned(), path.display().to_string());
    let mut command = Command::new("bash");
    let script = "ulimit -f 16; exec \"$0\"";
    command.args(["-c", script]).arg(binary());
    command.env_clear().envs(&env).kill_on_drop(true);
    let mut service = command.stdout(Stdio::piped()).spawn().expect("the service");
    let log = collect(service.stdout.take().expect("standard output"));
    let port: u16 = env["PORT"].parse().unwrap();
    eventually("the file is full", || async {
        cause_lines(port).await;
        (lost(metrics, "file").await? > 0).then_some(())
    })
    .await;
    eventually("standard output tells, with the next line", || async {
        cause_lines(port).await;
        let told =
            |line: &String| line.contains("log lines were lost: LOG_FILE_PATH did not take them");
        log.lock().unwrap().iter().any(told).then_some(())
    })
    .await;
    eventually("it is ready, once it has joined", || async {
        let answer = http::get(port, "/readyz").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    assert!(fs::metadata(&path).unwrap().len() <= 16 * 1024);
}
