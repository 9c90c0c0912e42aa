//! Being thrown out: forced logout, and login tokens that disappear.

use std::time::Duration;

use super::*;
use crate::client::{Buffered, Client, ClientSeed, Connection, Identity, Listed};
use crate::ddp::{Close, Framing};

struct Session {
    client: Arc<Client>,
    _listed: Listed,
}

impl Bench {
    fn session(&self, id: &str, user: &str, token: &str) -> Session {
        let client = Client::new(ClientSeed {
            id: id.into(),
            framing: Framing::Raw,
            connection: Connection {
                instance: "i".into(),
                address: None,
                headers: "{}".into(),
            },
            buffered: Buffered::new(1000, 1 << 30),
            max_subscriptions: 10,
        });
        let _listed = self.directory.enter(&client);
        self.directory
            .identify(&client, Some(identity(user, token)));
        Session { client, _listed }
    }
}

fn identity(user: &str, token: &str) -> Identity {
    Identity {
        user: user.into(),
        hashed_token: token.into(),
    }
}

impl Session {
    fn closing(&self) -> Option<Close> {
        self.client.outbox().closing()
    }
}

#[tokio::test]
async fn a_forced_logout_closes_the_users_sessions_and_nobody_elses() {
    let bench = Bench::new(Recorder::default());
    let (one, two, other) = (
        bench.session("1", "u", "a"),
        bench.session("2", "u", "b"),
        bench.session("3", "v", "c"),
    );
    bench.event("user.forceLogout", r#"["u"]"#).await;
    assert_eq!(
        [&one, &two, &other].map(Session::closing),
        [Some(Close::ThrownOut), Some(Close::ThrownOut), None]
    );
}

#[tokio::test]
async fn a_forced_logout_of_one_session_closes_that_one_of_that_user() {
    let bench = Bench::new(Recorder::default());
    let (one, two, other) = (
        bench.session("1", "u", "a"),
        bench.session("2", "u", "b"),
        bench.session("3", "v", "c"),
    );
    bench.event("user.forceLogout", r#"["u","2"]"#).await;
    bench.event("user.forceLogout", r#"["u","3"]"#).await;
    bench.event("user.forceLogout", r#"["u","none"]"#).await;
    assert_eq!(
        [&one, &two, &other].map(Session::closing),
        [None, Some(Close::ThrownOut), None]
    );
}

// contract: ddp/thrown-out/token
#[tokio::test]
async fn a_session_ends_when_its_token_is_gone_from_list_and_database() {
    let bench = Bench::new(Recorder::default());
    bench.house.tokens.lock().push("newer".to_owned());
    let (kept, gone, newer) = (
        bench.session("1", "u", "kept"),
        bench.session("2", "u", "gone"),
        bench.session("3", "u", "newer"),
    );
    let other = bench.session("4", "v", "gone");
    let said = bench
        .event(
            "watch.users",
            r#"[{"id":"u","clientAction":"updated","diff":{"services.resume.loginTokens":[{"hashedToken":"kept","when":{"$date":1}}]}}]"#,
        )
        .await;
    assert_eq!(
        [&kept, &gone, &newer, &other].map(Session::closing),
        [None, Some(Close::ThrownOut), None, None]
    );
    assert!(
        said.contains(&"token? u gone".to_owned()) && said.contains(&"token? u newer".to_owned())
    );
    assert!(
        !said.contains(&"token? u kept".to_owned()),
        "who is in the list is not looked up"
    );
}

/// Tabs of one browser share a token. Two tokens are asked for side by side: neither waits for the other's answer.
// contract: ddp/thrown-out/token
#[tokio::test(start_paused = true)]
async fn each_token_is_looked_up_once_and_beside_the_others() {
    let bench = Bench::new(Recorder {
        questions: Arc::new(tokio::sync::Barrier::new(2)),
        ..Recorder::default()
    });
    bench.house.tokens.lock().push("kept".to_owned());
    let sessions = [
        bench.session("1", "u", "gone"),
        bench.session("2", "u", "kept"),
        bench.session("3", "u", "gone"),
        bench.session("4", "u", "kept"),
    ];
    let said = bench.event(
        "watch.users",
        r#"[{"id":"u","clientAction":"updated","diff":{"services.resume.loginTokens":[]}}]"#,
    );
    let said = tokio::time::timeout(Duration::from_secs(1), said).await;
    let mut said = said.expect("both are asked before either is answered");
    said.retain(|line| line.starts_with("token? "));
    assert_eq!(said, ["token? u gone", "token? u kept"]);
    assert_eq!(
        sessions.each_ref().map(Session::closing),
        [Some(Close::ThrownOut), None, Some(Close::ThrownOut), None]
    );
    assert_eq!(
        sessions
            .each_ref()
            .map(|session| session.client.outbox().is_doubted()),
        [false; 4]
    );
}

// contract: ddp/thrown-out/token
#[tokio::test]
async fn an_empty_list_or_unset_means_all() {
    for change in [
        r#""diff":{"services.resume.loginTokens":[]}"#,
        r#""diff":{},"unset":{"services.resume.loginTokens":1}"#,
        r#""unset":{"services.resume.loginTokens":1}"#,
        r#""diff":{"services.resume.loginTokens":null}"#,
    ] {
        let bench = Bench::new(Recorder::default());
        let session = bench.session("1", "u", "a");
        bench
            .event(
                "watch.users",
                &format!(r#"[{{"id":"u","clientAction":"updated",{change}}}]"#),
            )
            .await;
        assert_eq!(session.closing(), Some(Close::ThrownOut), "{change}");
    }
}

#[tokio::test]
async fn other_changes_end_nothing() {
    let bench = Bench::new(Recorder::default());
    let session = bench.session("1", "u", "a");
    for change in [
        r#""clientAction":"updated","diff":{"services":{"resume":{"loginTokens":[]}}}"#,
        r#""clientAction":"updated","diff":{"name":"n"}"#,
        r#""clientAction":"inserted","data":{"services.resume.loginTokens":[]}"#,
    ] {
        bench
            .event("watch.users", &format!(r#"[{{"id":"u",{change}}}]"#))
            .await;
        assert_eq!(session.closing(), None, "{change}");
    }
}

#[tokio::test]
async fn a_session_that_logged_in_anew_meanwhile_stays() {
    let bench = Bench::new(Recorder::default());
    let session = bench.session("1", "u", "old");
    let data = ejson::raw(
        r#"[{"id":"u","clientAction":"updated","diff":{"services.resume.loginTokens":[]}}]"#.into(),
    )
    .unwrap();
    bench.events.translate("watch.users", &data);
    bench
        .directory
        .identify(&session.client, Some(identity("u", "new")));
    bench.settled().await;
    assert_eq!(session.closing(), None);
}
