//! `login` and `logout`.

use std::time::Duration;

use super::*;
use crate::client::Identity;
use crate::services::Release;
use crate::services::testing::{Core, meteor_error, settle, until};

const REFUSED: &str = "You've been logged out by the server. Please log in again";

fn answer(user: &str) -> String {
    format!(
        r#"{{"msg":"result","id":"7","result":{{"id":"{user}","token":"t-{user}","tokenExpires":{{"$date":5}},"type":"resume"}}}}"#
    )
}

fn document(user: &str) -> String {
    format!(
        r#"{{"msg":"added","collection":"users","id":"{user}","fields":{{"username":"{user}"}}}}"#
    )
}

// contract: methods/login, ddp/told/login, ddp/own-document
#[tokio::test(start_paused = true)]
async fn a_login_is_answered_and_told() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    let said = session.call("login", r#"[{"resume":"alice"}]"#).await;
    assert_eq!(said, [answer("alice"), UPDATED.into(), document("alice")]);
    assert_eq!(
        bench.heard().await,
        [
            format!("socket.connected [{}]", connection("s", None)),
            r#"accounts.login [{"resume":"alice"}]"#.into(),
            r#"presence.newConnection ["alice","s","streamer-1"]"#.into(),
            login_event("s", "alice"),
        ]
    );
    assert_eq!(bench.directory.of_user("alice").len(), 1);
}

fn login_event(session: &str, user: &str) -> String {
    let connection = connection(session, Some(&format!("h-{user}")));
    format!(r#"accounts.login [{{"userId":"{user}","connection":{connection}}}]"#)
}

// contract: ddp/told/login-8, ddp/own-document
#[tokio::test(start_paused = true)]
async fn on_8_x_the_own_document_waits_for_presence_but_not_for_long() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench.world.core.holds("presence.newConnection");
    let said = session.call("login", r#"[{"resume":"alice"}]"#).await;
    assert_eq!(said, [answer("alice"), UPDATED.into()]);
    let told = bench.heard().await;
    assert!(!told.contains(&login_event("s", "alice")), "{told:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(session.sent(), [document("alice")]);
    assert_eq!(bench.heard().await, [login_event("s", "alice")]);
    bench.world.core.lets_go("presence.newConnection");
}

// contract: ddp/told/login, ddp/own-document
#[tokio::test(start_paused = true)]
async fn before_8_x_nothing_waits_for_presence() {
    let bench = Bench::start().await;
    let (world, old) = (&bench.world, "core-7");
    let _old = Core::of_7(&world.bus, old, &world.tracker, &world.stop);
    let mesh = world.services.mesh();
    until(|| mesh.release() != Release::V8).await;
    let session = bench.open("s");
    bench.heard().await;
    bench.world.core.holds("presence.newConnection");
    let said = session.call("login", r#"[{"resume":"alice"}]"#).await;
    assert_eq!(said, [answer("alice"), UPDATED.into(), document("alice")]);
    let told = bench.heard().await;
    assert!(told.contains(&login_event("s", "alice")), "{told:?}");
    bench.world.core.lets_go("presence.newConnection");
}

// contract: ddp/thrown-out/token
#[tokio::test(start_paused = true)]
async fn a_login_that_was_under_way_when_its_token_went_is_looked_up() {
    for is_there in [false, true] {
        let bench = Bench::start().await;
        if is_there {
            bench.put_token("alice", "h-alice");
        }
        let session = bench.open("s");
        bench.world.core.holds("accounts.login");
        let (said, ()) = tokio::join!(session.call("login", r#"[{"resume":"alice"}]"#), async {
            settle().await;
            assert!(
                bench
                    .directory
                    .revoke("alice", std::iter::empty())
                    .is_empty()
            );
            bench.world.core.lets_go("accounts.login");
        });
        assert_eq!(said[0], answer("alice"));
        settle().await;
        let closing = session.client.outbox().closing();
        assert_eq!(closing.is_some(), !is_there, "{closing:?}");
    }
}

// contract: methods/login/refused
#[tokio::test(start_paused = true)]
async fn a_login_that_fails_leaves_all_as_it_was() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    assert_eq!(
        session.result("login", r#"[{"resume":"nobody"}]"#).await,
        error(403, REFUSED)
    );
    assert_eq!(
        bench.heard().await,
        [r#"accounts.login [{"resume":"nobody"}]"#]
    );
    assert!(session.client.is("alice"));

    bench.world.core.answers("accounts.login", |_| {
        meteor_error(crate::mesh::Code::Number(403), "Your session has expired")
    });
    assert_eq!(
        session.result("login", r#"[{"resume":"x"}]"#).await,
        error(403, "Your session has expired")
    );
    bench.world.core.says("accounts.login", r#"{"uid":7}"#);
    assert_eq!(
        session.result("login", r#"[{"resume":"x"}]"#).await,
        error(500, "Internal server error")
    );
    assert!(session.client.is("alice"));
}

// contract: methods/login/refused
#[tokio::test(start_paused = true)]
async fn nobody_is_asked_about_what_is_no_login() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench.heard().await;
    for params in [
        "[]",
        "[null]",
        r#"[{"resume":{"$ne":null}}]"#,
        r#"[{"user":{"username":"alice"},"password":"p"}]"#,
        r#"[{"user":{"username":{"$gt":""}},"password":{"$ne":null}}]"#,
    ] {
        assert_eq!(
            session.result("login", params).await,
            error(403, REFUSED),
            "{params}"
        );
    }
    for params in ["{}", "7", "\"x\"", "{\"$ne\":null}"] {
        assert_eq!(
            session.result("login", params).await,
            error(400, "Malformed method invocation"),
            "{params}"
        );
    }
    assert_eq!(bench.heard().await, [] as [&str; 0]);
}

// contract: methods/login/password, configuration/variable/DDP_PASSWORD_LOGIN
#[tokio::test(start_paused = true)]
async fn passwords_go_on_where_they_are_wanted() {
    let bench = Bench::with(true).await;
    let session = bench.open("s");
    bench.heard().await;
    let said = session
        .call(
            "login",
            r#"[{"user":{"username":"bob"},"password":{"digest":"d","algorithm":"sha-256"}}]"#,
        )
        .await;
    assert_eq!(said[0], answer("bob"));
    assert_eq!(
        bench.heard().await[0],
        r#"accounts.login [{"user":{"username":"bob"},"password":{"digest":"d","algorithm":"sha-256"}}]"#
    );
}

// contract: methods/login/same-user
#[tokio::test(start_paused = true)]
async fn the_same_user_again_changes_nothing_else() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    assert_eq!(
        session.call("login", r#"[{"resume":"alice"}]"#).await,
        [answer("alice"), UPDATED.into()]
    );
    assert_eq!(
        bench.heard().await,
        [r#"accounts.login [{"resume":"alice"}]"#]
    );
}

// contract: methods/login/another-user
#[tokio::test(start_paused = true)]
async fn another_user_takes_the_place_of_the_former() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    let said = session.call("login", r#"[{"resume":"bob"}]"#).await;
    assert_eq!(said, [answer("bob"), UPDATED.into(), document("bob")]);
    let mut heard = bench.heard().await;
    heard.retain(|line| !line.starts_with(r#"accounts.login [{"resume"#));
    let (events, calls): (Vec<_>, Vec<_>) = heard
        .into_iter()
        .partition(|line| line.starts_with("accounts."));
    assert_eq!(
        events,
        [
            format!(
                r#"accounts.logout [{{"userId":"alice","connection":{}}}]"#,
                connection("s", Some("h-alice"))
            ),
            format!(
                r#"accounts.login [{{"userId":"bob","connection":{}}}]"#,
                connection("s", Some("h-bob"))
            ),
        ]
    );
    assert_eq!(
        calls,
        [
            r#"presence.removeConnection ["alice","s","streamer-1"]"#,
            r#"presence.newConnection ["bob","s","streamer-1"]"#
        ]
    );
    assert!(bench.directory.of_user("alice").is_empty() && session.client.is("bob"));
}

#[tokio::test(start_paused = true)]
async fn presence_that_does_not_answer_holds_up_no_login_and_keeps_the_order() {
    let bench = Bench::start().await;
    bench.world.core.holds("presence.newConnection");
    let session = bench.open("s");
    assert_eq!(
        session.call("login", r#"[{"resume":"alice"}]"#).await[0],
        answer("alice")
    );
    assert_eq!(
        session.call("login", r#"[{"resume":"bob"}]"#).await[0],
        answer("bob")
    );
    let heard = bench.heard().await;
    assert_eq!(
        heard
            .iter()
            .filter(|line| line.starts_with("presence."))
            .count(),
        1
    );
    bench.world.core.lets_go("presence.newConnection");
    assert_eq!(
        bench.heard().await,
        [
            r#"presence.removeConnection ["alice","s","streamer-1"]"#,
            r#"presence.newConnection ["bob","s","streamer-1"]"#,
            &login_event("s", "bob"),
        ]
    );
}

// contract: methods/logout, ddp/told/logout
#[tokio::test(start_paused = true)]
async fn a_logout_is_answered_told_and_ends_the_session() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    assert_eq!(
        session.call("logout", "[]").await,
        [EMPTY, UPDATED, "close protocol_error"]
    );
    let mut heard = bench.heard().await;
    heard.sort();
    assert_eq!(
        heard,
        [
            r#"accounts.logout [{"userId":"alice","connection":"#.to_owned()
                + &connection("s", Some("h-alice"))
                + "}]",
            r#"accounts.logout [{"userId":"alice","token":"h-alice"}]"#.into(),
            r#"presence.removeConnection ["alice","s","streamer-1"]"#.into(),
        ]
    );
    assert!(session.client.user().is_none() && bench.directory.of_user("alice").is_empty());
    session.close().await;
    assert_eq!(
        bench.heard().await,
        [format!("socket.disconnected [{}]", connection("s", None))],
        "no second farewell"
    );
}

// contract: methods/logout
#[tokio::test(start_paused = true)]
async fn a_logout_without_a_login_ends_the_session_too() {
    let bench = Bench::start().await;
    let session = bench.open("s");
    bench.heard().await;
    assert_eq!(
        session.call("logout", "[]").await,
        [EMPTY, UPDATED, "close protocol_error"]
    );
    assert_eq!(bench.heard().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_in_the_middle_of_its_logout_has_logged_out() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    bench.world.core.holds("accounts.logout");
    let call = MethodCall {
        id: "7".into(),
        method: "logout".into(),
        params: ejson::raw("[]".into()).unwrap(),
    };
    let mut away = session.methods.clone().method(session.client.clone(), call);
    tokio::select! {
        biased;
        _ = &mut away => panic!("answered"),
        () = settle() => {}
    }
    drop(away);
    let heard = bench.heard().await;
    assert!(
        heard.contains(&r#"accounts.logout [{"userId":"alice","token":"h-alice"}]"#.to_owned()),
        "{heard:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_logout_that_the_core_cannot_take_says_so_and_ends_the_session() {
    let bench = Bench::start().await;
    let session = bench.logged_in("s", "alice").await;
    bench.world.core.answers("accounts.logout", |_| {
        meteor_error(crate::mesh::Code::Number(500), "No")
    });
    let said = session.call("logout", "[]").await;
    assert_eq!(said[0], error(500, "No"));
    assert_eq!(said[2], format!("close {}", Close::ProtocolError.name()));
    assert!(session.client.user().is_none());
}

// contract: mesh/outage/missed
#[tokio::test(start_paused = true)]
async fn a_look_up_that_fails_after_an_outage_ends_nobody_and_is_done_again() {
    let bench = Bench::start().await;
    let gone = bench.logged_in("gone", "alice").await;
    let anew = bench.logged_in("anew", "alice").await;
    let left = bench.logged_in("left", "bob").await;
    let broken = &bench.methods.rooms.store.as_memory().unwrap().broken;
    broken.fail("has_login_token");
    let meanwhile = async {
        until(|| broken.failed("has_login_token") == 4).await;
        assert!([&gone, &anew, &left].iter().all(|one| is_there(one)));
        // One logs in anew, one leaves: that one is not looked up any more.
        bench.put_token("alice", "h-other");
        bench.directory.identify(
            &anew.client,
            Some(Identity {
                user: "alice".into(),
                hashed_token: "h-other".into(),
            }),
        );
        left.close().await;
        until(|| broken.failed("has_login_token") == 5).await;
        broken.mend("has_login_token");
    };
    tokio::join!(bench.methods.look_up_all(), meanwhile);
    assert!(!is_there(&gone) && is_there(&anew));
}

#[tokio::test(start_paused = true)]
async fn a_newer_outage_ends_what_is_asked_for_the_older_one() {
    let bench = Bench::start().await;
    let _session = bench.logged_in("s", "alice").await;
    let turns = crate::methods::lifecycle::Turns::default();
    let broken = &bench.methods.rooms.store.as_memory().unwrap().broken;
    broken.fail("has_login_token");
    let methods = bench.methods.clone();
    bench
        .methods
        .in_turn(&turns, async move { methods.look_up_all().await });
    until(|| broken.failed("has_login_token") == 2).await;
    bench.methods.in_turn(&turns, async {});
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(broken.mend("has_login_token"), 2);
}

fn is_there(session: &Session) -> bool {
    session.client.outbox().closing().is_none()
}
