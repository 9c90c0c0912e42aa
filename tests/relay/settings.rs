//! Starting in front of a server: the uses of the image's page, what has no effect, TLS on either side.

use serde_json::json;

use super::{SOCKJS, edge, edge_env, edge_of, logged, method, nobody, pair};
use crate::support::ddp_server::DdpServer;
use crate::support::process::TempDir;
use crate::support::service::{AS_ROOT, Service};
use crate::support::tls::Certificate;
use crate::support::{Client, Workspace, eventually, free_port, http};

/// An environment of tests/env as it is, but for addresses and paths: those of this machine.
fn page(name: &str, server: &DdpServer, paths: &[(&str, &str)]) -> Service {
    let mut env = crate::start::env_file(name);
    let url =
        env["DDP_SERVER_URL"].replace("rocketchat:3000", &format!("localhost:{}", server.port));
    assert_ne!(url, env["DDP_SERVER_URL"]);
    env.insert("DDP_SERVER_URL".into(), url);
    env.insert("PORT".into(), free_port().to_string());
    for (variable, path) in paths {
        assert!(env.contains_key(*variable), "{variable}");
        env.insert((*variable).into(), (*path).into());
    }
    Service::spawn(&env)
}

/// A client and its session, over whatever the edge speaks.
async fn serves(edge: &Service, server: &mut DdpServer, certificate: Option<&Certificate>) {
    eventually("it is ready", || async {
        http::get(edge.port, "/readyz")
            .await
            .ok()
            .filter(|answer| answer.status == 200)
    })
    .await;
    for path in ["/websocket", SOCKJS] {
        let mut client = match certificate {
            None => Client::open(edge.port, path).await,
            Some(certificate) => {
                let wire = certificate.connect(edge.port).await.unwrap();
                Client::open_over(Box::new(wire), edge.port, path, &[])
                    .await
                    .unwrap()
            }
        };
        client.handshake().await;
        let mut leg = server.leg().await;
        client.send(method("1", "x")).await;
        leg.hears(json!({"msg": "method", "id": "1"})).await;
        leg.result("1", json!(true)).await;
        client
            .expect(json!({"msg": "updated", "methods": ["1"]}))
            .await;
        client.leave().await;
    }
}

// contract: relay/image-page, relay/without-a-mesh
#[tokio::test]
async fn the_image_pages_quick_start() {
    let mut server = DdpServer::start().await;
    let edge = page("relay-quick-start.env", &server, &[]);
    serves(&edge, &mut server, None).await;
    assert_eq!(
        edge.log
            .lock()
            .unwrap()
            .iter()
            .filter(|line| line.contains(" WARN ") && !line.contains(AS_ROOT))
            .count(),
        0
    );
}

// contract: relay/image-page
#[tokio::test]
async fn the_image_pages_compose_file() {
    let mut server = DdpServer::start().await;
    let edge = page("relay-compose.env", &server, &[]);
    serves(&edge, &mut server, None).await;
    for told in ["clients are pinged after 20s of silence", "DEBUG"] {
        eventually("the log tells of it", || async {
            let log = edge.log.lock().unwrap().join("\n");
            log.contains(told).then_some(())
        })
        .await;
    }
}

// contract: relay/image-page, relay/tls
#[tokio::test]
async fn the_image_pages_tls() {
    let mut server = DdpServer::start().await;
    let certificate = Certificate::new();
    let (chain, key) = (certificate.chain(), certificate.key());
    let paths = [
        ("TLS_CERT_PATH", chain.to_str().unwrap()),
        ("TLS_KEY_PATH", key.to_str().unwrap()),
    ];
    let edge = page("relay-tls.env", &server, &paths);
    serves(&edge, &mut server, Some(&certificate)).await;
}

// contract: relay/image-page
#[tokio::test]
async fn the_image_pages_log_file() {
    let mut server = DdpServer::start().await;
    let folder = TempDir::new("relay-log");
    let file = folder.path().join("streamer.log");
    let edge = page(
        "relay-log-file.env",
        &server,
        &[("LOG_FILE_PATH", file.to_str().unwrap())],
    );
    serves(&edge, &mut server, None).await;
    eventually("the file tells of the start", || async {
        let log = std::fs::read_to_string(&file).ok()?;
        log.contains("every session is relayed").then_some(())
    })
    .await;
}

// contract: relay/without-a-mesh
#[tokio::test]
async fn what_has_no_effect_is_named_once_and_nobody_is_asked() {
    let mut server = DdpServer::start().await;
    let (_, database) = nobody();
    let database = database.replace("ws://", "mongodb://");
    let edge = edge(&server, &[("MONGO_URL", &database), ("MS_NAMESPACE", "x")]).await;
    serves(&edge, &mut server, None).await;
    let warnings = edge.logged("warn");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(
        warnings[0]["msg"],
        "without effect with DDP_SERVER_URL: MONGO_URL, MS_NAMESPACE"
    );
}

// contract: configuration/variable/DDP_SERVER_URL
#[tokio::test]
async fn with_both_the_mesh_is_used_and_the_log_says_so() {
    let (_, url) = nobody();
    let workspace = Workspace::with().env("DDP_SERVER_URL", &url).start().await;
    workspace.login("alice").await;
    assert_eq!(
        logged(&workspace.service, "warn", "DDP_SERVER_URL has no effect").len(),
        1
    );
}

// contract: relay/tls, configuration/variable/TLS_CA_PATH
#[tokio::test]
async fn a_server_with_tls_is_believed_by_its_certificate() {
    let certificate = Certificate::new();
    let mut server = DdpServer::start_tls(&certificate).await;
    assert!(server.url().starts_with("wss://"));
    let stranger = edge_of(&server.url(), &[]);
    eventually("it is not believed", || async {
        let answer = http::get(stranger.port, "/readyz").await.ok()?;
        (answer.status == 503 && answer.body.contains("certificate")).then_some(())
    })
    .await;
    let chain = certificate.chain();
    let edge = edge(&server, &[("TLS_CA_PATH", chain.to_str().unwrap())]).await;
    serves(&edge, &mut server, None).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    let long = "x".repeat(1_000_000);
    for n in 0..5 {
        leg.says(json!({"msg": "changed", "n": n, "long": long}).to_string())
            .await;
        client
            .send(json!({"msg": "method", "n": n, "long": long}))
            .await;
    }
    for n in 0..5 {
        assert_eq!(client.next().await["n"], n);
        assert_eq!(leg.next().await["n"], n);
    }
    leg.close().await;
    assert_eq!(client.closed().await.code, Some(1012));

    // A file that holds no certificate stops the start.
    let mut env = edge_env(&server.url());
    env.insert(
        "TLS_CA_PATH".into(),
        certificate.key().display().to_string(),
    );
    let mut unusable = Service::spawn(&env);
    assert_eq!(unusable.process.ended().await.code(), Some(1));
}
