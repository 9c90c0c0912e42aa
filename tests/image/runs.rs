//! The image in a container runtime, as the first process of its container: nothing to write, nothing allowed.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use super::named;
use crate::support::nats::Nats;
use crate::support::process::{Process, TempDir};
use crate::support::workspace::seed;
use crate::support::{Client, DEADLINE, Peer, eventually, free_port, http};

/// A container of the image, on the machine's own network.
struct Container {
    process: Process,
    id: String,
    bundle: TempDir,
    /// Mounted into it.
    _users: TempDir,
    port: u16,
}

impl Container {
    async fn start(nats: &Nats, env: &[(&str, &str)]) -> Self {
        let bundle = TempDir::new("bundle");
        let port = free_port();
        let mut spec: Value = serde_json::from_slice(
            &std::fs::read(named("IMAGE_BUNDLE").join("config.json")).expect("umoci's"),
        )
        .expect("JSON");
        spec["root"] = json!({ "path": named("IMAGE_BUNDLE").join("rootfs"), "readonly": true });
        let process = spec["process"].as_object_mut().expect("a process");
        process.insert("terminal".into(), false.into());
        process.insert("noNewPrivileges".into(), true.into());
        process.insert("capabilities".into(), json!({}));
        process.insert(
            "rlimits".into(),
            json!([{ "type": "RLIMIT_NOFILE", "hard": 4096, "soft": 4096 }]),
        );
        let variables = process["env"].as_array_mut().expect("env");
        variables.retain(|variable| {
            !variable
                .as_str()
                .is_some_and(|text| text.starts_with("PORT="))
        });
        variables.extend(
            [
                format!("PORT={port}"),
                format!("TRANSPORTER={}", nats.url()),
                "MONGO_URL=memory:/tmp/seed.json".into(),
            ]
            .map(Value::from),
        );
        variables.extend(
            env.iter()
                .map(|(name, value)| Value::from(format!("{name}={value}"))),
        );
        let namespaces = spec["linux"]["namespaces"]
            .as_array_mut()
            .expect("namespaces");
        namespaces.retain(|namespace| namespace["type"] != "network");
        // What this machine may not have: control groups and their file system.
        spec["linux"]
            .as_object_mut()
            .expect("linux")
            .remove("resources");
        spec["mounts"]
            .as_array_mut()
            .expect("mounts")
            .retain(|mount| {
                ["/proc", "/dev", "/dev/shm"]
                    .contains(&mount["destination"].as_str().unwrap_or_default())
            });
        // Its users, where its root has an empty folder.
        let users = seed();
        spec["mounts"].as_array_mut().expect("mounts").push(json!({
            "destination": "/tmp", "type": "bind", "source": users.path(), "options": ["bind", "ro"]
        }));
        std::fs::write(bundle.path().join("config.json"), spec.to_string()).expect("a bundle");

        let id = format!("ddp-streamer-{port}");
        let mut command = crun(bundle.path());
        command
            .args(["run", "--bundle"])
            .arg(bundle.path())
            .arg(&id);
        let (process, ..) = Process::start("crun", command);
        eventually("the container is ready", || async move {
            http::get(port, "/readyz")
                .await
                .ok()
                .filter(|answer| answer.status == 200)
        })
        .await;
        Self {
            process,
            id,
            bundle,
            _users: users,
            port,
        }
    }

    async fn runtime(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let (action, rest) = arguments.split_first().expect("an action");
        let output = crun(self.bundle.path())
            .arg(action)
            .arg(&self.id)
            .args(rest)
            .output();
        let output = output.await.expect("crun");
        (
            output.status.code(),
            String::from_utf8([output.stdout, output.stderr].concat()).expect("text"),
        )
    }
}

/// crun takes no machine whose control groups are of both versions, though nothing of them is used here: it sees the second.
fn crun(bundle: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "/bin/sh", "-c"])
        .arg(r#"mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec crun "$@""#)
        .args(["crun", "--cgroup-manager=disabled"])
        .arg("--root")
        .arg(bundle.join("state"));
    command
}

#[tokio::test]
#[ignore = "make image-test"]
async fn it_serves_answers_its_health_command_and_drains() {
    let nats = Nats::start().await;
    let core = Peer::start("core.js", &["--nats", &nats.url()]).await;
    let mut container = Container::start(&nats, &[]).await;
    let mut alice = Client::connect(container.port).await;
    alice.login("alice").await;

    let health = container
        .runtime(&["exec", "/usr/bin/ddp-streamer", "health"])
        .await;
    assert_eq!(health.0, Some(0), "{health:?}");

    let stopped = tokio::time::Instant::now();
    assert_eq!(container.runtime(&["kill", "TERM"]).await.0, Some(0));
    assert_eq!(alice.closed().await.code, Some(1001));
    let status = tokio::time::timeout(DEADLINE, container.process.ended())
        .await
        .expect("it ends");
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(
        stopped.elapsed() < Duration::from_secs(10),
        "docker stop waits no longer: {:?}",
        stopped.elapsed()
    );
    drop(core);
}
