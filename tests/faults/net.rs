//! The network to clients: resets, half-open connections, small windows, single bytes. How requests in front of an end are
//! carried out is in `ends`, who holds ports without a session in `ports`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{Witness, counted, counting};
use crate::relay::edge_of;
use crate::support::ddp_server::DdpServer;
use crate::support::proxy::{Proxy, Way};
use crate::support::{Client, Workspace, eventually};

#[tokio::test]
async fn a_reset_in_the_middle_of_a_frame_asks_for_nothing() {
    let workspace = Workspace::start().await;
    let mut witness = Witness::at(workspace.service.port).await;
    for path in ["/websocket", "/sockjs/1/abcdefgh/websocket"] {
        let mut client = Client::connect_to(workspace.service.port, path).await;
        client.login("alice").await;
        let session = client.session.clone();
        let call =
            json!({"msg": "method", "id": "1", "method": "echo", "params": ["half a frame"]});
        let whole = client.framed(&call);
        client.bytes(&whole[..whole.len() - 1]).await;
        client.reset();
        workspace
            .core_hears("socket.disconnected", json!([{"id": session}]))
            .await;
        workspace
            .core_hears("presence.removeConnection", json!(["alice-id", session]))
            .await;
    }
    let calls = workspace.core_heard("meteor.callMethodWithToken").await;
    assert!(!json!(calls).to_string().contains("half a frame"));
    witness.is_served(&workspace.core).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn connections_that_only_seem_to_be_there_are_ended() {
    let (builder, metrics) = counting(Workspace::with());
    let workspace = builder
        .env("DDP_HEARTBEAT_INTERVAL", "10")
        .env("CONNECTION_TIMEOUT", "30")
        .start()
        .await;
    let port = workspace.service.port;
    let mut witness = Witness::at(port).await;
    let mut links = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let link = Proxy::to(port).await;
        let mut client = Client::connect(link.port()).await;
        client.login("alice").await;
        links.push(link);
        clients.push(client);
    }
    // The network is gone; the client is heard no more; it stopped in the middle of a frame.
    links[0].hold(Way::ToServer);
    links[0].hold(Way::ToClient);
    links[1].hold(Way::ToServer);
    let half = clients[2].framed(&json!({"msg": "ping"}));
    clients[2].bytes(&half[..5]).await;
    // Whoever is there answers pings, and stays.
    let mut told = Vec::new();
    let ended = async {
        let mut tick = interval(Duration::from_millis(200));
        while told.len() < clients.len() {
            tick.tick().await;
            witness.client.call("echo", json!([1])).await;
            told = workspace.core_heard("socket.disconnected").await;
        }
    };
    let ended = timeout(Duration::from_secs(90), ended).await;
    ended.expect("all are given up");
    for client in &clients {
        let params = json!([{"id": client.session}]);
        workspace.core_hears("socket.disconnected", params).await;
        let params = json!(["alice-id", client.session]);
        workspace
            .core_hears("presence.removeConnection", params)
            .await;
    }
    let closed = counted(metrics, "ddp_sessions_closed_total{code=\"4000\"}").await;
    assert_eq!(closed, 3.0);
    // The one that hears is told why.
    let end = clients[1].closed().await;
    assert_eq!((end.code, &*end.reason), (Some(4000), "TIMEOUT"));
    witness.is_served(&workspace.core).await;
}

#[tokio::test]
#[ignore = "make faults"]
async fn a_single_server_that_only_seems_to_be_there_is_left() {
    let mut server = DdpServer::start().await;
    let link = Proxy::to(server.port).await;
    let url = format!("ws://127.0.0.1:{}", link.port());
    let edge = edge_of(&url, &[("DDP_HEARTBEAT_INTERVAL", "10")]);
    edge.ready().await;
    let mut client = Client::connect(edge.port).await;
    let _leg = server.leg().await;
    link.hold(Way::ToServer);
    link.hold(Way::ToClient);
    let ended = async {
        loop {
            match client.frame().await {
                Ok(_ping) => client.send(json!({"msg": "pong"})).await,
                Err(end) => return end,
            }
        }
    };
    let end = timeout(Duration::from_secs(120), ended).await;
    let end = end.expect("the server is given up");
    assert_eq!((end.code, &*end.reason), (Some(1012), "SERVICE_RESTART"));
    link.heal();
    edge.ready().await;
    let mut back = Client::connect(edge.port).await;
    let mut leg = server.leg().await;
    back.send(json!({"msg": "method", "id": "1", "method": "x", "params": []}))
        .await;
    leg.hears(json!({"id": "1"})).await;
    leg.result("1", json!(1)).await;
    back.expect(json!({"msg": "result", "id": "1", "result": 1}))
        .await;
}

#[tokio::test]
async fn through_a_window_of_a_few_bytes_all_of_it_comes() {
    const EVENTS: usize = 10;
    let workspace = Workspace::start().await;
    let port = workspace.service.port;
    let mut witness = Witness::at(port).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a small window");
    let stream = socket.connect(([127, 0, 0, 1], port).into()).await;
    let stream = Box::new(stream.expect("a connection"));
    let client = Client::open_over(stream, port, "/websocket", &[]).await;
    let mut client = client.expect("an upgrade");
    client.handshake().await;
    client.login("alice").await;
    client.listen("room-messages", "private-id").await;
    let text = "x".repeat(200_000);
    let message = json!([{"message": {"_id": "$n", "rid": "private-id", "msg": text}}]);
    let events = json!({"event": "watch.messages", "args": message, "count": EVENTS});
    workspace.core.ask("broadcast", events).await;
    witness.is_served(&workspace.core).await;
    for n in 0..EVENTS {
        let heard = client.hears("room-messages", "private-id").await;
        assert_eq!(heard[0]["_id"], n);
        assert_eq!(heard[0]["msg"], text);
    }
}

#[tokio::test]
async fn a_byte_at_a_time_is_a_session_as_any_other() {
    let workspace = Workspace::start().await;
    let link = Proxy::to(workspace.service.port).await;
    link.pieces(1);
    let mut witness = Witness::at(link.port()).await;
    witness.is_served(&workspace.core).await;
    let mut sockjs = Client::connect_to(link.port(), "/sockjs/1/abcdefgh/websocket").await;
    sockjs.login("alice").await;
    let echo = sockjs.call("echo", json!(["ä\u{1f600}"])).await;
    assert_eq!(echo["result"], json!(["ä\u{1f600}"]));
}

#[tokio::test]
#[ignore = "make faults"]
async fn a_slow_and_distant_client_is_a_session_as_any_other() {
    let workspace = Workspace::start().await;
    let link = Proxy::to(workspace.service.port).await;
    link.delay(Duration::from_millis(200));
    let mut witness = Witness::at(link.port()).await;
    witness.is_served(&workspace.core).await;
}

const UPGRADE: &str = "GET /websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn a_storm_of_resets_leaves_nothing_behind() {
    const EACH: usize = 60;
    let (builder, metrics) = counting(Workspace::with());
    let workspace = builder.start().await;
    let port = workspace.service.port;
    let mut witness = Witness::at(port).await;
    witness.is_served(&workspace.core).await;
    let pid = workspace.service.process.pid();
    let descriptors = || {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
        open.expect("descriptors").count()
    };
    let before = descriptors();
    for _ in 0..EACH {
        // In each phase of an upgrade, and behind it.
        for said in ["", "GET /websocket HT", &UPGRADE[..90], UPGRADE] {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("in");
            stream.write_all(said.as_bytes()).await.expect("written");
            let socket = socket2::SockRef::from(&stream);
            socket.set_linger(Some(Duration::ZERO)).expect("an option");
        }
        let mut client = Client::open(port, "/websocket").await;
        let connect = client.framed(&json!({"msg": "connect", "version": "1", "support": ["1"]}));
        client.bytes(&connect[..connect.len() / 2]).await;
        client.reset();
    }
    witness.is_served(&workspace.core).await;
    eventually("all of them are gone", || async {
        let left = counted(metrics, "ddp_sessions{transport=\"raw\"}").await;
        // Besides the connection that asks for the metrics.
        (left == 1.0 && descriptors() <= before + 1).then_some(())
    })
    .await;
    let panics = counted(metrics, "panics_caught_total{place=\"session\"}").await;
    assert_eq!(panics, 0.0);
    assert_eq!(workspace.service.logged("error"), Vec::<Value>::new());
}

#[tokio::test]
async fn with_tls_a_reset_in_a_record_harms_nobody() {
    let workspace = Workspace::with().tls().start().await;
    let service = &workspace.service;
    let certificate = workspace.certificate.as_ref().expect("a certificate");
    let mut alice = workspace.login("alice").await;
    let link = Proxy::to(service.port).await;
    // In the server's first flight; in the upgrade's answer or behind it; later.
    for bytes in [100, 300, 600, 900, 1200, 1500, 2000] {
        link.reset_after(Way::ToClient, bytes);
        let talks = async {
            let wire = certificate.connect(link.port()).await.ok()?;
            let client = Client::open_over(Box::new(wire), service.port, "/websocket", &[]).await;
            let mut client = client.ok()?;
            loop {
                client
                    .try_raw(Message::text(r#"{"msg":"ping"}"#))
                    .await
                    .then_some(())?;
                client.try_next().await.ok()?;
            }
        };
        let cut: Option<()> = timeout(crate::support::DEADLINE, talks)
            .await
            .expect("it is cut");
        assert_eq!(cut, None);
        let echo = alice.call("echo", json!([bytes])).await;
        assert_eq!(echo["result"], json!([bytes]));
    }
    let mut bob = workspace.login("bob").await;
    assert_eq!(bob.call("echo", json!([1])).await["result"], json!([1]));
    assert_eq!(service.logged("error"), Vec::<Value>::new());
}
