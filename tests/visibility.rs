//! Status visibility of 8.x: whose status a user sees is what the core says, and when it says otherwise.

use serde_json::{Value, json};

use crate::support::{Client, Workspace};

/// The presence service tells that these are busy.
async fn busy(workspace: &Workspace, names: &[&str]) {
    for name in names {
        let user = json!({
            "_id": format!("{name}-id"), "username": name, "name": name, "status": "busy", "statusText": "",
            "statusSource": "manual", "roles": ["user"],
        });
        let args = json!([{"user": user, "previousStatus": "online"}]);
        workspace.broadcast("presence.status", args).await;
    }
}

/// From now on this user alone is restricted, and hidden from alice.
async fn hide(workspace: &Workspace, uid: &str) {
    let hidden = json!({"alice-id": {"hideAll": false, "hidden": [uid]}});
    let visibility = json!({"visibility": {"hiddenFrom": hidden, "restricted": [uid]}});
    workspace
        .core
        .ask("set", json!({"state": visibility}))
        .await;
}

/// The next update of a user that the client listens to.
async fn update(client: &mut Client, uid: &str) -> Value {
    let pattern = json!({"msg": "changed", "collection": "stream-user-presence", "id": uid});
    client.expect(pattern).await["fields"]["args"].take()
}

// contract: streams/visibility/hidden, streams/visibility/gate, streams/visibility/invalidate
#[tokio::test]
async fn a_user_sees_whom_the_core_lets_be_seen() {
    let services = "license,meteor,authorization,presence,accounts,status-visibility";
    let workspace = Workspace::with()
        .core("--release", "8")
        .core("--services", services)
        .start()
        .await;
    hide(&workspace, "bob-id").await;
    let mut alice = workspace.login("alice").await;
    alice.listen("notify-logged", "user-status").await;
    alice
        .sub(
            "stream-user-presence",
            json!(["", {"added": ["bob-id", "carol-id"]}]),
        )
        .await;
    alice.so_far().await;

    busy(&workspace, &["bob", "carol"]).await;
    assert_eq!(
        update(&mut alice, "carol-id").await,
        json!([["carol", 3, "", "manual", null]])
    );
    let all = alice.hears("notify-logged", "user-status").await;
    assert_eq!(all[0][0], "carol-id", "{all}");
    assert_eq!(alice.so_far().await, [] as [Value; 0], "nothing of bob");

    // Now carol hides, and bob no more.
    hide(&workspace, "carol-id").await;
    let targets = json!([{"targets": ["bob-id", "carol-id"]}]);
    workspace
        .broadcast("presence.invalidateVisibility", targets)
        .await;
    assert_eq!(
        update(&mut alice, "carol-id").await,
        json!([["carol", 0, null, null, null]]),
        "a last word"
    );
    assert_eq!(
        update(&mut alice, "bob-id").await,
        json!([["bob", 0, "at lunch", null, null]]),
        "as the core tells anew"
    );
    workspace
        .core_hears("status-visibility.refresh", json!([["bob-id", "carol-id"]]))
        .await;
    busy(&workspace, &["carol", "bob"]).await;
    assert_eq!(
        update(&mut alice, "bob-id").await,
        json!([["bob", 3, "", "manual", null]])
    );
    let all = alice.hears("notify-logged", "user-status").await;
    assert_eq!(all[0][0], "bob-id", "{all}");
    assert_eq!(alice.so_far().await, [] as [Value; 0], "nothing of carol");
}
