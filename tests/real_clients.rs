//! Rocket.Chat's own clients, from npm, and the traffic of those that cannot be installed.

use serde_json::{Value, json};

use crate::support::{Peer, Workspace};

async fn client(workspace: &Workspace, script: &str) -> Peer {
    let url = format!("ws://127.0.0.1:{}", workspace.service.port);
    Peer::start(&format!("clients/{script}.js"), &["--url", &url]).await
}

// contract: clients/ddp-client
#[tokio::test]
async fn the_ddp_client() {
    let workspace = Workspace::start().await;
    let ddp = client(&workspace, "ddp-client").await;
    let connected = ddp.ask("connect", json!({})).await;
    assert_eq!(connected["status"], "connected", "{connected}");
    let login = ddp.ask("login", json!({"token": "alice-token"})).await;
    assert_eq!(login["uid"], "alice-id", "{login}");
    ddp.ask("stream", json!({"name": "room-messages", "key": "GENERAL"}))
        .await;
    let refused = ddp
        .try_ask(
            "stream",
            json!({"name": "room-messages", "key": "secret-id"}),
        )
        .await;
    assert!(refused.is_err(), "{refused:?}");
    let sent = ddp.ask("call", json!({"method": "sendMessage", "params": [{"_id": "m1", "rid": "GENERAL", "msg": "from ddp-client"}]})).await;
    assert_eq!(sent["msg"], "from ddp-client", "{sent}");
    ddp.hears(
        json!({"stream": {"name": "room-messages", "key": "GENERAL", "args": [{"_id": "m1"}]}}),
    )
    .await;
    let error = ddp
        .try_ask("call", json!({"method": "peer.meteorError"}))
        .await
        .unwrap_err();
    assert_eq!(error["error"], "error-not-allowed", "{error}");
    ddp.ask("quit", json!({})).await;
}

// contract: clients/bots, configuration/variable/DDP_PASSWORD_LOGIN, methods/login/password
#[tokio::test]
async fn the_sdk_as_a_bot() {
    let workspace = Workspace::with()
        .env("DDP_PASSWORD_LOGIN", "true")
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "private-id").await;
    for credentials in [
        json!({"token": "bot-token"}),
        json!({"user": "bot", "password": "bot-password"}),
    ] {
        let bot = client(&workspace, "sdk").await;
        bot.ask("connect", json!({})).await;
        let login = bot.ask("login", credentials).await;
        assert_eq!(login["id"], "bot-id", "{login}");
        bot.ask("messages", json!({})).await;
        alice
            .call(
                "sendMessage",
                json!([{"_id": "for-bot", "rid": "private-id", "msg": "bot?"}]),
            )
            .await;
        let heard = bot
            .hears(json!({"message": {"_id": "for-bot", "rid": "private-id"}}))
            .await;
        assert_eq!(heard["message"]["msg"], "bot?");
        bot.ask("call", json!({"method": "sendMessage", "params": [{"_id": "from-bot", "rid": "private-id", "msg": "yes?"}]})).await;
        assert_eq!(
            alice.hears("room-messages", "private-id").await[0]["_id"],
            "for-bot"
        );
        assert_eq!(
            alice.hears("room-messages", "private-id").await[0]["_id"],
            "from-bot"
        );
        bot.ask("quit", json!({})).await;
    }
}

// contract: methods/publication/client-versions
#[tokio::test]
async fn a_meteor_client() {
    let workspace = Workspace::start().await;
    let meteor = client(&workspace, "simpleddp").await;
    meteor.ask("connect", json!({})).await;
    meteor.ask("login", json!({"token": "alice-token"})).await;
    meteor
        .ask(
            "subscribe",
            json!({"name": "meteor_autoupdate_clientVersions", "params": []}),
        )
        .await;
    let versions = meteor
        .ask(
            "collection",
            json!({"name": "meteor_autoupdate_clientVersions"}),
        )
        .await;
    assert!(
        versions
            .as_array()
            .is_some_and(|versions| !versions.is_empty()),
        "{versions}"
    );
    assert_eq!(
        meteor
            .ask("call", json!({"method": "echo", "params": [1]}))
            .await,
        json!([1])
    );
    meteor.ask("quit", json!({})).await;
}

fn ready(run: &Value) -> Vec<(String, bool)> {
    run["subs"]
        .as_array()
        .expect("subs")
        .iter()
        .map(|sub| {
            (
                format!(
                    "{} {}",
                    sub["name"].as_str().unwrap_or_default(),
                    sub["params"]
                ),
                sub["ready"].as_bool().unwrap_or_default(),
            )
        })
        .collect()
}

// contract: clients/web
#[tokio::test]
async fn the_web_clients_traffic() {
    let workspace = Workspace::start().await;
    let web = client(&workspace, "web").await;
    web.ask("connect", json!({})).await;
    // Everything that a web client asks for before its login.
    web.ask("run", json!({"part": "anonymous"})).await;
    web.ask("login", json!({"token": "alice-token"})).await;
    let run = web
        .ask("run", json!({"rid": "GENERAL", "presence": ["bob-id"]}))
        .await;
    let subs = ready(&run);
    assert_eq!(subs.len(), 37, "{subs:?}");
    assert!(subs.iter().all(|(_, ready)| *ready), "{subs:?}");
    workspace
        .broadcast(
            "notify.desktop",
            json!(["alice-id", {"title": "#general", "text": "hi"}]),
        )
        .await;
    web.hears(json!({"saw": {"collection": "stream-notify-user", "fields": {"eventName": "alice-id/notification", "args": [{"title": "#general"}]}}}))
        .await;
    web.ask("quit", json!({})).await;
}

// contract: clients/mobile
#[tokio::test]
async fn the_mobile_clients_traffic() {
    let workspace = Workspace::start().await;
    for old in [false, true] {
        let mobile = client(&workspace, "mobile").await;
        mobile.ask("connect", json!({})).await;
        mobile.ask("login", json!({"token": "alice-token"})).await;
        let run = mobile
            .ask(
                "run",
                json!({"rid": "GENERAL", "old": old, "username": "alice"}),
            )
            .await;
        let subs = ready(&run);
        assert!(subs.iter().all(|(_, ready)| *ready), "{subs:?}");
        for method in run["methods"].as_array().expect("methods") {
            assert!(method.get("error").is_none(), "{method}");
        }
        mobile.ask("quit", json!({})).await;
    }
}

// contract: clients/livechat, methods/livechat
#[tokio::test]
async fn the_livechat_widgets_traffic() {
    let workspace = Workspace::start().await;
    let mut agent = workspace.login("agent").await;
    agent.listen("notify-room", "live-id/user-activity").await;
    let widget = client(&workspace, "livechat").await;
    widget.ask("connect", json!({})).await;
    let run = widget.ask("run", json!({"rid": "live-id"})).await;
    let subs = ready(&run);
    let refused: Vec<_> = subs.iter().filter(|(_, ready)| !ready).collect();
    assert_eq!(refused.len(), 1, "the one without a token: {subs:?}");
    assert_eq!(
        agent.hears("notify-room", "live-id/user-activity").await[1],
        json!(["user-typing"])
    );
    workspace
        .broadcast(
            "omnichannel.room",
            json!(["live-id", {"type": "agentStatus", "status": "online"}]),
        )
        .await;
    widget.hears(json!({"saw": {"collection": "stream-livechat-room", "fields": {"eventName": "live-id"}}})).await;
    widget.ask("quit", json!({})).await;
    workspace
        .core_hears(
            "meteor.notifyGuestStatusChanged",
            json!(["guest-token", "offline"]),
        )
        .await;
}

// contract: clients/bots
#[tokio::test]
async fn the_old_bots_traffic() {
    let workspace = Workspace::with()
        .env("DDP_PASSWORD_LOGIN", "true")
        .start()
        .await;
    let bot = client(&workspace, "oldbot").await;
    bot.ask("connect", json!({})).await;
    let login = bot
        .ask("login", json!({"user": "bot", "password": "bot-password"}))
        .await;
    assert_eq!(login["result"]["id"], "bot-id", "{login}");
    bot.ask(
        "run",
        json!({"room": "general", "text": "hello from a bot"}),
    )
    .await;
    let pattern = json!({"saw": {"collection": "stream-room-messages", "fields": {"eventName": "__my_messages__", "args": [{"msg": "hello from a bot"}, {"roomType": "c", "roomName": "general", "roomParticipant": true}]}}});
    bot.hears(pattern).await;
    bot.ask("quit", json!({})).await;
}
