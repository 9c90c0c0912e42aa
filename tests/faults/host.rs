//! The machine underneath: descriptors, ports, certificates, clocks, the processor.

use std::fs;
use std::process::Command as Plain;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::logs::provoke;
use super::{Witness, counted, counting, counts, logged};
use crate::support::process::{Process, TempDir, collect};
use crate::support::service::{Env, binary};
use crate::support::{Client, Service, Workspace, eventually, free_port};

/// One more service of a workspace, started by a line of bash that ends in it.
async fn started_by(script: &str, workspace: &Workspace) -> (Service, u16) {
    let (port, metrics) = (free_port(), free_port());
    let mut env: Env = workspace.env.clone();
    for (name, value) in [
        ("PORT", port.to_string()),
        ("MS_METRICS", "true".to_owned()),
        ("MS_METRICS_PORT", metrics.to_string()),
    ] {
        env.insert(name.to_owned(), value);
    }
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(binary());
    command.env_clear().envs(&env);
    let (process, _stdin, stdout) = Process::start("ddp-streamer", command);
    let log = collect(stdout);
    let service = Service { process, port, log };
    service.ready().await;
    let node = format!("{}", service.process.pid());
    let known = eventually("the core knows it", || async {
        let nodes = workspace.core.ask("nodes", json!({})).await;
        let ends = |id: &Value| id.as_str().is_some_and(|id| id.ends_with(&node));
        let listed = |one: &Value| ends(&one["id"]) && one["available"] == true;
        nodes.as_array()?.iter().find(|one| listed(one)).cloned()
    });
    let events = json!({"nodeID": known.await["id"], "events": ["watch.messages"]});
    workspace.core.ask("awaitNode", events).await;
    (service, metrics)
}

#[tokio::test]
#[ignore = "make faults"]
async fn no_descriptor_is_left_for_a_while() {
    let workspace = Workspace::start().await;
    let (service, metrics) = started_by("ulimit -n 60; exec \"$0\"", &workspace).await;
    let mut witness = Witness::at(service.port).await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(
            TcpStream::connect(("127.0.0.1", service.port))
                .await
                .expect("the kernel takes it"),
        );
    }
    logged(&service, "error", "connections cannot be accepted").await;
    witness.is_served(&workspace.core).await;
    drop(crowd);
    let mut late = Client::connect(service.port).await;
    late.login("alice").await;
    counts(metrics, "ddp_accept_errors_total", 1.0).await;
    witness.is_served(&workspace.core).await;
}

#[tokio::test]
async fn the_port_of_the_status_page_is_taken() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let mut env = Service::usual_env("nats://127.0.0.1:1");
    env.insert("ADMIN_PORT".to_owned(), port.clone());
    let mut service = Service::spawn(&env);
    let status = service.process.ended().await;
    assert_eq!(status.code(), Some(1), "{status}");
    eventually("one clear line", || async {
        let lines = service.process.stderr.lock().expect("lines").clone();
        let names = |line: &&String| line.contains("ADMIN_PORT") && line.contains(&port);
        (lines.iter().filter(names).count() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_not_taken() {
    let workspace = Workspace::with().tls().start().await;
    let service = &workspace.service;
    let certificate = workspace.certificate.as_ref().expect("a certificate");
    let mut alice = workspace.login("alice").await;
    let (chain, key) = (certificate.chain(), certificate.key());
    let good = [&chain, &key].map(|path| fs::read(path).expect("read"));
    let stranger = crate::support::tls::Certificate::new();
    let cut = good[0].len() / 2;
    let told = |service: &Service| {
        let warned = service.logged("warn");
        let it = |line: &Value| {
            line["msg"]
                .as_str()
                .is_some_and(|msg| msg.contains("the old one is served on"))
        };
        warned.iter().filter(|line| it(line)).count()
    };
    for (what, path, rubbish) in [
        ("nothing", &chain, Some(Vec::new())),
        ("noise", &chain, Some((0..=255).collect())),
        ("half of it", &chain, Some(good[0][..cut].to_vec())),
        (
            "another's key",
            &key,
            Some(fs::read(stranger.key()).expect("read")),
        ),
        ("a certificate for a key", &key, Some(good[0].clone())),
        ("no file", &chain, None),
    ] {
        let before = told(service);
        match rubbish {
            Some(rubbish) => fs::write(path, rubbish).expect("written"),
            None => fs::remove_file(path).expect("removed"),
        }
        service.process.signal("HUP");
        eventually(what, || async { (told(service) > before).then_some(()) }).await;
        assert_eq!(
            alice.call("echo", json!([what])).await["result"],
            json!([what])
        );
        for (path, bytes) in [&chain, &key].into_iter().zip(&good) {
            fs::write(path, bytes).expect("written");
        }
        // Who trusts the old one still gets in.
        let mut bob = workspace.login("bob").await;
        assert_eq!(bob.call("echo", json!([1])).await["result"], json!([1]));
    }
    certificate.renew();
    service.process.signal("HUP");
    eventually("a good one is taken", || async {
        certificate.connect(service.port).await.ok()
    })
    .await;
    assert_eq!(alice.call("echo", json!([2])).await["result"], json!([2]));
}

/// What makes a process of glibc see another time.
fn another_time() -> String {
    let mut command = Plain::new("faketime");
    command.args(["-f", "+0", "printenv", "LD_PRELOAD"]);
    let said = command.output().expect("faketime (scripts/prerequisites)");
    let library = String::from_utf8(said.stdout).expect("text");
    library.trim().replace("libfaketime.so", "libfaketimeMT.so")
}

#[tokio::test]
async fn the_clock_jumps_days_ahead_and_back() {
    let dir = TempDir::new("clock");
    let (clock, next) = (dir.path().join("clock"), dir.path().join("next"));
    let set = |offset: &str| {
        fs::write(&next, offset).expect("written");
        fs::rename(&next, &clock).expect("renamed");
    };
    set("+0\n");
    let log = dir.path().join("streamer.log");
    let workspace = Workspace::with()
        .env("LD_PRELOAD", &another_time())
        .env("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string())
        .env("FAKETIME_NO_CACHE", "1")
        // As where clocks are set: the monotonic one goes on.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("LOG_FILE_PATH", &log.display().to_string())
        .env("HEARTBEAT_INTERVAL", "1")
        .env("HEARTBEAT_TIMEOUT", "3")
        .core("--heartbeat", "1")
        .start()
        .await;
    let mut witness = Witness::at(workspace.service.port).await;
    let day = |days: i64| (time::UtcDateTime::now() + time::Duration::days(days)).date();
    for (offset, days) in [("+3d\n", 3), ("-3d\n", -3), ("+0\n", 0)] {
        let expected = day(days).to_string();
        set(offset);
        let port = workspace.service.port;
        eventually("the service sees the other time", || async {
            provoke(port).await;
            let last = workspace.service.log().pop()?;
            let then = last["time"].as_str()?.starts_with(&expected);
            (then || day(days).to_string() != expected).then_some(())
        })
        .await;
        witness.is_served(&workspace.core).await;
        // A login, a rule, a beat of the mesh: all go by.
        let mut alice = workspace.login("alice").await;
        alice.listen("room-messages", "private-id").await;
        alice.leave().await;
    }
    assert!(workspace.service.logged("error").is_empty());
    let files = fs::read_dir(dir.path()).expect("a folder");
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let logs = names
        .filter(|name| name.starts_with("streamer.log"))
        .count();
    assert!(logs >= 4, "each day has its file: {logs}");
}

#[tokio::test]
#[ignore = "make faults"]
async fn a_process_that_slept_longer_than_the_mesh_waits_is_taken_back() {
    let workspace = Workspace::with()
        .core("--heartbeat", "1")
        .core("--heartbeat-timeout", "2")
        .env("HEARTBEAT_INTERVAL", "1")
        .env("HEARTBEAT_TIMEOUT", "30")
        .start()
        .await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    service.process.signal("STOP");
    let gone = json!({"nodeID": workspace.node_id(), "available": false});
    core.ask("awaitNode", gone).await;
    service.process.signal("CONT");
    workspace.core_knows_us().await;
    witness.is_served_again(service, core).await;
}

// contract: ddp/heartbeat/slept
#[tokio::test]
#[ignore = "make faults"]
async fn a_process_that_slept_longer_than_clients_may_be_silent_gives_nobody_up() {
    let (builder, metrics) = counting(Workspace::with());
    let workspace = builder
        .core("--heartbeat", "1")
        .core("--heartbeat-timeout", "40")
        .env("HEARTBEAT_INTERVAL", "1")
        .env("HEARTBEAT_TIMEOUT", "300")
        .env("DDP_HEARTBEAT_INTERVAL", "10")
        .env("CONNECTION_TIMEOUT", "30")
        .start()
        .await;
    let (service, core) = (&workspace.service, &workspace.core);
    let mut witness = Witness::at(service.port).await;
    service.process.signal("STOP");
    let node = json!({"nodeID": workspace.node_id(), "available": false, "timeout": 100});
    let asleep = async { while core.try_ask("awaitNode", node.clone()).await.is_err() {} };
    let asleep = tokio::time::timeout(Duration::from_secs(120), asleep).await;
    asleep.expect("the core misses it after 40 s");
    service.process.signal("CONT");
    workspace.core_knows_us().await;
    witness.is_served_again(service, core).await;
    let closed = counted(metrics, "ddp_sessions_closed_total{code=\"4000\"}").await;
    assert_eq!(closed, 0.0);
}

#[tokio::test]
async fn with_little_of_the_processor_all_comes_late_and_in_order() {
    const EVENTS: usize = 500;
    let workspace = Workspace::start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    let message = json!([{"message": {"_id": "$n", "rid": "GENERAL", "msg": "hello"}}]);
    let events = json!({"event": "watch.messages", "args": message, "count": EVENTS});
    // A tenth of the time, in turns.
    let starve = async {
        let mut turn = tokio::time::interval(Duration::from_millis(5));
        for number in 0.. {
            turn.tick().await;
            match number % 10 {
                0 => workspace.service.process.signal("CONT"),
                1 => workspace.service.process.signal("STOP"),
                _ => {}
            }
        }
    };
    let hear = async {
        workspace.core.ask("broadcast", events).await;
        for n in 0..EVENTS {
            let heard = witness.client.hears("room-messages", "GENERAL").await;
            assert_eq!(heard[0]["_id"], n);
        }
    };
    tokio::select! {
        () = starve => {}
        () = hear => {}
    }
    workspace.service.process.signal("CONT");
    witness.is_served(&workspace.core).await;
}
