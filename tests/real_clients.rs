//! Rocket.Chat's own clients, from npm, and the traffic of those that cannot be installed: the same scenarios wherever
//! they meet the service.

use serde_json::{Value, json};

use crate::support::scene::Scene;

/// The scenarios as tests, in one place.
macro_rules! scenarios {
    ($($place:ident: $scene:expr;)*) => {$(
        mod $place {
            use super::Scene;
            #[allow(unused_imports, reason = "not every place is a workspace of the harness")]
            use crate::support::Workspace;

            scenarios!(@tests $scene => the_ddp_client the_sdk_as_a_bot a_meteor_client the_web_clients_traffic
                the_mobile_clients_traffic the_livechat_widgets_traffic the_old_bots_traffic);
        }
    )*};
    (@tests $scene:expr => $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            super::$name(&$scene.await).await;
        }
    )*};
}

scenarios! {
    over_the_mesh: Scene::mesh(Workspace::with());
    over_json: Scene::mesh(Workspace::with().env("SERIALIZER", "JSON").core("--serializer", "JSON"));
    over_msgpack: Scene::mesh(Workspace::with().env("SERIALIZER", "MsgPack").core("--serializer", "MsgPack"));
    over_notepack: Scene::mesh(Workspace::with().env("SERIALIZER", "Notepack").core("--serializer", "Notepack"));
    over_cbor: Scene::mesh(Workspace::with().env("SERIALIZER", "CBOR").core("--serializer", "CBOR"));
    over_protobuf: Scene::mesh(Workspace::with().env("SERIALIZER", "ProtoBuf").core("--serializer", "ProtoBuf"));
    over_the_plain_broker: Scene::mesh(Workspace::with().plain());
    over_tls: Scene::mesh(Workspace::with().tls());
    in_the_sandbox: Scene::sandbox();
    relayed_to_the_mesh_mode: Scene::relayed(Scene::mesh(Workspace::with()).await);
    relayed_to_the_sandbox: Scene::relayed(Scene::sandbox().await);
}

/// All of them in one place, one after another.
pub async fn all(scene: &Scene) {
    the_ddp_client(scene).await;
    the_sdk_as_a_bot(scene).await;
    a_meteor_client(scene).await;
    the_web_clients_traffic(scene).await;
    the_mobile_clients_traffic(scene).await;
    the_livechat_widgets_traffic(scene).await;
    the_old_bots_traffic(scene).await;
}

// contract: clients/ddp-client
async fn the_ddp_client(scene: &Scene) {
    let ddp = scene.client("ddp-client").await;
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
    let message = json!({"_id": "m1", "rid": "GENERAL", "msg": "from ddp-client"});
    let sent = ddp
        .ask(
            "call",
            json!({"method": "sendMessage", "params": [message]}),
        )
        .await;
    assert_eq!(sent["msg"], "from ddp-client", "{sent}");
    ddp.hears(
        json!({"stream": {"name": "room-messages", "key": "GENERAL", "args": [{"_id": "m1"}]}}),
    )
    .await;
    let elsewhere = json!({"rid": "secret-id", "msg": "not for you"});
    let error = ddp
        .try_ask(
            "call",
            json!({"method": "sendMessage", "params": [elsewhere]}),
        )
        .await
        .unwrap_err();
    assert_eq!(error["error"], "error-not-allowed", "{error}");
    ddp.ask("quit", json!({})).await;
}

// contract: clients/bots, configuration/variable/DDP_PASSWORD_LOGIN, methods/login/password
async fn the_sdk_as_a_bot(scene: &Scene) {
    let mut alice = scene.login("alice").await;
    alice.listen("room-messages", "private-id").await;
    for (turn, credentials) in [
        json!({"token": "bot-token"}),
        json!({"user": "bot", "password": "bot-password"}),
    ]
    .into_iter()
    .enumerate()
    {
        let bot = scene.client("sdk").await;
        bot.ask("connect", json!({})).await;
        let login = bot.ask("login", credentials).await;
        assert_eq!(login["id"], "bot-id", "{login}");
        bot.ask("messages", json!({})).await;
        let (question, answer) = (format!("for-bot-{turn}"), format!("from-bot-{turn}"));
        alice
            .call(
                "sendMessage",
                json!([{"_id": question, "rid": "private-id", "msg": "bot?"}]),
            )
            .await;
        let heard = bot
            .hears(json!({"message": {"_id": question, "rid": "private-id"}}))
            .await;
        assert_eq!(heard["message"]["msg"], "bot?");
        let message = json!({"_id": answer, "rid": "private-id", "msg": "yes?"});
        bot.ask(
            "call",
            json!({"method": "sendMessage", "params": [message]}),
        )
        .await;
        assert_eq!(
            alice.hears("room-messages", "private-id").await[0]["_id"],
            question
        );
        assert_eq!(
            alice.hears("room-messages", "private-id").await[0]["_id"],
            answer
        );
        bot.ask("quit", json!({})).await;
    }
}

// contract: methods/publication/client-versions, clients/others
async fn a_meteor_client(scene: &Scene) {
    let meteor = scene.client("simpleddp").await;
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
    let room = meteor
        .ask(
            "call",
            json!({"method": "getRoomIdByNameOrId", "params": ["general"]}),
        )
        .await;
    assert_eq!(room, "GENERAL");
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
async fn the_web_clients_traffic(scene: &Scene) {
    let web = scene.client("web").await;
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
    scene
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
async fn the_mobile_clients_traffic(scene: &Scene) {
    for old in [false, true] {
        let mobile = scene.client("mobile").await;
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
async fn the_livechat_widgets_traffic(scene: &Scene) {
    let mut agent = scene.login("agent").await;
    agent.listen("notify-room", "live-id/user-activity").await;
    let widget = scene.client("livechat").await;
    widget.ask("connect", json!({})).await;
    let run = widget.ask("run", json!({"rid": "live-id"})).await;
    let subs = ready(&run);
    let refused: Vec<_> = subs.iter().filter(|(_, ready)| !ready).collect();
    assert_eq!(refused.len(), 1, "the one without a token: {subs:?}");
    assert_eq!(
        agent.hears("notify-room", "live-id/user-activity").await[1],
        json!(["user-typing"])
    );
    scene
        .broadcast(
            "omnichannel.room",
            json!(["live-id", {"type": "agentStatus", "status": "online"}]),
        )
        .await;
    widget.hears(json!({"saw": {"collection": "stream-livechat-room", "fields": {"eventName": "live-id"}}})).await;
    widget.ask("quit", json!({})).await;
    scene
        .core_hears(
            "meteor.notifyGuestStatusChanged",
            json!(["guest-token", "offline"]),
        )
        .await;
}

// contract: clients/bots
async fn the_old_bots_traffic(scene: &Scene) {
    let bot = scene.client("oldbot").await;
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
