//! Rates, failed logins, sessions of one user.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::config::{LoginRateConfig, RateLimitConfig};

/// Where a session comes from here.
const ADDRESS: &str = "192.0.2.1";

fn defaults() -> MethodsConfig {
    crate::config::defaults().methods
}

impl Bench {
    /// With `DDP_RATE_LIMIT=settings`.
    async fn limited(exempt: &[&str]) -> Self {
        let exempt = exempt.iter().map(|network| network.parse().unwrap());
        let rate_limit = Some(RateLimitConfig {
            exempt: exempt.collect(),
        });
        let bench = Self::of(MethodsConfig {
            rate_limit,
            ..defaults()
        });
        let bench = bench.await;
        bench.world.core.says("meteor.callMethodWithToken", "null");
        bench
    }

    /// An administrator sets a limit, and the streamer has heard of it.
    async fn set(&self, limit: &str, enabled: bool, requests: u32, interval: u32) {
        let values = [
            ("Enabled", enabled.to_string()),
            ("Requests_Allowed", requests.to_string()),
            ("Interval_Time", interval.to_string()),
        ];
        for (what, value) in values {
            let id = format!("DDP_Rate_Limit_{limit}_{what}");
            let value = ejson::raw(value).unwrap();
            let settings = &self.methods.rooms.settings;
            settings.apply("updated", &id, Some(&value));
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

impl Session {
    /// How many of these calls are answered, and the first refusal.
    async fn calls(&self, method: &str, times: usize) -> (usize, Option<String>) {
        let mut refusals = Vec::new();
        for _ in 0..times {
            let said = self.result(method, "[]").await;
            refusals.extend(said.contains("too-many-requests").then_some(said));
        }
        (times - refusals.len(), refusals.into_iter().next())
    }

    async fn subscriptions(&self, name: &str, times: usize) -> (usize, Vec<String>) {
        let mut refused = 0;
        for id in 0..times {
            let sub = Subscription {
                id: id.to_string(),
                name: name.into(),
                params: ejson::raw(r#"["license",false]"#.to_owned()).unwrap(),
            };
            let methods = self.methods.clone();
            let outcome = methods.subscribe(self.client.clone(), sub).await;
            refused += usize::from(matches!(outcome, SubOutcome::Refused(_)));
        }
        (times - refused, self.sent())
    }
}

// contract: methods/rate-limit, configuration/variable/DDP_RATE_LIMIT
#[tokio::test(start_paused = true)]
async fn forwarded_methods_are_limited_by_name_as_the_settings_say() {
    let bench = Bench::limited(&[]).await;
    let session = bench.logged_in("s", "alice").await;
    assert_eq!(session.calls("echo", 50).await.0, 50, "nothing is set");
    bench.set("Connection_By_Method", true, 3, 6000).await;
    let (answered, refusal) = session.calls("echo", 5).await;
    assert_eq!(answered, 3);
    assert_eq!(
        refusal.unwrap(),
        r#"{"msg":"result","id":"7","error":{"isClientSafe":true,"error":"too-many-requests","reason":"Error, too many requests. Please slow down. You must wait 2 seconds before trying again.","message":"Error, too many requests. Please slow down. You must wait 2 seconds before trying again. [too-many-requests]","details":{"timeToReset":2000},"errorType":"Meteor.Error"}}"#
    );
    assert_eq!(session.calls("other", 3).await.0, 3, "another name");
    let other = bench.logged_in("t", "alice").await;
    assert_eq!(other.calls("echo", 3).await.0, 3, "another connection");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(session.calls("echo", 2).await.0, 1);
    // The service's own methods are not counted.
    let own = session.calls("UserPresence:online", 10).await;
    assert_eq!(own.0, 10);
    bench.set("Connection_By_Method", false, 3, 6000).await;
    assert_eq!(session.calls("echo", 10).await.0, 10, "off again");
}

// contract: methods/rate-limit
#[tokio::test(start_paused = true)]
async fn each_limit_counts_by_its_own() {
    let bench = Bench::limited(&[]).await;
    let (one, two) = (
        bench.logged_in("s", "alice").await,
        bench.logged_in("t", "alice").await,
    );
    let bob = bench.logged_in("u", "bob").await;
    let nobody = bench.open("v");
    bench.set("User", true, 4, 60_000).await;
    assert_eq!(one.calls("a", 3).await.0 + two.calls("b", 3).await.0, 4);
    assert_eq!(bob.calls("a", 4).await.0, 4, "another user");
    assert_eq!(nobody.calls("a", 10).await.0, 10, "nobody is no user");
    bench.set("User", false, 4, 60_000).await;
    bench.set("IP", true, 5, 60_000).await;
    let mut answered = 0;
    for session in [&one, &two, &bob, &nobody] {
        answered += session.calls("a", 2).await.0;
    }
    assert_eq!(answered, 5, "all of them from {ADDRESS}");
}

// contract: methods/rate-limit
#[tokio::test(start_paused = true)]
async fn streams_have_four_times_the_calls_and_the_time() {
    let bench = Bench::limited(&[]).await;
    let session = bench.logged_in("s", "alice").await;
    bench.set("User_By_Method", true, 2, 10_000).await;
    let (granted, sent) = session.subscriptions("stream-notify-all", 10).await;
    assert_eq!(granted, 8);
    let refusal =
        r#"{"msg":"nosub","id":"8","error":{"isClientSafe":true,"error":"too-many-requests","#;
    assert!(
        sent.iter().any(|sent| sent.starts_with(refusal)),
        "{sent:?}"
    );
    let collection = "meteor_autoupdate_clientVersions";
    let (_, sent) = session.subscriptions(collection, 3).await;
    let limited = |sent: &&String| sent.contains("too-many-requests");
    assert_eq!(sent.iter().filter(limited).count(), 1, "{sent:?}");
    assert_eq!(session.calls("stream-nothing", 10).await.0, 8);
}

// contract: configuration/variable/RATE_LIMITER_EXEMPT
#[tokio::test(start_paused = true)]
async fn networks_are_left_out() {
    let bench = Bench::limited(&["198.51.100.0/24", "192.0.2.0/30"]).await;
    let session = bench.logged_in("s", "alice").await;
    bench.set("IP", true, 1, 60_000).await;
    bench.set("Connection", true, 1, 60_000).await;
    assert_eq!(session.calls("echo", 20).await.0, 20);
}

// contract: configuration/variable/DDP_MAX_SESSIONS_PER_USER
#[tokio::test(start_paused = true)]
async fn a_user_has_no_more_sessions_than_allowed() {
    let bench = Bench::of(MethodsConfig {
        max_sessions_per_user: Some(2),
        ..defaults()
    });
    let bench = bench.await;
    let _first = bench.logged_in("s", "alice").await;
    let second = bench.logged_in("t", "alice").await;
    let third = bench.open("u");
    bench.heard().await;
    let login = r#"[{"resume":"alice"}]"#;
    assert_eq!(
        third.result("login", login).await,
        error(429, "too-many-sessions")
    );
    assert!(third.client.user().is_none());
    assert_eq!(
        bench.heard().await.len(),
        1,
        "the account service alone was asked"
    );
    // As somebody else; and a session that is alice's already may say so again.
    assert!(!third.call("login", r#"[{"resume":"bob"}]"#).await[0].contains("error"));
    assert!(!second.call("login", login).await[0].contains("error"));
    // A failed login leaves the session as it was.
    assert_eq!(
        third.result("login", login).await,
        error(429, "too-many-sessions")
    );
    assert_eq!(third.client.user().unwrap().as_str(), "bob");
    second.close().await;
    assert!(!third.call("login", login).await[0].contains("error"));
}

// contract: configuration/variable/DDP_LOGIN_RATE
#[tokio::test(start_paused = true)]
async fn an_address_whose_logins_fail_waits() {
    let bench = Bench::of(MethodsConfig {
        login_rate: Some(LoginRateConfig {
            failures: 2,
            within: Duration::from_secs(600),
        }),
        ..defaults()
    });
    let bench = bench.await;
    let session = bench.open("s");
    let mut waited = Vec::new();
    for who in ["x", "alice", "x", "x", "x", "alice", "x"] {
        let began = Instant::now();
        session
            .call("login", &format!(r#"[{{"resume":"{who}"}}]"#))
            .await;
        waited.push(began.elapsed().as_secs());
    }
    // One that goes well waits as well, and is not counted.
    assert_eq!(waited, [0, 0, 0, 1, 2, 4, 4]);
}

// contract: configuration/variable/DDP_LOGIN_RATE
#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_with_an_error_counts() {
    use crate::mesh::{Code, RemoteError};
    use crate::services::testing::meteor_error;

    for (error, waits) in [
        (meteor_error(Code::Number(403), "Incorrect password"), 1),
        (
            meteor_error(Code::Text("totp-required".into()), "TOTP Required"),
            0,
        ),
        (Err(RemoteError::internal("down").into()), 0),
    ] {
        let bench = Bench::of(MethodsConfig {
            login_rate: Some(LoginRateConfig {
                failures: 1,
                within: Duration::from_secs(600),
            }),
            ..defaults()
        });
        let bench = bench.await;
        let answer = Mutex::new(Some(error));
        let answers = move |_: &str| answer.lock().take().unwrap_or(Ok(None));
        bench.world.core.answers("accounts.login", answers);
        let session = bench.open("s");
        let mut waited = Vec::new();
        for _ in 0..2 {
            let began = Instant::now();
            session.call("login", r#"[{"resume":"x"}]"#).await;
            waited.push(began.elapsed().as_secs());
        }
        assert_eq!(waited, [0, waits]);
    }
}
