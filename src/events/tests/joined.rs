//! From a core's broadcast to sessions and copies: mesh, events, streams and collections joined as the app joins them.

use serde_json::json;

use super::random_id;
use super::stage::{Listener, Stage};
use crate::ddp::Close;
use crate::store::Collection;

/// A session that listens to `force_logout` hears of it, and only then ends.
// contract: ddp/thrown-out/logout
#[tokio::test(start_paused = true)]
async fn a_forced_logout_is_heard_before_the_end() {
    let stage = Stage::start("8.x").await;
    let params = json!(["u/force_logout"]);
    stage.raw.sub(&stage.streams, "notify-user", &params).await;
    stage.forget();
    stage.broadcast("user.forceLogout", r#"["u"]"#).await;
    assert_eq!(
        stage.raw.hears(),
        [
            r#"{"msg":"changed","collection":"stream-notify-user","id":"id","fields":{"eventName":"u/force_logout","args":[]}}"#
        ]
    );
    assert_eq!(stage.raw.closing(), Some(Close::ThrownOut));
}

// contract: ddp/thrown-out/token
#[tokio::test(start_paused = true)]
async fn a_token_that_is_gone_is_looked_up_in_the_database() {
    let stage = Stage::start("8.x").await;
    let (kept, gone) = (stage.enter("1", "kept"), stage.enter("2", "gone"));
    let user =
        json!({"_id": "kept", "services": {"resume": {"loginTokens": [{"hashedToken": "h-1"}]}}});
    stage
        .store
        .as_memory()
        .unwrap()
        .put(Collection::Users, user)
        .unwrap();
    for user in ["kept", "gone"] {
        stage
            .broadcast(
                "watch.users",
                &format!(r#"[{{"id":"{user}","clientAction":"updated","diff":{{"services.resume.loginTokens":[]}}}}]"#),
            )
            .await;
    }
    assert_eq!(
        [&kept, &gone].map(Listener::closing),
        [None, Some(Close::ThrownOut)]
    );
}

// contract: events/settings/copy, events/watch.settings
#[tokio::test(start_paused = true)]
async fn the_copy_of_settings_is_kept_fresh() {
    let stage = Stage::start("7.x").await;
    for value in [true, false] {
        stage
            .broadcast(
                "watch.settings",
                &format!(r#"[{{"clientAction":"updated","setting":{{"_id":"OTR_Enable","value":{value}}}}}]"#),
            )
            .await;
        assert_eq!(stage.settings.is_true("OTR_Enable").await.unwrap(), value);
    }
}

// contract: events/ephemeral/id
#[test]
fn two_notices_of_one_millisecond_are_two_messages() {
    let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| random_id()).collect();
    assert_eq!(ids.len(), 1000);
    for id in ids {
        assert_eq!(id.len(), 17);
        let unmistakable = |c: char| c.is_ascii_alphanumeric() && !"01IOUVl".contains(c);
        assert!(id.chars().all(unmistakable), "{id}");
    }
}
