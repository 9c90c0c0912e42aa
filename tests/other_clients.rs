//! DDP clients that were written for any server, with the service behind them as it is and behind nginx.

use serde_json::{Value, json};

use crate::support::nginx::Nginx;
use crate::support::tls::{Certificate, HOST};
use crate::support::{Client, Peer, Workspace, http};

/// Every library, by the script that drives it and its further arguments.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("clients/node-ddp.js", &[]),
    ("clients/node-ddp.js", &["--sockjs"]),
    ("clients/ddp.js.js", &[]),
    ("clients/sockjs-client.js", &[]),
    ("clients/rocketchat_async.py", &[]),
    ("gopackage-ddp", &[]),
];

/// Somebody logs in, listens to a room, is kept out of another, and talks.
async fn talks(url: &str, (script, arguments): (&str, &[&str]), trusted: Option<&Certificate>) {
    let arguments = [&["--url", url], arguments].concat();
    let chain = trusted.map(Certificate::chain);
    let peer = Peer::start_trusting(script, &arguments, chain.as_deref()).await;
    peer.ask("connect", json!({})).await;
    let login = peer.ask("login", json!({"token": "alice-token"})).await;
    assert_eq!(login["id"], "alice-id", "{script}: {login}");
    peer.ask("listen", json!({"rid": "GENERAL"})).await;
    // Python's library does not look at the answer.
    if !script.ends_with(".py") {
        let refused = peer.try_ask("listen", json!({"rid": "secret-id"})).await;
        assert!(refused.is_err(), "{script}: {refused:?}");
    }
    let text = format!("from {script} {arguments:?}");
    let message = json!({"rid": "GENERAL", "msg": text});
    let params = json!([message]);
    peer.ask("call", json!({"method": "sendMessage", "params": params}))
        .await;
    peer.hears(json!({"message": message})).await;
    if !script.ends_with(".py") {
        let elsewhere = json!([{"rid": "secret-id", "msg": "not for you"}]);
        let call = json!({"method": "sendMessage", "params": elsewhere});
        let error = peer.try_ask("call", call).await.unwrap_err().to_string();
        assert!(error.contains("error-not-allowed"), "{script}: {error}");
    }
    peer.ask("quit", json!({})).await;
}

// contract: clients/others, ddp/transport/subprotocol
#[tokio::test]
async fn all_of_them_talk() {
    let workspace = Workspace::start().await;
    let url = format!("ws://127.0.0.1:{}", workspace.service.port);
    let all = LIBRARIES.iter().map(|library| talks(&url, *library, None));
    futures_util::future::join_all(all).await;
}

// contract: clients/others
#[tokio::test]
async fn all_of_them_talk_over_tls() {
    let workspace = Workspace::with().tls().start().await;
    let url = format!("wss://{HOST}:{}", workspace.service.port);
    let trusted = workspace.certificate.as_ref();
    let all = LIBRARIES
        .iter()
        .map(|library| talks(&url, *library, trusted));
    futures_util::future::join_all(all).await;
}

// contract: clients/others
#[tokio::test]
async fn a_password_login_of_the_python_library() {
    let workspace = Workspace::with()
        .env("DDP_PASSWORD_LOGIN", "true")
        .start()
        .await;
    let url = format!("ws://127.0.0.1:{}", workspace.service.port);
    let bot = Peer::start("clients/rocketchat_async.py", &["--url", &url]).await;
    let credentials = json!({"user": "bot", "password": "bot-password"});
    assert_eq!(bot.ask("login", credentials).await["id"], "bot-id");
    let wrong = json!({"user": "bot", "password": "wrong"});
    let error = bot.try_ask("login", wrong).await.unwrap_err();
    assert!(error.to_string().contains("logged out"), "{error}");
}

/// Whoever comes through nginx, on the paths that it has there.
async fn through(workspace: &Workspace, nginx: &Nginx, prefix: &str) {
    let url = format!("ws://127.0.0.1:{}{prefix}", nginx.port);
    for path in ["/websocket", "/sockjs/123/abcdefgh/websocket"] {
        let path = format!("{prefix}{path}");
        let mut client = Client::connect_to(nginx.port, &path).await;
        let connected = workspace
            .core_hears("socket.connected", json!([{"id": client.session}]))
            .await;
        assert_eq!(connected[0]["clientAddress"], "127.0.0.1", "{path}");
        assert_eq!(
            client.call("echo", json!([path])).await["result"],
            json!([path])
        );
    }
    let libraries = LIBRARIES[2..4].iter();
    let all = libraries.map(|library| talks(&url, *library, None));
    futures_util::future::join_all(all).await;
    let info = http::get(nginx.port, &format!("{prefix}/sockjs/info")).await;
    let info: Value = serde_json::from_str(&info.unwrap().body).unwrap();
    assert_eq!(info["websocket"], true);
}

// contract: ddp/transport/http-1.0, ddp/client-address
#[tokio::test]
async fn behind_nginx_over_each_version_of_http() {
    let workspace = Workspace::with()
        .env("HTTP_FORWARDED_COUNT", "1")
        .start()
        .await;
    let target = format!("127.0.0.1:{}", workspace.service.port);
    for version in ["1.0", "1.1"] {
        let nginx = Nginx::start("/", &target, version).await;
        through(&workspace, &nginx, "").await;
    }
}

// contract: ddp/transport/http-1.0, ddp/transport/raw, ddp/transport/sockjs
#[tokio::test]
async fn behind_nginx_under_a_path() {
    let workspace = Workspace::with()
        .env("HTTP_FORWARDED_COUNT", "1")
        .start()
        .await;
    let target = format!("127.0.0.1:{}", workspace.service.port);
    let nginx = Nginx::start("/chat/", &format!("{target}/"), "1.0").await;
    through(&workspace, &nginx, "/chat").await;
    // Where nginx leaves the path as it is, every path but /websocket itself is SockJS's.
    let nginx = Nginx::start("/chat/", &target, "1.1").await;
    let path = "/chat/sockjs/123/abcdefgh/websocket";
    let mut client = Client::connect_to(nginx.port, path).await;
    assert_eq!(client.call("echo", json!([1])).await["result"], json!([1]));
}
