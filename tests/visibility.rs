//! Status visibility of 8.8 and later: whose status a user sees is what the core says, and when it says otherwise. Each
//! test plays the releases that answer differently.

use serde_json::{Value, json};

use crate::support::{Client, Workspace};

/// The release, and whether `Accounts_StatusVisibility_Enabled` counts as on where it is missing.
const RELEASES: [(&str, bool); 3] = [("8.8", false), ("8.9", false), ("9", true)];

async fn workspace(release: &str) -> Workspace {
    Workspace::with().core("--release", release).start().await
}

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

/// From now on these users are restricted, and that is hidden from alice.
async fn hide(workspace: &Workspace, restricted: &[&str], hidden: Value) {
    let hidden = json!({"alice-id": hidden});
    let visibility = json!({"visibility": {"hiddenFrom": hidden, "restricted": restricted}});
    workspace
        .core
        .ask("set", json!({"state": visibility}))
        .await;
}

/// The same from the start: the service has asked who is restricted before anybody came.
async fn hidden_from_the_start(workspace: &Workspace, restricted: &[&str], hidden: Value) {
    workspace
        .core_hears("status-visibility.getRestrictedUsers", json!([]))
        .await;
    hide(workspace, restricted, hidden).await;
    workspace
        .broadcast("presence.invalidateVisibility", json!([{}]))
        .await;
    workspace
        .core_hears("status-visibility.refresh", json!([null]))
        .await;
}

/// The core changes a setting.
async fn set(workspace: &Workspace, id: &str, value: bool) {
    let setting = json!({"_id": id, "value": value, "public": true});
    let change = json!([{"clientAction": "updated", "setting": setting}]);
    workspace.broadcast("watch.settings", change).await;
}

async fn watches(workspace: &Workspace, uids: &[&str]) -> Client {
    let mut alice = workspace.login("alice").await;
    alice
        .sub("stream-user-presence", json!(["", {"added": uids}]))
        .await;
    alice.so_far().await;
    alice
}

/// The next update of a user that the client listens to.
async fn update(client: &mut Client, uid: &str) -> Value {
    let pattern = json!({"msg": "changed", "collection": "stream-user-presence", "id": uid});
    client.expect(pattern).await["fields"]["args"].take()
}

// contract: streams/visibility/hidden, streams/visibility/gate, streams/visibility/invalidate, streams/visibility/forms
#[tokio::test]
async fn a_user_sees_whom_the_core_lets_be_seen() {
    for (release, _) in RELEASES {
        let workspace = workspace(release).await;
        hidden_from_the_start(&workspace, &["bob-id"], json!(["bob-id"])).await;
        let mut alice = watches(&workspace, &["bob-id", "carol-id"]).await;
        alice.listen("notify-logged", "user-status").await;
        alice.so_far().await;

        busy(&workspace, &["bob", "bob", "carol"]).await;
        assert_eq!(
            update(&mut alice, "bob-id").await,
            json!([["bob", 0]]),
            "a last word, though hidden before"
        );
        assert_eq!(
            update(&mut alice, "carol-id").await,
            json!([["carol", 3, "", "manual", null]])
        );
        let all = alice.hears("notify-logged", "user-status").await;
        assert_eq!(all[0][0], "carol-id", "{all}");
        assert_eq!(alice.so_far().await, [] as [Value; 0], "nothing of bob");

        // Now carol hides, and bob no more.
        hide(&workspace, &["carol-id"], json!(["carol-id"])).await;
        let targets = json!([{"targets": ["bob-id", "carol-id"]}]);
        workspace
            .broadcast("presence.invalidateVisibility", targets)
            .await;
        assert_eq!(update(&mut alice, "carol-id").await, json!([["carol", 0]]));
        assert_eq!(
            update(&mut alice, "bob-id").await,
            json!([["bob", 0, "at lunch", "internal", null]]),
            "as the core tells anew"
        );
        let targets = json!([["bob-id", "carol-id"]]);
        workspace
            .core_hears("status-visibility.refresh", targets)
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
}

// contract: streams/visibility/everybody, streams/visibility/gate
#[tokio::test]
async fn statuses_switched_off_are_those_of_everybody_at_once() {
    for (release, _) in RELEASES {
        let workspace = workspace(release).await;
        let mut alice = watches(&workspace, &["bob-id", "carol-id"]).await;
        set(&workspace, "Accounts_UserStatus_Enabled", false).await;
        for name in ["bob", "carol"] {
            let uid = format!("{name}-id");
            assert_eq!(update(&mut alice, &uid).await, json!([[name, 0]]));
        }
        workspace
            .core_hears("status-visibility.refresh", json!([null]))
            .await;
        set(&workspace, "Accounts_UserStatus_Enabled", true).await;
        let offline = |name| json!([[name, 0, "", "internal", null]]);
        let update_of_bob = json!([["bob", 0, "at lunch", "internal", null]]);
        assert_eq!(update(&mut alice, "bob-id").await, update_of_bob);
        assert_eq!(update(&mut alice, "carol-id").await, offline("carol"));
        // The licence changes: the core says no more than that.
        hide(&workspace, &["bob-id"], json!(["bob-id"])).await;
        workspace
            .broadcast("presence.invalidateVisibility", json!([{}]))
            .await;
        assert_eq!(update(&mut alice, "bob-id").await, json!([["bob", 0]]));
        assert_eq!(update(&mut alice, "carol-id").await, offline("carol"));
        busy(&workspace, &["bob", "carol"]).await;
        let shown = json!([["carol", 3, "", "manual", null]]);
        assert_eq!(update(&mut alice, "carol-id").await, shown);
        assert_eq!(alice.so_far().await, [] as [Value; 0], "nothing of bob");
    }
}

// contract: streams/visibility/missing, streams/visibility/verdict
#[tokio::test]
async fn the_use_of_visibility_is_what_its_settings_say() {
    for (release, missing) in RELEASES {
        let workspace = workspace(release).await;
        // Nobody is restricted: what is hidden depends on the setting that is not there.
        hidden_from_the_start(&workspace, &[], json!(["bob-id"])).await;
        let mut alice = watches(&workspace, &["bob-id", "carol-id"]).await;
        let (enabled, admin) = (
            "Accounts_StatusVisibility_Enabled",
            "Accounts_StatusVisibility_Admin_Enabled",
        );
        for (change, is_hidden) in [
            (None, missing),
            (Some((enabled, true)), true),
            (Some((admin, false)), false),
            (Some((admin, true)), true),
            (Some((enabled, false)), false),
        ] {
            if let Some((id, value)) = change {
                set(&workspace, id, value).await;
                // Everybody is sent again, and nobody is asked about who is hidden while the gate is closed.
                update(&mut alice, "carol-id").await;
            }
            busy(&workspace, &["bob", "carol"]).await;
            let shown = json!([["carol", 3, "", "manual", null]]);
            let label = format!("{release} {change:?}");
            assert_eq!(update(&mut alice, "carol-id").await, shown, "{label}");
            let seen = alice.so_far().await;
            let shown = json!([["bob", 3, "", "manual", null]]);
            let said = seen.iter().any(|one| one["fields"]["args"] == shown);
            assert_eq!(said, !is_hidden, "{label}: {seen:?}");
        }
    }
}

// contract: streams/visibility/forms
#[tokio::test]
async fn a_set_that_did_not_survive_the_wire_hides_who_is_restricted() {
    let workspace = workspace("9").await;
    hidden_from_the_start(&workspace, &["bob-id"], json!("untold")).await;
    let mut alice = watches(&workspace, &["bob-id", "carol-id"]).await;
    busy(&workspace, &["bob", "carol"]).await;
    assert_eq!(update(&mut alice, "bob-id").await, json!([["bob", 0]]));
    assert_eq!(
        update(&mut alice, "carol-id").await,
        json!([["carol", 3, "", "manual", null]])
    );
    hide(&workspace, &[], json!("everybody")).await;
    workspace
        .broadcast("presence.invalidateVisibility", json!([{}]))
        .await;
    assert_eq!(update(&mut alice, "carol-id").await, json!([["carol", 0]]));
}

// contract: streams/visibility/failed
#[tokio::test]
async fn a_first_publication_that_cannot_be_asked_about_is_refused() {
    let workspace = workspace("9").await;
    let action = "status-visibility.getHiddenFrom";
    let broken = json!({"action": action, "error": {"plain": "boom"}});
    workspace.core.ask("behave", broken).await;
    let mut alice = workspace.login("alice").await;
    let params = json!(["", {"added": ["bob-id"]}]);
    let (_, answer) = alice.try_sub("stream-user-presence", params.clone()).await;
    assert_eq!(answer["error"]["error"], 500, "{answer}");
    workspace.core.ask("behave", json!({"reset": true})).await;
    let (_, answer) = alice.try_sub("stream-user-presence", params).await;
    assert_eq!(answer["msg"], "ready");
}
