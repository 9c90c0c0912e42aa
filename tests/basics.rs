//! The main job: a client logs in, subscribes, calls, and hears what the core broadcasts.

use serde_json::json;

use crate::support::peer::matches;
use crate::support::{Client, Workspace, eventually, http};

// contract: events/watch.messages, methods/login, ddp/message/method
#[tokio::test]
async fn two_people_and_a_message() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.sockjs().await;
    let result = bob.login("bob").await;
    assert_eq!(result["result"]["token"], "bob-token");
    assert!(
        result["result"]["tokenExpires"]["$date"].is_i64(),
        "{result}"
    );
    assert_eq!(result["result"]["type"], "resume");

    for client in [&mut alice, &mut bob] {
        client.listen("room-messages", "GENERAL").await;
    }
    let sent = alice
        .call(
            "sendMessage",
            json!([{"_id": "m1", "rid": "GENERAL", "msg": "hello"}]),
        )
        .await;
    assert_eq!(sent["result"]["msg"], "hello", "{sent}");
    for client in [&mut alice, &mut bob] {
        let args = client.hears("room-messages", "GENERAL").await;
        assert!(
            matches(
                &json!([{"_id": "m1", "rid": "GENERAL", "msg": "hello", "u": {"_id": "alice-id"}}]),
                &args
            ),
            "{args}"
        );
        assert!(
            args[0]["ts"]["$date"].is_i64(),
            "dates pass through: {args}"
        );
    }
}

// contract: ddp/own-document, database/users, methods/login
#[tokio::test]
async fn the_users_own_document_follows_the_login() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.client().await;
    alice
        .begin("login", json!([{"resume": "alice-token"}]))
        .await;
    assert!(matches(
        &json!({"msg": "result", "result": {"id": "alice-id"}}),
        &alice.next().await
    ));
    assert!(matches(&json!({"msg": "updated"}), &alice.next().await));
    let added = alice.next().await;
    assert!(
        matches(
            &json!({"msg": "added", "collection": "users", "id": "alice-id", "fields": {"username": "alice"}}),
            &added
        ),
        "{added}"
    );
    let fields = &added["fields"];
    assert_eq!(
        fields["services"],
        json!({"totp": {"enabled": false}, "email2fa": {"enabled": true}})
    );
    for hidden in ["_id", "type", "createdAt"] {
        assert!(fields.get(hidden).is_none(), "{hidden}: {fields}");
    }
}

// contract: streams/subscribe/refused, streams/room-messages/read
#[tokio::test]
async fn who_may_not_see_a_room_hears_nothing() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    let mut carol = workspace.login("carol").await;
    alice.listen("room-messages", "private-id").await;
    let (id, refused) = carol
        .try_sub("stream-room-messages", json!(["private-id", false]))
        .await;
    assert_eq!(
        refused,
        json!({"msg": "nosub", "id": id, "error": {"isClientSafe": true, "errorType": "Meteor.Error", "error": "not-allowed", "message": "[not-allowed]"}})
    );
    alice
        .call(
            "sendMessage",
            json!([{"rid": "private-id", "msg": "secret"}]),
        )
        .await;
    alice.hears("room-messages", "private-id").await;
    assert_eq!(carol.so_far().await, Vec::<serde_json::Value>::new());
}

// contract: mesh/error/code, mesh/error/other, methods/anything-else
#[tokio::test]
async fn errors_of_methods_keep_their_code() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    let refused = alice.call("peer.meteorError", json!([])).await;
    assert_eq!(
        refused["error"],
        json!({
            "isClientSafe": true, "errorType": "Meteor.Error", "error": "error-not-allowed", "reason": "Not allowed",
            "message": "Not allowed [error-not-allowed]", "details": {"method": "peer.meteorError"}
        })
    );
    let failed = alice.call("peer.error", json!([])).await;
    assert_eq!(
        failed["error"],
        json!({
            "isClientSafe": true, "errorType": "Meteor.Error", "error": 500,
            "reason": "Internal server error", "message": "Internal server error [500]"
        })
    );
    // An error that is not the client's is for the operator, with its stack: at most a line in a while.
    alice.call("peer.error", json!([])).await;
    let said = eventually("the core's failure is in the log", || async {
        let errors = workspace.service.logged("error");
        (!errors.is_empty()).then_some(errors)
    })
    .await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["msg"], "the core failed in a call");
    assert!(
        said[0]["stack"].to_string().contains("plain boom"),
        "{said:?}"
    );
}

// contract: ddp/message/ejson, ddp/message/method, methods/anything-else
#[tokio::test]
async fn results_pass_through_as_they_are() {
    let workspace = Workspace::start().await;
    let mut client = workspace.client().await;
    for (method, expected) in [
        ("peer.true", Some(json!(true))),
        ("peer.false", Some(json!(false))),
        ("peer.null", Some(json!(null))),
        ("peer.zero", Some(json!(0))),
        ("peer.empty", Some(json!(""))),
        ("peer.undefined", None),
        ("peer.date", Some(json!({"$date": 0}))),
        ("peer.binary", Some(json!({"$binary": "AQID"}))),
    ] {
        let answer = client.call(method, json!([])).await;
        assert_eq!(
            answer.get("result"),
            expected.as_ref(),
            "{method}: {answer}"
        );
        assert!(answer.get("error").is_none());
    }
    let echoed = client
        .call("echo", json!([1, {"a": {"$date": 0}}, null]))
        .await;
    assert_eq!(echoed["result"], json!([1, {"a": {"$date": 0}}, null]));
    assert_eq!(
        client.call("whoami", json!([])).await["result"],
        json!({"uid": null})
    );
}

// contract: ddp/told/connected, ddp/told/login, ddp/told/logout, ddp/told/disconnected, methods/logout
// contract: ddp/close/1002
#[tokio::test]
async fn the_mesh_is_told() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    let session = alice.session.clone();
    let connected = workspace
        .core_hears("socket.connected", json!([{"id": session}]))
        .await;
    assert_eq!(connected[0]["clientAddress"], "127.0.0.1");
    assert!(
        connected[0]["httpHeaders"]["sec-websocket-key"].is_string(),
        "{connected}"
    );
    assert!(connected[0]["instanceId"].is_string());
    assert!(connected[0].get("loginToken").is_none());
    let login = workspace
        .core_hears(
            "accounts.login",
            json!([{"userId": "alice-id", "connection": {"id": session}}]),
        )
        .await;
    assert_eq!(
        login[0]["connection"]["loginToken"],
        "nCIPIAlV12wKONMIIl4O8QxflxrK8vjR2Pcyr/pb0dw="
    );
    let presence = workspace
        .core_hears("presence.newConnection", json!(["alice-id", session]))
        .await;
    assert_eq!(presence, json!(["alice-id", session, workspace.node_id()]));

    assert!(alice.call("logout", json!([])).await.get("error").is_none());
    assert_eq!(alice.closed().await.code, Some(1002));
    workspace
        .core_hears("accounts.logout", json!([{"userId": "alice-id"}]))
        .await;
    workspace
        .core_hears(
            "presence.removeConnection",
            json!(["alice-id", session, workspace.node_id()]),
        )
        .await;
    workspace
        .core_hears("socket.disconnected", json!([{"id": session}]))
        .await;

    let bob = workspace.login("bob").await;
    let session = bob.session.clone();
    bob.leave().await;
    workspace
        .core_hears("presence.removeConnection", json!(["bob-id", session]))
        .await;
    workspace
        .core_hears("socket.disconnected", json!([{"id": session}]))
        .await;
}

// contract: streams/notify-room/write, streams/write/heard, streams/write/refused, methods/stream-writes
#[tokio::test]
async fn typing_reaches_the_others_and_the_mesh() {
    // One more of its services is a streamer, which hears what ours relays.
    let services = "license,meteor,authorization,presence,accounts,streamer";
    let workspace = Workspace::with().core("--services", services).start().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    for client in [&mut alice, &mut bob] {
        client
            .listen("notify-room", "private-id/user-activity")
            .await;
    }
    let answer = alice
        .call(
            "stream-notify-room",
            json!(["private-id/user-activity", "alice", ["user-typing"], {}]),
        )
        .await;
    assert!(
        answer.get("error").is_none() && answer.get("result").is_none(),
        "{answer}"
    );
    assert_eq!(
        bob.hears("notify-room", "private-id/user-activity").await,
        json!(["alice", ["user-typing"], {}])
    );
    assert_eq!(
        alice.so_far().await,
        Vec::<serde_json::Value>::new(),
        "not the writer"
    );
    workspace
        .core_hears(
            "stream",
            json!([[
                "notify-room",
                "private-id/user-activity",
                ["alice", ["user-typing"], {}]
            ]]),
        )
        .await;

    // Somebody else's name is refused without an error, and goes nowhere.
    alice
        .call(
            "stream-notify-room",
            json!(["private-id/user-activity", "bob", ["user-typing"], {}]),
        )
        .await;
    assert_eq!(bob.so_far().await, Vec::<serde_json::Value>::new());
}

// contract: streams/rule/settings
#[tokio::test]
async fn settings_are_asked_of_the_core_where_it_tells_them() {
    let services = "license,meteor,authorization,presence,accounts,settings";
    let workspace = Workspace::with().core("--services", services).start().await;
    // In the database of the service it is false.
    let setting = json!({"_id": "UI_Use_Real_Name", "value": true});
    let put = json!({"collection": "rocketchat_settings", "docs": [setting]});
    workspace.core.ask("put", put).await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    bob.listen("notify-room", "private-id/user-activity").await;
    for name in ["alice", "Alice"] {
        let typing = json!(["private-id/user-activity", name, ["user-typing"], {}]);
        alice.call("stream-notify-room", typing).await;
    }
    assert_eq!(
        bob.hears("notify-room", "private-id/user-activity").await,
        json!(["Alice", ["user-typing"], {}])
    );
    workspace
        .core_hears("settings.get", json!(["UI_Use_Real_Name"]))
        .await;
}

// contract: streams/presence/update, events/presence.status
#[tokio::test]
async fn presence_reaches_whoever_asked_for_it() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    alice
        .sub("stream-user-presence", json!(["", {"added": ["bob-id"]}]))
        .await;
    let _bob = workspace.login("bob").await;
    let update = alice
        .expect(json!({"msg": "changed", "collection": "stream-user-presence", "id": "bob-id"}))
        .await;
    assert_eq!(
        update["fields"],
        json!({"uid": "bob-id", "eventName": "bob-id", "args": [["bob", 1, "at lunch"]]})
    );
}

// contract: ddp/http/info, ddp/http/health, ddp/http/livez, ddp/http/readyz
#[tokio::test]
async fn plain_http_answers() {
    let workspace = Workspace::start().await;
    let port = workspace.service.port;
    for (path, body) in [("/health", "ok"), ("/livez", "ok")] {
        let answer = http::get(port, path).await.unwrap();
        assert_eq!((answer.status, answer.body.trim()), (200, body), "{path}");
    }
    assert_eq!(http::get(port, "/readyz").await.unwrap().status, 200);
    let info = http::get(port, "/sockjs/info").await.unwrap();
    assert!(
        info.head
            .to_lowercase()
            .contains("access-control-allow-origin: *"),
        "{}",
        info.head
    );
    let info: serde_json::Value = serde_json::from_str(&info.body).unwrap();
    assert!(
        matches(
            &json!({"websocket": true, "origins": ["*:*"], "cookie_needed": false, "ms": true}),
            &info
        ),
        "{info}"
    );
    assert!(
        info["entropy"]
            .as_u64()
            .is_some_and(|entropy| u32::try_from(entropy).is_ok())
    );
}

// contract: methods/publication/login-services, methods/publication/client-versions, methods/publication/kept
#[tokio::test]
async fn both_collections_are_published() {
    let workspace = Workspace::start().await;
    let mut client = Client::connect(workspace.service.port).await;
    client
        .sub("meteor.loginServiceConfiguration", json!([]))
        .await;
    client
        .sub("meteor_autoupdate_clientVersions", json!([]))
        .await;
    workspace
        .broadcast(
            "meteor.clientVersionUpdated",
            json!([{"_id": "web.browser", "version": "v-next"}]),
        )
        .await;
    let pattern = json!({"collection": "meteor_autoupdate_clientVersions", "id": "web.browser", "fields": {"version": "v-next"}});
    client.expect(pattern).await;
    workspace
        .broadcast(
            "watch.loginServiceConfiguration",
            json!([{"clientAction": "inserted", "id": "gitlab-id", "data": {"_id": "gitlab-id", "service": "gitlab", "secret": "never"}}]),
        )
        .await;
    let added = client
        .expect(
            json!({"collection": "meteor_accounts_loginServiceConfiguration", "id": "gitlab-id"}),
        )
        .await;
    assert_eq!(added["fields"]["service"], "gitlab");
    assert!(added["fields"].get("secret").is_none(), "{added}");
    let all: Vec<_> = client.seen();
    assert!(
        all.iter()
            .all(|message| !message.to_string().contains("secret")),
        "{all:?}"
    );
}
