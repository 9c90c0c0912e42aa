//! What is published.

use super::*;

impl Session {
    async fn subscribe(&self, id: &str, name: &str) -> SubOutcome {
        self.subscribe_with(id, name, "[]").await
    }

    async fn subscribe_with(&self, id: &str, name: &str, params: &str) -> SubOutcome {
        let sub = Subscription {
            id: id.into(),
            name: name.into(),
            params: ejson::raw(params.into()).unwrap(),
        };
        self.methods
            .clone()
            .subscribe(self.client.clone(), sub)
            .await
    }
}

// contract: methods/publication/login-services, methods/publication/client-versions
#[tokio::test(start_paused = true)]
async fn the_collections_are_published_and_end() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    assert_eq!(
        session
            .subscribe("1", "meteor_autoupdate_clientVersions")
            .await,
        SubOutcome::Ready
    );
    assert_eq!(
        session
            .subscribe("2", "meteor.loginServiceConfiguration")
            .await,
        SubOutcome::Ready
    );
    bench.methods.unsubscribe(&session.client, "1");
    bench.methods.unsubscribe(&session.client, "1");
    assert_eq!(
        session.sent(),
        [
            r#"{"msg":"ready","subs":["1"]}"#,
            r#"{"msg":"ready","subs":["2"]}"#,
            r#"{"msg":"nosub","id":"1"}"#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_of_any_publication_has_its_bound() {
    let bench = Bench::start().await;
    let (longest, longer) = ("i".repeat(1024), "i".repeat(1025));
    for (name, params) in [
        ("meteor.loginServiceConfiguration", "[]"),
        ("meteor_autoupdate_clientVersions", "[]"),
        ("stream-notify-all", r#"["license",false]"#),
    ] {
        let session = bench.open(name);
        assert_eq!(
            session.subscribe_with(&longer, name, params).await,
            SubOutcome::Refused(Some(Code::Number(400)))
        );
        let nosub = DdpError::number(400, "Subscription id too long");
        let nosub = String::from_utf8(message::nosub(&longer, Some(&nosub))).unwrap();
        assert_eq!(session.sent(), [nosub]);
        assert_eq!(
            session.subscribe_with(&longest, name, params).await,
            SubOutcome::Ready
        );
        assert_eq!(session.client.publications.lock().len(), 1);
    }
}

// contract: ddp/message/unknown-publication
#[tokio::test(start_paused = true)]
async fn a_publication_of_another_name_is_not_found() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    assert_eq!(
        session.subscribe("1", "userData\"").await,
        SubOutcome::Refused(Some(Code::Number(404)))
    );
    assert_eq!(
        session.sent(),
        [
            r#"{"msg":"nosub","id":"1","error":{"isClientSafe":true,"error":404,"reason":"Subscription 'userData\"' not found","message":"Subscription 'userData\"' not found [404]","errorType":"Meteor.Error"}}"#
        ]
    );
}

// contract: methods/login/another-user
#[tokio::test(start_paused = true)]
async fn what_the_former_user_was_granted_ends_before_the_result() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    assert_eq!(
        session
            .subscribe_with("1", "stream-notify-user", r#"["alice/message"]"#)
            .await,
        SubOutcome::Ready
    );
    assert_eq!(
        session
            .subscribe_with("2", "stream-notify-all", r#"["license"]"#)
            .await,
        SubOutcome::Ready
    );
    session.sent();
    let said = session.call("login", r#"[{"resume":"bob"}]"#).await;
    assert_eq!(
        said[0],
        r#"{"msg":"nosub","id":"1","error":{"isClientSafe":true,"error":"not-allowed","message":"[not-allowed]","errorType":"Meteor.Error"}}"#
    );
    assert!(
        said[1].starts_with(r#"{"msg":"result","id":"7","result":{"id":"bob""#),
        "{said:?}"
    );
    bench.methods.unsubscribe(&session.client, "2");
    assert_eq!(
        session.sent(),
        [r#"{"msg":"nosub","id":"2"}"#],
        "the other lives on"
    );
}

// contract: methods/stream-writes, streams/write/refused
#[tokio::test(start_paused = true)]
async fn a_write_that_is_refused_answers_nothing() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench.heard().await;
    for params in [
        r#"["r/typing","alice",true]"#,
        "[]",
        "[7]",
        r#"[{"$ne":null}]"#,
    ] {
        assert_eq!(
            session.result("stream-notify-room", params).await,
            EMPTY,
            "{params}"
        );
    }
    assert_eq!(bench.heard().await, [] as [&str; 0]);
}

// contract: telemetry/metrics/labels
#[test]
fn metrics_take_only_names_that_are_known() {
    for known in [
        "login",
        "setUserStatus",
        "stream-notify-room",
        "stream-room-messages",
    ] {
        assert_eq!(known_method(known), Some(known));
    }
    for other in ["sendMessage", "stream-", "stream-x", "Login", ""] {
        assert_eq!(known_method(other), None);
    }
}
