//! Where logs go: a disk that is full, a folder that is gone, a reader that is gone. More is in `logs` of the capability ring.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;

use super::{Witness, counted, counting, logged};
use crate::support::process::TempDir;
use crate::support::service::binary;
use crate::support::{Client, Workspace, eventually, free_port};

/// A line of the level debug: a client says what cannot be read.
pub(super) async fn provoke(port: u16) {
    let mut client = Client::open(port, "/websocket").await;
    client.raw(Message::text("no JSON")).await;
    assert_eq!(client.closed().await.code, Some(1007));
}

/// Causes lines of the log until some are lost.
async fn until_lost(port: u16, metrics: u16, sink: &str) {
    let series = format!("log_lines_lost_total{{sink=\"{sink}\"}}");
    let lost = async {
        while counted(metrics, &series).await == 0.0 {
            provoke(port).await;
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, lost)
        .await
        .expect("lines are lost");
}

#[tokio::test]
async fn the_disk_of_the_log_is_full() {
    let dir = TempDir::new("full");
    let path = dir.path().join("streamer.log");
    // What is written there finds no space, as on any disk that is full.
    std::os::unix::fs::symlink("/dev/full", &path).expect("a link");
    let (builder, metrics) = counting(Workspace::with());
    let builder = builder.env("LOG_FILE_PATH", &path.display().to_string());
    let workspace = builder.start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    until_lost(workspace.service.port, metrics, "file").await;
    logged(&workspace.service, "warn", "log lines were lost").await;
    witness.is_served(&workspace.core).await;
}

#[tokio::test]
async fn the_folder_of_the_log_is_gone_and_comes_again() {
    let dir = TempDir::new("folder");
    let (folder, aside) = (dir.path().join("logs"), dir.path().join("aside"));
    fs::create_dir(&folder).expect("a folder");
    let path = folder.join("streamer.log");
    let builder = Workspace::with().env("LOG_FILE_PATH", &path.display().to_string());
    let workspace = builder.start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    fs::rename(&folder, &aside).expect("moved");
    provoke(workspace.service.port).await;
    witness.is_served(&workspace.core).await;
    fs::create_dir(&folder).expect("a folder");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let port = workspace.service.port;
    eventually("the file is opened anew", || async {
        provoke(port).await;
        (!read(&path).is_empty()).then_some(())
    })
    .await;
    witness.is_served(&workspace.core).await;
    eventually("no line is lost", || async {
        let filed = read(&aside.join("streamer.log")) + &read(&path);
        let said = workspace.service.log.lock().expect("log").join("\n") + "\n";
        (filed == said).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_read_the_log_is_gone() {
    let workspace = Workspace::start().await;
    let (port, metrics) = (free_port(), free_port());
    let mut env = workspace.env.clone();
    for (name, value) in [
        ("PORT", port.to_string()),
        ("NODE_ID", "unheard".to_owned()),
        ("MS_METRICS", "true".to_owned()),
        ("MS_METRICS_PORT", metrics.to_string()),
    ] {
        env.insert(name.to_owned(), value);
    }
    let mut command = Command::new(binary());
    command.env_clear().envs(&env).kill_on_drop(true);
    let mut service = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the service");
    drop(service.stdout.take());
    let node = json!({"nodeID": "unheard", "events": ["watch.messages"]});
    workspace.core.ask("awaitNode", node).await;
    let mut witness = Witness::at(port).await;
    until_lost(port, metrics, "stdout").await;
    witness.is_served(&workspace.core).await;
    assert!(service.try_wait().expect("a status").is_none(), "it runs");
}
