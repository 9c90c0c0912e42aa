//! Interest sets of `user-presence`.

use serde_json::{Value, json};

use super::workspace::{Session, Workspace, verdict_of};
use crate::services::Release::V6;

async fn watch(session: &Session, id: &str, edit: Value) -> String {
    session.sub("user-presence", id, json!(["", edit])).await;
    verdict_of(&session.hears())
}

fn seen(workspace: &Workspace, session: &Session, uid: &str) -> usize {
    workspace
        .streams
        .presence_changed(uid, r#"[["name",1,"text"]]"#);
    session.events().len()
}

// contract: streams/presence/set
#[tokio::test(start_paused = true)]
async fn the_first_begins_later_ones_edit_and_its_end_is_the_end() {
    let workspace = Workspace::new(V6).await;
    let alice = workspace.login("s", "alice");
    assert_eq!(
        watch(&alice, "1", json!({"added": ["u1", "u2"]})).await,
        "ready"
    );
    alice
        .sub(
            "user-presence",
            "2",
            json!(["", {"added": ["u3"], "removed": ["u1"]}]),
        )
        .await;
    assert_eq!(
        alice.hears(),
        [json!({"msg": "nosub", "id": "2"})],
        "without an error"
    );
    workspace
        .streams
        .presence_changed("u2", r#"[["bob",2,null]]"#);
    assert_eq!(
        alice.hears(),
        [
            json!({"msg": "changed", "collection": "stream-user-presence", "id": "u2",
            "fields": {"uid": "u2", "args": [["bob", 2, null]], "eventName": "u2"}})
        ]
    );
    for (uid, times) in [("u1", 0), ("u2", 1), ("u3", 1), ("u4", 0), ("", 0)] {
        assert_eq!(seen(&workspace, &alice, uid), times, "{uid}");
    }
    assert!(
        !workspace.streams.unsubscribe(&alice.client, "2"),
        "an edit is no publication"
    );
    assert_eq!(seen(&workspace, &alice, "u3"), 1);
    assert!(workspace.streams.unsubscribe(&alice.client, "1"));
    alice.hears();
    assert_eq!(seen(&workspace, &alice, "u3"), 0);
    assert_eq!(workspace.streams.presence.sessions(), 0);
    assert_eq!(watch(&alice, "3", json!({"added": ["u9"]})).await, "ready");
    assert_eq!(seen(&workspace, &alice, "u3"), 0, "a new set is empty");
    assert_eq!(seen(&workspace, &alice, "u9"), 1);
}

#[tokio::test(start_paused = true)]
async fn params_in_all_forms() {
    let workspace = Workspace::new(V6).await;
    for (params, verdict) in [
        (json!([""]), "ready"),
        (json!(["", null]), "ready"),
        (json!(["", false]), "ready"),
        (json!(["", {"added": {"$in": ["u"]}}]), "ready"),
        (json!(["x", {"added": ["u"]}]), "ready"),
        (json!([]), "invalid-event-name"),
        (json!([null, {"added": ["u"]}]), "invalid-event-name"),
        (json!([{"$ne": ""}]), "invalid-event-name"),
    ] {
        let alice = workspace.login("s", "alice");
        alice.sub("user-presence", "1", params.clone()).await;
        assert_eq!(verdict_of(&alice.hears()), verdict, "{params}");
        workspace.streams.leave(&alice.client);
    }
    let anonymous = workspace.client("n");
    assert_eq!(
        watch(&anonymous, "1", json!({"added": ["u"]})).await,
        "not-allowed"
    );
    assert_eq!(workspace.streams.presence.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_leaves_nothing() {
    let workspace = Workspace::new(V6).await;
    let sessions: Vec<_> = (0..50)
        .map(|n| workspace.login(&n.to_string(), "alice"))
        .collect();
    for session in &sessions {
        watch(session, "1", json!({"added": ["u1", "u2"]})).await;
    }
    workspace.streams.presence_changed("u1", "[[]]");
    assert!(sessions.iter().all(|one| one.events().len() == 1));
    for session in &sessions {
        workspace.streams.leave(&session.client);
    }
    assert_eq!(workspace.streams.presence.sessions(), 0);
    sessions[0]
        .sub("user-presence", "1", json!(["", {"added": ["u1"]}]))
        .await;
    assert!(
        sessions[0].hears().is_empty(),
        "a session that left gets no answer"
    );
    assert_eq!(workspace.streams.presence.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_frame_for_all_who_watch() {
    let workspace = Workspace::new(V6).await;
    let sessions: Vec<_> = (0..100)
        .map(|n| workspace.login(&n.to_string(), "alice"))
        .collect();
    for session in &sessions {
        watch(session, "1", json!({"added": ["u1"]})).await;
    }
    let delivered = workspace.streams.presence.publish("u1", "[[]]");
    assert_eq!((delivered.deliveries, delivered.encodings), (100, 1));
}

#[tokio::test(start_paused = true)]
async fn a_set_is_bounded() {
    let workspace = Workspace::new(V6).await;
    let alice = workspace.login("s", "alice");
    let uids = |range: std::ops::Range<u32>| range.map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(
        watch(&alice, "1", json!({"added": uids(0..10_001)})).await,
        "429"
    );
    assert_eq!(workspace.streams.presence.sessions(), 0);
    assert_eq!(
        watch(&alice, "1", json!({"added": uids(0..10_000)})).await,
        "ready"
    );
    assert_eq!(watch(&alice, "2", json!({"added": ["more"]})).await, "429");
    assert_eq!(watch(&alice, "2", json!({"removed": ["0"]})).await, "nosub");
    assert_eq!(
        watch(&alice, "2", json!({"added": ["more"]})).await,
        "nosub"
    );
    assert_eq!(seen(&workspace, &alice, "more"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_edit_takes_no_place() {
    let workspace = Workspace::new(V6).await;
    let alice = workspace.login("s", "alice");
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    for n in 2..=20 {
        alice.asks("apps", &n.to_string(), json!([])).await;
    }
    assert_eq!(
        verdict_of(&alice.asks("apps", "full", json!([])).await),
        "429"
    );
    assert_eq!(
        watch(&alice, "edit", json!({"added": ["u2"]})).await,
        "nosub"
    );
    assert_eq!(seen(&workspace, &alice, "u2"), 1);
}

// contract: streams/presence/not-relayed
#[tokio::test(start_paused = true)]
async fn presence_that_somebody_wrote_reaches_nobody() {
    let workspace = Workspace::new(V6).await;
    let alice = workspace.login("s", "alice");
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    for data in [
        r#"[["user-presence","u1",[["bob",1,""]]]]"#,
        r#"[{"stream":"user-presence","eventName":"u1","args":[["bob",1,""]],"origin":"x"}]"#,
    ] {
        let data = crate::ejson::raw(data.into()).unwrap();
        workspace.streams.relayed(&data);
    }
    assert!(alice.hears().is_empty());
}

// contract: streams/presence/collection
#[tokio::test(start_paused = true)]
async fn an_interest_set_is_no_document() {
    let workspace = Workspace::new(V6).await;
    let alice = workspace.login("s", "alice");
    for params in [json!(["", true]), json!(["", {"useCollection": true}])] {
        alice.sub("user-presence", "1", params).await;
        assert_eq!(alice.hears(), [json!({"msg": "ready", "subs": ["1"]})]);
        workspace.streams.unsubscribe(&alice.client, "1");
        alice.hears();
    }
}
