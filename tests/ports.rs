//! No port can be held by those who come and say nothing, or read nothing.

use std::io::ErrorKind;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Workspace, eventually, free_port, http};

/// More than any port of operators holds at once.
const CROWD: usize = 100;

async fn come(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    stream.expect("a connection")
}

/// Asks for a page again and again and reads nothing, until no more goes in.
async fn come_and_read_nothing(port: u16, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small window");
    let address = ([127, 0, 0, 1], port).into();
    let mut stream = socket.connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let many = request.repeat(20_000);
    let mut sent = 0;
    // It may be ended meanwhile: another has come.
    while sent < many.len() {
        tokio::select! {
            biased;
            wrote = stream.write(&many.as_bytes()[sent..]) => match wrote {
                Ok(wrote) => sent += wrote,
                Err(_) => break,
            },
            () = tokio::task::yield_now() => break,
        }
    }
    stream
}

/// Whether the other side has closed a connection that nobody reads.
fn has_ended(stream: &TcpStream) -> Option<()> {
    let wrote = stream.try_write(b"\r\n");
    let ended = wrote.is_err_and(|error| error.kind() != ErrorKind::WouldBlock);
    ended.then_some(())
}

fn descriptors(workspace: &Workspace) -> usize {
    let pid = workspace.service.process.pid();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
    open.expect("descriptors").count()
}

// contract: configuration/variable/MS_METRICS_PORT, configuration/variable/ADMIN_PORT
#[tokio::test]
async fn operators_are_answered_whoever_else_holds_connections() {
    let (metrics, status) = (free_port(), free_port());
    let workspace = Workspace::with()
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &metrics.to_string())
        .env("ADMIN_PORT", &status.to_string())
        .start()
        .await;
    for (port, path) in [(metrics, "/metrics"), (status, "/status.json")] {
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(come(port).await);
        }
        assert_eq!(http::get(port, path).await.unwrap().status, 200, "{path}");
        crowd.clear();
        for _ in 0..CROWD {
            crowd.push(come_and_read_nothing(port, path).await);
        }
        assert_eq!(http::get(port, path).await.unwrap().status, 200, "{path}");
    }
    drop(workspace);
}

// contract: ddp/http/idle, configuration/variable/DDP_HANDSHAKE_TIMEOUT
#[tokio::test]
async fn the_oldest_idle_connection_gives_way_to_a_client() {
    let metrics = free_port();
    let workspace = Workspace::with()
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &metrics.to_string())
        .env("DDP_HANDSHAKE_TIMEOUT", "300")
        .start()
        .await;
    let port = workspace.service.port;
    let mut alice = workspace.login("alice").await;
    let mut crowd = Vec::new();
    for _ in 0..1100 {
        crowd.push(come(port).await);
    }
    // A session is no visitor any more, however idle.
    let mut bob = workspace.login("bob").await;
    for client in [&mut alice, &mut bob] {
        assert!(client.call("echo", serde_json::json!([1])).await["result"].is_array());
    }
    assert_eq!(http::get(port, "/health").await.unwrap().status, 200);
    let refused = "ddp_connections_refused_total{reason=\"idle\"} ";
    eventually("those that gave way are counted", || async {
        let text = http::get(metrics, "/metrics").await.ok()?.body;
        let count = text.lines().find_map(|line| line.strip_prefix(refused))?;
        (count.parse::<u32>().ok()? >= 1100 - 1024).then_some(())
    })
    .await;
    eventually("they are closed", || async {
        (descriptors(&workspace) < 1100).then_some(())
    })
    .await;
}

// contract: ddp/http/idle
#[tokio::test]
async fn who_asks_and_never_reads_is_given_up() {
    let workspace = Workspace::with()
        .env("DDP_HANDSHAKE_TIMEOUT", "1")
        .start()
        .await;
    let port = workspace.service.port;
    let before = descriptors(&workspace);
    let mut crowd = Vec::new();
    // Few, since each is answered thousands of times before no more goes in.
    for _ in 0..3 {
        crowd.push(come_and_read_nothing(port, "/sockjs/info").await);
    }
    for stream in &crowd {
        eventually("it is let go", || async { has_ended(stream) }).await;
    }
    eventually("nothing of them is kept", || async {
        (descriptors(&workspace) <= before).then_some(())
    })
    .await;
}
