//! Being thrown out: forced logouts, tokens that disappear, rooms that are left.

use futures_util::FutureExt;
use serde_json::json;

use crate::support::Workspace;

// contract: ddp/thrown-out/logout, ddp/close/none, events/user.forceLogout
#[tokio::test]
async fn a_forced_logout_says_so_and_closes_without_a_code() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    let mut second = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    alice.listen("notify-user", "alice-id/force_logout").await;

    // One session only.
    workspace
        .broadcast("user.forceLogout", json!(["alice-id", second.session]))
        .await;
    assert_eq!(
        alice.hears("notify-user", "alice-id/force_logout").await,
        json!([second.session])
    );
    assert_eq!(
        second.closed().await.code.filter(|code| *code != 1005),
        None
    );

    workspace
        .broadcast("user.forceLogout", json!(["alice-id"]))
        .await;
    assert_eq!(
        alice.hears("notify-user", "alice-id/force_logout").await,
        json!([])
    );
    assert_eq!(alice.closed().await.code.filter(|code| *code != 1005), None);
    assert_eq!(bob.so_far().await, Vec::<serde_json::Value>::new());
}

// contract: ddp/thrown-out/token, ddp/close/none, events/watch.users
#[tokio::test]
async fn a_login_token_that_disappears_ends_its_session() {
    let workspace = Workspace::with().database().start().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    // The list was read before a newer login: the token is still in the database, and the session stays.
    let stale = json!([{"clientAction": "updated", "id": "alice-id", "diff": {"services.resume.loginTokens": []}, "unset": {}}]);
    workspace.broadcast("watch.users", stale.clone()).await;
    workspace.broadcast("watch.users", json!([{"clientAction": "updated", "id": "bob-id", "diff": {"name": "x"}, "unset": {}}])).await;
    assert_eq!(
        alice.call("whoami", json!([])).await["result"]["uid"],
        "alice-id"
    );

    let database = workspace.database.as_ref().unwrap().database().await;
    let users = database.collection::<mongodb::bson::Document>("users");
    let alice_id = mongodb::bson::doc! {"_id": "alice-id"};
    users
        .update_one(
            alice_id,
            mongodb::bson::doc! {"$set": {"services.resume.loginTokens": []}},
        )
        .await
        .unwrap();
    workspace.broadcast("watch.users", stale).await;
    assert_eq!(alice.closed().await.code.filter(|code| *code != 1005), None);
    assert_eq!(
        bob.call("whoami", json!([])).await["result"]["uid"],
        "bob-id"
    );
}

// contract: mesh/outage/after
#[tokio::test]
async fn a_token_that_went_during_an_outage_ends_its_session_after_it() {
    let mut workspace = Workspace::with().database().start().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    workspace.nats.kill().await;
    let database = workspace.database.as_ref().unwrap().database().await;
    let users = database.collection::<mongodb::bson::Document>("users");
    users
        .update_one(
            mongodb::bson::doc! {"_id": "alice-id"},
            mongodb::bson::doc! {"$set": {"services.resume.loginTokens": []}},
        )
        .await
        .unwrap();
    workspace.nats.restart().await;
    assert_eq!(alice.closed().await.code.filter(|code| *code != 1005), None);
    workspace.service.ready().await;
    assert_eq!(
        bob.call("whoami", json!([])).await["result"]["uid"],
        "bob-id"
    );
}

// contract: ddp/thrown-out/held
#[tokio::test]
async fn while_a_token_is_looked_up_its_session_waits() {
    let workspace = Workspace::with().database().start().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    for client in [&mut alice, &mut bob] {
        client.listen("room-messages", "GENERAL").await;
    }
    let database = workspace.database.as_ref().unwrap();
    let users = database.database().await;
    let users = users.collection::<mongodb::bson::Document>("users");
    let gone = json!([{"clientAction": "updated", "id": "alice-id", "diff": {"services.resume.loginTokens": []}, "unset": {}}]);
    let message = |id: &str| json!([{"message": {"_id": id, "rid": "GENERAL", "msg": "hello"}}]);
    for stays in [true, false] {
        if !stays {
            let alice_id = mongodb::bson::doc! {"_id": "alice-id"};
            let none = mongodb::bson::doc! {"$set": {"services.resume.loginTokens": []}};
            users.update_one(alice_id, none).await.unwrap();
        }
        alice.so_far().await;
        database.signal("STOP");
        workspace.broadcast("watch.users", gone.clone()).await;
        workspace.broadcast("watch.messages", message("1")).await;
        let call = alice.begin("whoami", json!([])).await;
        workspace.broadcast("watch.messages", message("2")).await;
        for id in ["1", "2"] {
            let heard = bob.hears("room-messages", "GENERAL").await;
            assert_eq!(heard[0]["_id"], id);
        }
        bob.call("whoami", json!([])).await;
        let delivered = alice.frame().now_or_never();
        assert!(delivered.is_none(), "{delivered:?}");
        database.signal("CONT");
        if stays {
            for id in ["1", "2"] {
                let heard = alice.hears("room-messages", "GENERAL").await;
                assert_eq!(heard[0]["_id"], id);
            }
            alice.expect(json!({"msg": "result", "id": call})).await;
        } else {
            let before = alice.seen().len();
            assert_eq!(alice.closed().await.code.filter(|code| *code != 1005), None);
            assert_eq!(alice.seen().len(), before, "{:?}", alice.seen());
        }
    }
}

// contract: streams/kick, events/watch.subscriptions
#[tokio::test]
async fn who_left_a_room_hears_no_more_of_it() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    for client in [&mut alice, &mut bob] {
        client.listen("room-messages", "private-id").await;
    }
    let removed = json!([{"clientAction": "removed", "subscription": {"_id": "private-id:bob", "rid": "private-id", "u": {"_id": "bob-id"}}}]);
    workspace.broadcast("watch.subscriptions", removed).await;
    workspace
        .broadcast(
            "watch.messages",
            json!([{"message": {"_id": "m", "rid": "private-id", "msg": "without bob"}}]),
        )
        .await;
    alice.hears("room-messages", "private-id").await;
    assert_eq!(
        bob.so_far().await,
        Vec::<serde_json::Value>::new(),
        "silently, without nosub"
    );
}

// contract: methods/login/another-user
#[tokio::test]
async fn a_second_login_as_another_user_takes_nothing_along() {
    let workspace = Workspace::start().await;
    let mut client = workspace.login("alice").await;
    let session = client.session.clone();
    let private = client.listen("room-messages", "private-id").await;
    let own = client.listen("notify-user", "alice-id/notification").await;
    let general = client.listen("room-messages", "GENERAL").await;
    let answer = client
        .call("login", json!([{"resume": "carol-token"}]))
        .await;
    assert_eq!(answer["result"]["id"], "carol-id");
    for (id, expected) in [(&private, 1), (&own, 1), (&general, 0)] {
        let seen = client
            .seen()
            .iter()
            .filter(|message| message["msg"] == "nosub" && message["id"] == **id)
            .count();
        assert_eq!(seen, expected, "{id}: {:?}", client.seen());
    }
    workspace
        .core_hears("presence.removeConnection", json!(["alice-id", session]))
        .await;
    workspace
        .core_hears("accounts.logout", json!([{"userId": "alice-id"}]))
        .await;
    workspace
        .core_hears("presence.newConnection", json!(["carol-id", session]))
        .await;
    workspace
        .broadcast(
            "watch.messages",
            json!([{"message": {"_id": "m", "rid": "private-id", "msg": "not for carol"}}]),
        )
        .await;
    workspace
        .broadcast(
            "watch.messages",
            json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "for all"}}]),
        )
        .await;
    client.hears("room-messages", "GENERAL").await;
    assert!(
        !client
            .seen()
            .iter()
            .any(|message| message.to_string().contains("not for carol"))
    );
}
