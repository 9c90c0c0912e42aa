//! The presence methods, and livechat's.

use super::*;

// contract: methods/status/default, methods/status/own, methods/status/connection
#[tokio::test(start_paused = true)]
async fn statuses_are_passed_on() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    for (method, params, call) in [
        (
            "UserPresence:setDefaultStatus",
            r#"["away","ignored"]"#,
            r#"presence.setStatus ["alice","away"]"#,
        ),
        (
            "setUserStatus",
            r#"["busy","tea"]"#,
            r#"presence.setStatus ["alice","busy","tea"]"#,
        ),
        (
            "setUserStatus",
            r#"["busy",""]"#,
            r#"presence.setStatus ["alice","busy",""]"#,
        ),
        (
            "setUserStatus",
            r#"["busy"]"#,
            r#"presence.setStatus ["alice","busy"]"#,
        ),
        (
            "setUserStatus",
            r#"["busy",null]"#,
            r#"presence.setStatus ["alice","busy",null]"#,
        ),
        (
            "UserPresence:online",
            "[]",
            r#"presence.setConnectionStatus ["alice","online","s"]"#,
        ),
        (
            "UserPresence:away",
            "[]",
            r#"presence.setConnectionStatus ["alice","away","s"]"#,
        ),
    ] {
        assert_eq!(session.result(method, params).await, EMPTY, "{method}");
        assert_eq!(bench.heard().await, [call], "{method} {params}");
    }
}

// contract: methods/status/unchecked
#[tokio::test(start_paused = true)]
async fn what_a_status_is_the_service_knows() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    for (params, passed_on) in [
        ("[]", r#"["alice",null]"#),
        (r#"[null,"tea"]"#, r#"["alice",null,"tea"]"#),
        (r#"["busy",7]"#, r#"["alice","busy",7]"#),
        (
            r#"["busy","cut \ud83d"]"#,
            r#"["alice","busy","cut \ud83d"]"#,
        ),
    ] {
        assert_eq!(session.result("setUserStatus", params).await, EMPTY);
        let call = format!("presence.setStatus {passed_on}");
        assert_eq!(bench.heard().await, [call], "{params}");
    }
}

// contract: methods/status/answer
#[tokio::test(start_paused = true)]
async fn they_answer_what_the_service_answers() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    for answer in ["true", "false"] {
        for action in ["presence.setStatus", "presence.setConnectionStatus"] {
            bench.world.core.says(action, answer);
        }
        for method in [
            "UserPresence:setDefaultStatus",
            "setUserStatus",
            "UserPresence:online",
            "UserPresence:away",
        ] {
            let result = session.result(method, r#"["away"]"#).await;
            let expected = format!(r#"{{"msg":"result","id":"7","result":{answer}}}"#);
            assert_eq!(result, expected, "{method}");
        }
    }
}

// contract: methods/status/anonymous
#[tokio::test(start_paused = true)]
async fn without_a_login_they_answer_nothing_and_ask_nobody() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench.heard().await;
    for method in [
        "UserPresence:setDefaultStatus",
        "setUserStatus",
        "UserPresence:online",
        "UserPresence:away",
    ] {
        assert_eq!(
            session.result(method, r#"["away"]"#).await,
            EMPTY,
            "{method}"
        );
    }
    assert_eq!(bench.heard().await, [] as [&str; 0]);
}

// contract: ddp/told/activity
#[tokio::test(start_paused = true)]
async fn activity_is_told_and_nobody_waits() {
    let bench = Bench::start().await;
    let anonymous = bench.open("a");
    let session = bench.logged_in("s", "alice").await;
    bench.methods.active(&anonymous.client);
    bench.methods.active(&session.client);
    assert_eq!(
        bench.heard().await,
        [r#"presence.updateConnection ["alice","s"]"#]
    );

    bench.world.core.holds("presence.updateConnection");
    for _ in 0..2 * super::super::presence::MAX_UPDATES {
        bench.methods.active(&session.client);
    }
    assert_eq!(
        bench.heard().await.len(),
        super::super::presence::MAX_UPDATES,
        "no more are under way"
    );
}

// contract: methods/livechat, ddp/told/connected
#[tokio::test(start_paused = true)]
async fn a_visitors_token_does_not_keep_the_core_from_being_told() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    let token = |length| format!(r#"[{{"token":"{}"}}]"#, "t".repeat(length));
    assert_eq!(
        session
            .result("livechat:setUpConnection", &token(1_048_000))
            .await,
        error(400, "Token too long")
    );
    assert_eq!(
        session
            .result("livechat:setUpConnection", &token(4096))
            .await,
        EMPTY
    );
    bench.heard().await;
    session.close().await;
    let heard = bench.heard().await;
    assert!(heard[0].starts_with("socket.disconnected "), "{heard:?}");
    assert_eq!(heard.len(), 2);
}

// contract: methods/livechat
#[tokio::test(start_paused = true)]
async fn the_first_visitor_of_a_session_stays() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    for params in [
        "[]",
        "[null]",
        "[{}]",
        r#"[{"token":7}]"#,
        r#"[{"token":{"$ne":null}}]"#,
        r#"["t"]"#,
    ] {
        assert_eq!(
            session.result("livechat:setUpConnection", params).await,
            error(400, "Token must be string"),
            "{params}"
        );
    }
    assert_eq!(
        session
            .result("livechat:setUpConnection", r#"[{"token":"one"}]"#)
            .await,
        EMPTY
    );
    assert_eq!(
        session
            .result("livechat:setUpConnection", r#"[{"token":"two"}]"#)
            .await,
        EMPTY
    );
    bench.heard().await;
    session.close().await;
    let connection =
        connection("s", None).replace(r#","httpHeaders"#, r#","livechatToken":"one","httpHeaders"#);
    assert_eq!(
        bench.heard().await,
        [
            format!("socket.disconnected [{connection}]"),
            r#"meteor.notifyGuestStatusChanged ["one","offline"]"#.into()
        ]
    );
}
