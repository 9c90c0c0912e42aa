//! What is published.

use super::*;

impl Session {
    async fn subscribe(&self, id: &str, name: &str) -> SubOutcome {
        let sub = Subscription {
            id: id.into(),
            name: name.into(),
            params: ejson::raw("[]".into()).unwrap(),
        };
        self.methods.clone().subscribe(self.client.clone(), sub).await
    }
}

#[tokio::test(start_paused = true)]
async fn the_collections_are_published_and_end() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    assert_eq!(session.subscribe("1", "meteor_autoupdate_clientVersions").await, SubOutcome::Ready);
    assert_eq!(session.subscribe("2", "meteor.loginServiceConfiguration").await, SubOutcome::Ready);
    bench.methods.unsubscribe(&session.client, "1");
    bench.methods.unsubscribe(&session.client, "1");
    assert_eq!(
        session.sent(),
        [r#"{"msg":"ready","subs":["1"]}"#, r#"{"msg":"ready","subs":["2"]}"#, r#"{"msg":"nosub","id":"1"}"#]
    );
}

#[tokio::test(start_paused = true)]
async fn a_publication_of_another_name_is_not_found() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    assert_eq!(session.subscribe("1", "userData\"").await, SubOutcome::Refused);
    assert_eq!(
        session.sent(),
        [r#"{"msg":"nosub","id":"1","error":{"isClientSafe":true,"error":404,"reason":"Subscription 'userData\"' not found","message":"Subscription 'userData\"' not found [404]","errorType":"Meteor.Error"}}"#]
    );
}

#[test]
fn metrics_take_only_names_that_are_known() {
    for known in ["login", "setUserStatus", "stream-notify-room", "stream-room-messages"] {
        assert_eq!(known_method(known), Some(known));
    }
    for other in ["sendMessage", "stream-", "stream-x", "Login", ""] {
        assert_eq!(known_method(other), None);
    }
}
