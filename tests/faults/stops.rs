//! Stops in every phase, and with parts that do not take the farewell: the process ends by itself, with code 0, and its
//! clients are told. A stop under load is in `shutdown`.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::{Witness, not_ready};
use crate::support::{Service, Workspace, eventually, http};

/// Clients are told that it goes, and it ends well.
async fn goes(service: &mut Service, mut witness: Witness) {
    let end = witness.client.closed().await;
    assert_eq!((end.code, &*end.reason), (Some(1001), "GOING_AWAY"));
    ends(service).await;
}

async fn ends(service: &mut Service) {
    let status = service.process.ended().await;
    assert_eq!(
        status.code(),
        Some(0),
        "{status}: {}",
        service.process.tail()
    );
}

/// A workspace that stops soon, and a witness.
async fn brief() -> (Workspace, Witness) {
    let workspace = Workspace::with().env("SHUTDOWN_GRACE", "1").start().await;
    let witness = Witness::at(workspace.service.port).await;
    (workspace, witness)
}

#[tokio::test]
async fn before_there_is_a_mesh() {
    for signal in ["TERM", "INT"] {
        let mut env = Service::usual_env("nats://127.0.0.1:1");
        env.insert("SHUTDOWN_GRACE".to_owned(), "1".to_owned());
        let mut service = Service::spawn(&env);
        let port = service.port;
        eventually("it listens", || async move {
            let answer = http::get(port, "/livez").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        service.process.signal(signal);
        ends(&mut service).await;
    }
}

#[tokio::test]
async fn while_nats_is_away() {
    let (mut workspace, witness) = brief().await;
    workspace.nats.kill().await;
    not_ready(workspace.service.port, "NATS is away").await;
    workspace.service.terminate();
    goes(&mut workspace.service, witness).await;
}

#[tokio::test]
async fn while_nats_hangs() {
    let (mut workspace, mut witness) = brief().await;
    workspace.nats.freeze();
    witness.client.begin("echo", json!([1])).await;
    workspace.service.terminate();
    goes(&mut workspace.service, witness).await;
    workspace.nats.thaw();
}

#[tokio::test]
async fn while_the_core_hangs() {
    let (mut workspace, mut witness) = brief().await;
    workspace.core.process.signal("STOP");
    let asked = witness.client.begin("echo", json!([1])).await;
    workspace.service.terminate();
    let result = json!({"msg": "result", "id": asked});
    let refused = witness.client.expect(result).await;
    assert_eq!(refused["error"]["error"], 503, "{refused}");
    goes(&mut workspace.service, witness).await;
    workspace.core.process.signal("CONT");
}

#[tokio::test]
async fn while_the_database_hangs() {
    let builder = Workspace::with().database().env("SHUTDOWN_GRACE", "1");
    let mut workspace = builder.start().await;
    let witness = Witness::at(workspace.service.port).await;
    let database = workspace.database.as_ref().expect("a database");
    database.signal("STOP");
    workspace.service.terminate();
    goes(&mut workspace.service, witness).await;
    database.signal("CONT");
}

#[tokio::test]
async fn while_the_collector_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    let mut workspace = Workspace::with()
        .env("SHUTDOWN_GRACE", "1")
        .env("TRACING_ENABLED", "true")
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            &format!("http://127.0.0.1:{port}"),
        )
        .start()
        .await;
    let mut witness = Witness::at(workspace.service.port).await;
    witness.is_served(&workspace.core).await;
    workspace.service.terminate();
    goes(&mut workspace.service, witness).await;
}

#[tokio::test]
async fn again_and_again_and_with_other_signals() {
    let (mut workspace, witness) = brief().await;
    let process = &workspace.service.process;
    for signal in ["TERM", "HUP", "INT", "TERM", "HUP"] {
        process.signal(signal);
    }
    goes(&mut workspace.service, witness).await;
}

#[tokio::test]
async fn in_its_sleep() {
    let (mut workspace, witness) = brief().await;
    let process = &workspace.service.process;
    for signal in ["STOP", "TERM", "CONT"] {
        process.signal(signal);
    }
    goes(&mut workspace.service, witness).await;
}

#[tokio::test]
async fn with_clients_in_every_phase() {
    let (mut workspace, witness) = brief().await;
    let port = workspace.service.port;
    let mut held = Vec::new();
    for said in ["", "GET /websocket HTTP/1.1\r\nHost:"] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("in");
        stream.write_all(said.as_bytes()).await.expect("written");
        held.push(stream);
    }
    // Greeted, and not yet connected.
    let mut greeted = crate::support::Client::open(port, "/websocket").await;
    workspace.service.terminate();
    assert_eq!(greeted.closed().await.code, Some(1001));
    goes(&mut workspace.service, witness).await;
}
