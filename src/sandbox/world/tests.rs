//! Who may do what, and which broadcasts follow.

use serde_json::{Value, json};

use super::hash_login_token;
use super::{World, Write};
use crate::mesh::Code;
use crate::sandbox::CoreRelease;
use crate::store::Collection;

/// A world in which people call methods.
struct Scene(World);

impl Scene {
    fn new() -> Self {
        Self(World::seeded(CoreRelease::V8))
    }

    fn call(&mut self, who: &str, method: &str, params: Value) -> Result<Option<Value>, Code> {
        let (uid, token) = (
            format!("{who}-id"),
            hash_login_token(&format!("{who}-token")),
        );
        let list = params.as_array().cloned().unwrap();
        self.0
            .call_with_token(Some(&uid), Some(&token), method, &list)
            .map_err(|refusal| refusal.code)
    }

    /// The names of the events that were broadcast since the last look.
    fn told(&mut self) -> Vec<String> {
        self.0
            .take_effects()
            .broadcasts
            .into_iter()
            .map(|one| one.event)
            .collect()
    }

    /// The events of that name since the last look.
    fn told_of(&mut self, event: &str) -> Vec<Value> {
        let told = self.0.take_effects().broadcasts.into_iter();
        told.filter(|one| one.event == event)
            .map(|one| one.args)
            .collect()
    }

    fn unread(&self, rid: &str, who: &str) -> u64 {
        self.0
            .subscription(rid, &format!("{who}-id"))
            .unwrap()
            .unread
    }
}

fn refused(code: &str) -> Result<Option<Value>, Code> {
    Err(Code::Text(code.to_owned()))
}

#[test]
fn a_message_is_told_before_the_room_and_the_counts_that_follow_from_it() {
    let mut scene = Scene::new();
    let said = scene
        .call(
            "alice",
            "sendMessage",
            json!([{ "_id": "m1", "rid": "private-id", "msg": "psst @bob" }]),
        )
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            &said["_id"],
            &said["u"]["username"],
            &said["mentions"][0]["username"]
        ),
        (&json!("m1"), &json!("alice"), &json!("bob"))
    );
    let subscriptions = [
        "watch.subscriptions",
        "watch.subscriptions",
        "notify.desktop",
        "watch.subscriptions",
    ];
    assert_eq!(
        scene.told(),
        [["watch.messages", "watch.rooms"].as_slice(), &subscriptions].concat()
    );
    assert_eq!(
        (
            scene.unread("private-id", "alice"),
            scene.unread("private-id", "bob"),
            scene.unread("private-id", "bot")
        ),
        (0, 1, 1)
    );
    let room = &scene.0.rooms["private-id"];
    assert_eq!(
        (room.msgs, room.last_message.as_ref().unwrap().id.as_str()),
        (3, "m1")
    );
}

#[test]
fn whoever_is_not_a_member_cannot_write_and_is_told_so_in_the_room() {
    let mut scene = Scene::new();
    for (who, rid) in [
        ("carol", "private-id"),
        ("alice", "public-id"),
        ("alice", "no-such-room"),
    ] {
        let sent = scene.call(who, "sendMessage", json!([{ "rid": rid, "msg": "x" }]));
        assert_eq!(sent, refused("error-not-allowed"), "{who} in {rid}");
        assert_eq!(scene.told(), ["notify.ephemeralMessage"]);
    }
}

#[test]
fn a_token_that_is_not_the_callers_makes_it_anonymous() {
    let mut scene = Scene::new();
    let bobs = hash_login_token("bob-token");
    let params = [json!({ "rid": "GENERAL", "msg": "x" })];
    let sent = scene
        .0
        .call_with_token(Some("alice-id"), Some(&bobs), "sendMessage", &params);
    assert_eq!(
        sent.unwrap_err().code,
        Code::Text("error-invalid-user".to_owned())
    );
    let who = scene.0.call_with_token(None, None, "whoami", &[]).unwrap();
    assert_eq!(who, Some(json!({ "uid": null })));
}

#[test]
fn own_messages_may_be_changed_others_need_the_permission() {
    let mut scene = Scene::new();
    scene
        .call(
            "bob",
            "sendMessage",
            json!([{ "_id": "m1", "rid": "GENERAL", "msg": "one" }]),
        )
        .unwrap();
    scene.told();
    let edit = |msg: &str| json!([{ "_id": "m1", "rid": "GENERAL", "msg": msg }]);
    assert_eq!(
        scene.call("alice", "updateMessage", edit("two")),
        refused("error-action-not-allowed")
    );
    assert_eq!(
        scene.call("alice", "deleteMessage", json!([{ "_id": "m1" }])),
        refused("error-action-not-allowed")
    );
    assert!(scene.told().is_empty());

    scene.call("bob", "updateMessage", edit("two")).unwrap();
    let told = scene.told_of("watch.messages");
    assert_eq!(
        (
            &told[0][0]["message"]["msg"],
            &told[0][0]["message"]["editedBy"]["username"]
        ),
        (&json!("two"), &json!("bob"))
    );

    scene.call("admin", "updateMessage", edit("three")).unwrap();
    scene.told();
    scene
        .call("admin", "deleteMessage", json!([{ "_id": "m1" }]))
        .unwrap();
    assert_eq!(scene.told(), ["watch.rooms", "notify.deleteMessage"]);
    assert!(scene.0.message("m1").is_none());
}

#[test]
fn a_reaction_is_given_once_and_taken_back() {
    let mut scene = Scene::new();
    for expected in [json!({ ":+1:": { "usernames": ["alice"] } }), Value::Null] {
        scene
            .call("alice", "setReaction", json!([":+1:", "said-0"]))
            .unwrap();
        let told = scene.told_of("watch.messages");
        assert_eq!(told[0][0]["message"]["reactions"], expected);
    }
    scene
        .call("alice", "setReaction", json!(["+1", "said-0", false]))
        .unwrap();
    assert!(scene.told().is_empty(), "there is nothing to take back");
    assert_eq!(
        scene.call("alice", "setReaction", json!(["+1", "said-7"])),
        refused("error-not-allowed")
    );
}

#[test]
fn reading_empties_the_own_count_and_tells_up_to_when_everybody_has_read() {
    let mut scene = Scene::new();
    scene
        .call(
            "alice",
            "sendMessage",
            json!([{ "rid": "direct-id", "msg": "one o'clock" }]),
        )
        .unwrap();
    assert_eq!(scene.unread("direct-id", "bob"), 1);
    scene.told();
    scene
        .call("bob", "readMessages", json!(["direct-id"]))
        .unwrap();
    assert_eq!(scene.unread("direct-id", "bob"), 0);
    let read = scene.told_of("notify.messagesRead");
    let alices = scene
        .0
        .subscription("direct-id", "alice-id")
        .unwrap()
        .ls
        .unwrap();
    assert_eq!(read, [json!([{ "rid": "direct-id", "until": alices }])]);
    assert_eq!(
        scene.call("carol", "readMessages", json!(["direct-id"])),
        refused("error-invalid-subscription")
    );
}

#[test]
fn history_is_the_newest_first_and_none_for_whoever_may_not_look() {
    let mut scene = Scene::new();
    let history = scene
        .call("alice", "loadHistory", json!(["GENERAL", null, 2, null]))
        .unwrap()
        .unwrap();
    let texts: Vec<&str> = history["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["_id"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["said-3", "said-2"]);
    let older = scene
        .call(
            "alice",
            "loadHistory",
            json!(["GENERAL", history["messages"][1]["ts"], 50, null]),
        )
        .unwrap()
        .unwrap();
    assert_eq!(older["messages"].as_array().unwrap().len(), 2);
    assert_eq!(
        scene
            .call("alice", "loadHistory", json!(["secret-id"]))
            .unwrap(),
        Some(json!(false))
    );
    assert!(
        scene
            .call("alice", "loadHistory", json!(["public-id"]))
            .unwrap()
            .unwrap()["messages"]
            .is_array(),
        "a public room may be looked into"
    );
    assert_eq!(
        scene.0.load_history(None, "GENERAL", None, 20, None),
        json!(false),
        "nobody reads anonymously"
    );
    let setting = json!(["Accounts_AllowAnonymousRead", true]);
    assert_eq!(
        scene.call("alice", "saveSetting", setting.clone()),
        refused("error-action-not-allowed")
    );
    scene.call("admin", "saveSetting", setting).unwrap();
    assert_eq!(scene.told(), ["watch.settings"]);
    assert!(
        scene
            .0
            .load_history(None, "GENERAL", None, 20, None)
            .is_object()
    );
}

#[test]
fn a_room_begins_with_its_owner_and_the_people_named() {
    let mut scene = Scene::new();
    let made = scene
        .call(
            "alice",
            "createChannel",
            json!(["garden", ["bob", "nobody"]]),
        )
        .unwrap()
        .unwrap();
    assert_eq!(
        scene.told(),
        ["watch.rooms", "watch.subscriptions", "watch.subscriptions"]
    );
    let rid = made["rid"].as_str().unwrap();
    assert_eq!(
        scene.0.subscription(rid, "alice-id").unwrap().roles,
        ["owner"]
    );
    assert!(
        scene
            .0
            .subscription(rid, "bob-id")
            .unwrap()
            .roles
            .is_empty()
    );
    assert_eq!(
        scene.call("bob", "createPrivateGroup", json!(["garden", []])),
        refused("error-duplicate-channel-name")
    );
    assert_eq!(
        scene.call("bob", "createChannel", json!(["a b", []])),
        refused("error-invalid-room-name")
    );
    assert_eq!(
        scene.call("bob", "eraseRoom", json!([rid])),
        refused("error-not-allowed")
    );
    scene.told();
    scene.call("alice", "eraseRoom", json!([rid])).unwrap();
    assert_eq!(
        scene.told(),
        ["watch.subscriptions", "watch.subscriptions", "watch.rooms"]
    );
}

#[test]
fn the_same_people_always_have_the_same_direct_room() {
    let mut scene = Scene::new();
    let known = scene
        .call("bob", "createDirectMessage", json!(["alice"]))
        .unwrap()
        .unwrap();
    assert_eq!(
        (&known["rid"], scene.told().len()),
        (&json!("direct-id"), 0)
    );
    let new = scene
        .call("bob", "createDirectMessage", json!(["carol"]))
        .unwrap()
        .unwrap();
    assert_eq!(new["rid"], json!("bob-idcarol-id"));
    assert_eq!(
        scene
            .0
            .subscription("bob-idcarol-id", "carol-id")
            .unwrap()
            .fname,
        "Bob"
    );
    let again = scene
        .call("carol", "createDirectMessage", json!(["bob"]))
        .unwrap()
        .unwrap();
    assert_eq!(again["rid"], new["rid"]);
    assert_eq!(
        scene.call("bob", "createDirectMessage", json!(["nobody"])),
        refused("error-invalid-user")
    );
}

#[test]
fn only_public_rooms_are_joined_and_only_members_leave() {
    let mut scene = Scene::new();
    scene
        .call("alice", "joinRoom", json!(["public-id"]))
        .unwrap();
    assert_eq!(scene.told()[..2], ["watch.subscriptions", "watch.messages"]);
    assert_eq!(scene.0.rooms["public-id"].users_count, 2);
    assert_eq!(
        scene
            .call("alice", "joinRoom", json!(["public-id"]))
            .unwrap(),
        Some(json!(true))
    );
    assert!(scene.told().is_empty(), "she was in already");
    assert_eq!(
        scene.call("alice", "joinRoom", json!(["secret-id"])),
        refused("error-not-allowed")
    );
    assert_eq!(
        scene.call("bob", "leaveRoom", json!(["public-id"])),
        refused("error-you-are-last-owner")
    );
    scene
        .call("alice", "leaveRoom", json!(["public-id"]))
        .unwrap();
    assert!(scene.0.subscription("public-id", "alice-id").is_none());
    assert_eq!(
        scene.call("alice", "leaveRoom", json!(["public-id"])),
        refused("error-user-not-in-room")
    );
}

#[test]
fn owners_remove_people_and_members_do_not() {
    let mut scene = Scene::new();
    let bob = json!([{ "rid": "private-id", "username": "bob" }]);
    assert_eq!(
        scene.call("bot", "removeUserFromRoom", bob.clone()),
        refused("error-not-allowed")
    );
    scene.told();
    scene
        .call("alice", "removeUserFromRoom", bob.clone())
        .unwrap();
    let effects = scene.0.take_effects();
    assert!(effects.writes.contains(&Write::Remove(
        Collection::Subscriptions,
        "private-id:bob".to_owned()
    )));
    let first = &effects.broadcasts[0];
    assert_eq!(
        (first.event.as_str(), &first.args[0]["clientAction"]),
        ("watch.subscriptions", &json!("removed"))
    );
    assert_eq!(first.args[0]["subscription"]["u"]["_id"], json!("bob-id"));
    assert!(!scene.0.can_access("private-id", Some("bob-id"), None));
    assert_eq!(
        scene.call("alice", "removeUserFromRoom", bob.clone()),
        refused("error-user-not-in-room")
    );
    assert_eq!(
        scene.call("carol", "addUserToRoom", bob.clone()),
        refused("error-not-allowed")
    );
    assert_eq!(
        scene.call("alice", "addUserToRoom", bob).unwrap(),
        Some(json!(true))
    );
    assert!(scene.0.can_access("private-id", Some("bob-id"), None));
}

#[test]
fn rooms_are_found_by_whoever_may_enter_them() {
    let mut scene = Scene::new();
    assert_eq!(
        scene
            .call("alice", "getRoomIdByNameOrId", json!(["private"]))
            .unwrap(),
        Some(json!("private-id"))
    );
    assert_eq!(
        scene.call("carol", "getRoomIdByNameOrId", json!(["private"])),
        refused("error-not-allowed")
    );
    let rooms = scene
        .call("carol", "rooms/get", json!([]))
        .unwrap()
        .unwrap();
    let ids: Vec<&str> = rooms
        .as_array()
        .unwrap()
        .iter()
        .map(|room| room["_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["GENERAL", "secret-id"]);
    let since = scene
        .call(
            "carol",
            "rooms/get",
            json!([{ "$date": 9_999_999_999_999_i64 }]),
        )
        .unwrap()
        .unwrap();
    assert_eq!(since, json!({ "update": [], "remove": [] }));
}

#[test]
fn a_visitor_reads_and_writes_its_own_livechat_room() {
    let mut scene = Scene::new();
    assert!(scene.0.can_access("live-id", None, Some("guest-token")));
    assert!(
        !scene.0.can_access("live-id", None, Some("another"))
            && !scene.0.can_access("live-id", Some("alice-id"), None)
    );
    assert!(scene.0.can_access("live-id", Some("agent-id"), None));
    let message = |token: &str| [json!({ "rid": "live-id", "msg": "hello", "token": token })];
    let said = scene
        .0
        .call_with_token(None, None, "sendMessageLivechat", &message("guest-token"))
        .unwrap()
        .unwrap();
    assert_eq!(said["u"]["username"], json!("guest-1"));
    assert_eq!(scene.unread("live-id", "agent"), 1);
    assert!(
        scene
            .0
            .call_with_token(None, None, "sendMessageLivechat", &message("another"))
            .is_err()
    );
}

#[test]
fn logins_are_known_by_their_hash_and_end_with_it() {
    let mut scene = Scene::new();
    let login = |scene: &mut Scene, credentials: Value| scene.0.login(&credentials);
    let resumed = login(&mut scene, json!({ "resume": "alice-token" }));
    assert_eq!(
        (&resumed["uid"], &resumed["hashedToken"]),
        (&json!("alice-id"), &json!(hash_login_token("alice-token")))
    );
    assert_eq!(login(&mut scene, json!({ "resume": "nope" })), json!(false));
    assert_eq!(
        login(
            &mut scene,
            json!({ "user": { "username": "bob" }, "password": "wrong" })
        ),
        json!(false)
    );
    assert!(scene.told().is_empty());
    let by_password = login(
        &mut scene,
        json!({ "user": { "username": "bob" }, "password": "bob-password" }),
    );
    assert_eq!(by_password["type"], json!("password"));
    assert_eq!(
        login(&mut scene, json!({ "resume": "token-7" }))["uid"],
        json!("uid7")
    );
    assert_eq!(
        login(&mut scene, json!({ "resume": "token-07" })),
        json!(false)
    );
    scene.told();

    scene
        .0
        .logout("bob-id", by_password["hashedToken"].as_str().unwrap());
    let told = scene.told_of("watch.users");
    let left = &told[0][0]["diff"]["services.resume.loginTokens"];
    assert_eq!(left[0]["hashedToken"], json!(hash_login_token("bob-token")));
    assert_eq!(
        login(&mut scene, json!({ "resume": by_password["token"] })),
        json!(false)
    );

    let (second, _) = scene.0.give_token("alice-id");
    scene
        .call("alice", "logoutOtherClients", json!([]))
        .unwrap();
    assert_eq!(login(&mut scene, json!({ "resume": second })), json!(false));
    assert_eq!(
        login(&mut scene, json!({ "resume": "alice-token" }))["uid"],
        json!("alice-id")
    );
}

#[test]
fn presence_counts_connections_and_speaks_only_of_changes() {
    let mut scene = Scene::new();
    let seen = |scene: &mut Scene| -> Vec<String> {
        let told = scene.told_of("presence.status").into_iter();
        told.map(|args| {
            format!(
                "{} → {}",
                args[0]["previousStatus"].as_str().unwrap(),
                args[0]["user"]["status"].as_str().unwrap()
            )
        })
        .collect()
    };
    scene.0.new_connection("alice-id", "s1", "node-1");
    assert_eq!(seen(&mut scene), ["offline → online"]);
    scene.0.new_connection("alice-id", "s2", "node-2");
    assert!(seen(&mut scene).is_empty());
    scene.0.set_connection_status("alice-id", "away", "s1");
    assert!(seen(&mut scene).is_empty(), "the other session is awake");
    scene.0.set_connection_status("alice-id", "away", "s2");
    assert_eq!(seen(&mut scene), ["online → away"]);
    scene.0.set_status("alice-id", "busy", Some("at work"));
    assert_eq!(seen(&mut scene), ["away → busy"]);
    assert!(!scene.0.set_status("alice-id", "dancing", None));
    assert_eq!(scene.0.remove_lost_connections("node-2"), ["alice-id"]);
    assert!(seen(&mut scene).is_empty());
    scene.0.remove_connection("alice-id", "s1");
    assert_eq!(seen(&mut scene), ["busy → offline"]);
    assert_eq!(scene.0.users["alice-id"].status_default, "busy");
}

#[test]
fn methods_that_are_not_there_and_arguments_that_are_not_right_have_meteors_codes() {
    let mut scene = Scene::new();
    assert_eq!(
        scene.call("alice", "nosuch", json!([])),
        Err(Code::Number(404))
    );
    assert_eq!(
        scene.call("alice", "sendMessage", json!([{ "msg": "where?" }])),
        Err(Code::Number(400))
    );
    assert_eq!(
        scene
            .call("alice", "echo", json!([1, { "$date": 0 }]))
            .unwrap(),
        Some(json!([1, { "$date": 0 }]))
    );
}
