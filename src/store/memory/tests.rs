//! The store in memory, asked through its face.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::*;
use crate::config::{Secret, StoreConfig};
use crate::store::Store;

fn open(url: &str) -> Result<Store, StoreError> {
    let minute = Duration::from_secs(60);
    Store::open(&StoreConfig {
        url: Secret::new(url),
        ping_interval: minute,
        expire: minute,
    })
}

fn value(document: Option<Document>) -> Value {
    document.map_or(Value::Null, |document| {
        serde_json::from_str(document.get()).unwrap()
    })
}

fn workspace() -> Store {
    let store = Store::memory();
    let memory = store.as_memory().unwrap();
    for (collection, document) in [
        (
            Collection::Rooms,
            json!({"_id": "r1", "t": "c", "name": "general", "ts": {"$date": 5}}),
        ),
        (
            Collection::Rooms,
            json!({"_id": "r2", "t": "l", "v": {"token": "tok"}, "servedBy": {"_id": "a1"}}),
        ),
        (
            Collection::Subscriptions,
            json!({"_id": "s1", "rid": "r1", "u": {"_id": "u1"}}),
        ),
        (
            Collection::Subscriptions,
            json!({"_id": "s2", "rid": "r1", "u": {"_id": "u2"}}),
        ),
        (
            Collection::Subscriptions,
            json!({"_id": "s3", "rid": "r2", "u": {"_id": "a1"}, "v": {"_id": "v1"}, "servedBy": {"_id": "a1"}}),
        ),
        (
            Collection::Subscriptions,
            json!({"_id": "s4", "rid": "r2", "u": {"_id": "a2"}, "v": {"_id": "v2"}}),
        ),
        (
            Collection::Users,
            json!({
                "_id": "u1", "username": "ann", "name": "Ann", "roles": ["user"], "password": "x", "_updatedAt": {"$date": 9},
                "services": {"resume": {"loginTokens": [{"hashedToken": "h1"}, {"hashedToken": "h2"}]}, "totp": {"enabled": true, "secret": "s"}},
            }),
        ),
        (
            Collection::Settings,
            json!({"_id": "OTR_Enable", "value": false}),
        ),
        (Collection::Settings, json!({"_id": "Empty"})),
        (
            Collection::VideoConferences,
            json!({"_id": "c1", "rid": "r1", "users": [], "url": "x"}),
        ),
    ] {
        memory.put(collection, document).unwrap();
    }
    store
}

// contract: database/rooms, database/subscriptions, database/users, database/settings, database/conferences
#[tokio::test]
async fn each_question_has_its_answer() {
    let store = workspace();
    assert_eq!(
        value(store.room("r1").await.unwrap()),
        json!({"_id": "r1", "t": "c", "name": "general", "ts": {"$date": 5}})
    );
    assert!(store.room("r9").await.unwrap().is_none());
    let visitor = store.room_visitor("r2").await.unwrap().unwrap();
    assert_eq!(
        visitor,
        RoomVisitor {
            t: Some("l".into()),
            visitor_token: Some("tok".into())
        }
    );
    let serving = store.room_serving("r1").await.unwrap().unwrap();
    assert_eq!(
        serving,
        RoomServing {
            t: Some("c".into()),
            served_by: None
        }
    );
    assert_eq!(store.subscribed_rooms("u1").await.unwrap(), ["r1"]);
    assert_eq!(store.subscribed_rooms("nobody").await.unwrap(), [""; 0]);
    assert!(store.is_member("r1", "u1").await.unwrap());
    assert!(!store.is_member("r2", "u1").await.unwrap());
    assert_eq!(store.other_members("r1", "u1").await.unwrap(), ["u2"]);
    assert_eq!(
        store.other_visitors("r2", "a1").await.unwrap(),
        ["v2"],
        "one without servedBy is not served by a1"
    );
    let names = store.user_names("u1").await.unwrap().unwrap();
    assert_eq!(
        names,
        UserNames {
            username: Some("ann".into()),
            name: Some("Ann".into())
        }
    );
    assert_eq!(
        value(store.user_roles("u1").await.unwrap()),
        json!({"_id": "u1", "roles": ["user"]})
    );
    let own = store.own_user("u1").await.unwrap().unwrap();
    assert_eq!(own.id, "u1");
    assert_eq!(
        value(Some(own.fields)),
        json!({"username": "ann", "name": "Ann", "roles": ["user"], "_updatedAt": {"$date": 9}, "services": {"totp": {"enabled": true}}})
    );
    assert!(store.has_login_token("u1", "h2").await.unwrap());
    assert!(!store.has_login_token("u1", "h3").await.unwrap());
    assert!(!store.has_login_token("u9", "h1").await.unwrap());
    assert_eq!(
        value(store.setting("OTR_Enable").await.unwrap()),
        json!(false)
    );
    assert!(store.setting("Empty").await.unwrap().is_none());
    assert_eq!(
        value(store.video_conference("c1").await.unwrap()),
        json!({"_id": "c1", "rid": "r1", "users": []})
    );
    store.ping().await.unwrap();
}

// contract: ddp/own-document
#[tokio::test]
async fn the_own_document_has_these_fields_and_no_others() {
    const SENT: [&str; 26] = [
        "name",
        "username",
        "nickname",
        "emails",
        "status",
        "statusDefault",
        "statusText",
        "statusConnection",
        "bio",
        "avatarOrigin",
        "utcOffset",
        "language",
        "settings",
        "enableAutoAway",
        "idleTimeLimit",
        "roles",
        "active",
        "defaultRoom",
        "customFields",
        "requirePasswordChange",
        "requirePasswordChangeReason",
        "statusLivechat",
        "banners",
        "_updatedAt",
        "avatarETag",
        "openBusinessHours",
    ];
    let mut sent: Map<_, _> = SENT
        .map(|name| (name.to_owned(), json!(name)))
        .into_iter()
        .collect();
    let mut user = sent.clone();
    for (name, own, others) in [
        (
            "oauth",
            json!({"authorizedClients": ["c"]}),
            json!({"x": 1}),
        ),
        (
            "services",
            json!({"totp": {"enabled": true}, "email2fa": {"enabled": false}}),
            json!({"totp": {"secret": "s"}, "email2fa": {"changedAt": 1}, "password": {"bcrypt": "p"}, "resume": {}}),
        ),
    ] {
        let mut all = own.clone();
        merge(&mut all, others);
        user.insert(name.to_owned(), all);
        sent.insert(name.to_owned(), own);
    }
    for other in ["_id", "inviteToken", "__rooms", "e2e", "type"] {
        user.insert(other.to_owned(), json!("u"));
    }
    let store = Store::memory();
    let memory = store.as_memory().unwrap();
    memory.put(Collection::Users, Value::Object(user)).unwrap();
    let own = store.own_user("u").await.unwrap().unwrap();
    assert_eq!(value(Some(own.fields)), Value::Object(sent));
}

/// Puts what is in `more` into `into` as well.
fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

#[tokio::test]
async fn documents_change_and_go() {
    let store = workspace();
    let memory = store.as_memory().unwrap();
    let moved = memory
        .update(Collection::Subscriptions, "s2", |one| {
            one["rid"] = "r2".into()
        })
        .unwrap();
    assert!(
        moved
            && !store.is_member("r1", "u2").await.unwrap()
            && store.is_member("r2", "u2").await.unwrap()
    );
    assert!(!memory.update(Collection::Rooms, "r9", |_| {}).unwrap());
    assert!(
        memory
            .update(Collection::Rooms, "r1", |one| *one = Value::Null)
            .is_err()
    );
    assert!(
        memory
            .update(Collection::Rooms, "r1", |one| one["_id"] = "r9".into())
            .unwrap()
    );
    assert!(store.room("r1").await.unwrap().is_some());
    for collection in Collection::ALL {
        let ids = [
            "r1",
            "r2",
            "s1",
            "s2",
            "s3",
            "s4",
            "u1",
            "OTR_Enable",
            "Empty",
            "c1",
        ];
        assert!(ids.iter().any(|id| memory.remove(collection, id)));
        ids.iter().for_each(|id| _ = memory.remove(collection, id));
        assert_eq!(memory.count(collection), 0);
    }
    assert!(store.room("r1").await.unwrap().is_none());
    assert!(store.own_user("u1").await.unwrap().is_none());
    assert_eq!(store.other_members("r2", "x").await.unwrap(), [""; 0]);
    for wrong in [
        json!(5),
        json!({}),
        json!({"_id": 5}),
        json!({"_id": {"$ne": ""}}),
    ] {
        assert!(memory.put(Collection::Rooms, wrong).is_err());
    }
}

// contract: database/memory
#[tokio::test]
async fn a_seed_file_fills_it() {
    let path: PathBuf =
        std::env::temp_dir().join(format!("ddp-streamer-seed-{}.json", std::process::id()));
    let url = format!("memory:{}", path.display());
    std::fs::write(
        &path,
        r#"{"rocketchat_room": [{"_id": "r1"}], "users": []}"#,
    )
    .unwrap();
    let store = open(&url).unwrap();
    assert_eq!(
        store.room("r1").await.unwrap().unwrap().get(),
        r#"{"_id":"r1"}"#
    );

    for wrong in [
        "",
        "[]",
        r#"{"rooms": []}"#,
        r#"{"users": {}}"#,
        r#"{"users": [{"_id": 1}]}"#,
    ] {
        std::fs::write(&path, wrong).unwrap();
        assert!(
            matches!(open(&url), Err(StoreError::Seed { .. })),
            "{wrong}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(open(&url), Err(StoreError::Seed { .. })));
    assert!(open("memory:").unwrap().as_memory().is_some());
    assert!(open("mongodb://localhost").unwrap().as_memory().is_none());
}
