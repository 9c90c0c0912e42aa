//! Collections over a mesh of two nodes in this process.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use super::*;
use crate::client::{Buffered, ClientSeed, Connection};
use crate::ddp::{Code, Frame, Framing};
use crate::services::testing::{Core, World, settle};
use crate::streams::CHANNELS;

const SERVICES: &str = r#"[{"_id":"a","service":"github","secret":"s3cr3t","n":{"$date":1}},{"_id":"b","service":"x"},{"no":"id"},7]"#;
const VERSIONS: &str = r#"{"web.browser":{"_id":"web.browser","version":"1","refreshable":true},"web.cordova":{"version":"2"},"odd":7}"#;

struct Bench {
    world: World,
    collections: Arc<Collections>,
}

impl Bench {
    async fn start() -> Self {
        let world = World::start().await;
        world
            .core
            .says("meteor.getLoginServiceConfiguration", SERVICES);
        world
            .core
            .says("meteor.getAutoUpdateClientVersions", VERSIONS);
        let hub = Arc::new(Hub::new(CHANNELS));
        let collections = Arc::new(Collections::new(hub, world.services.clone()));
        let (running, stop) = (collections.clone(), world.stop.clone());
        world.tracker.spawn(async move { running.run(stop).await });
        settle().await;
        Self { world, collections }
    }

    fn subscribe(&self, client: &Arc<Client>, id: &str, name: &str) -> Option<SubOutcome> {
        self.collections.subscribe(
            client,
            &Subscription {
                id: id.into(),
                name: name.into(),
                params: ejson::raw("[]".into()).unwrap(),
            },
        )
    }
}

fn client(max_subscriptions: usize) -> Arc<Client> {
    Client::new(ClientSeed {
        id: "s".into(),
        framing: Framing::Raw,
        connection: Connection {
            instance: "i".into(),
            address: None,
            headers: "{}".into(),
        },
        buffered: Buffered::new(100_000, 1 << 30),
        max_subscriptions,
    })
}

fn heard(client: &Client) -> Vec<String> {
    let mut batch = VecDeque::new();
    let _nothing_yet = client
        .outbox()
        .poll_take(&mut Context::from_waker(Waker::noop()), &mut batch);
    batch.drain(..).map(|frame| text(&frame)).collect()
}

/// The payload of a short server frame.
fn text(frame: &Frame) -> String {
    let bytes = frame.bytes();
    let header = if bytes[1] < 126 { 2 } else { 4 };
    String::from_utf8(bytes[header..].to_vec()).unwrap()
}

const LOGIN: &str = "meteor.loginServiceConfiguration";
const CLIENT: &str = "meteor_autoupdate_clientVersions";

// contract: methods/publication/login-services, methods/publication/client-versions
#[tokio::test(start_paused = true)]
async fn a_subscriber_gets_what_is_there_then_ready_then_changes() {
    let bench = Bench::start().await;
    let client = client(10);
    assert_eq!(
        bench.subscribe(&client, "1", LOGIN),
        Some(SubOutcome::Ready)
    );
    assert_eq!(
        bench.subscribe(&client, "2", CLIENT),
        Some(SubOutcome::Ready)
    );
    assert_eq!(
        heard(&client),
        [
            r#"{"msg":"added","collection":"meteor_accounts_loginServiceConfiguration","id":"a","fields":{"_id":"a","n":{"$date":1},"service":"github"}}"#,
            r#"{"msg":"added","collection":"meteor_accounts_loginServiceConfiguration","id":"b","fields":{"_id":"b","service":"x"}}"#,
            r#"{"msg":"ready","subs":["1"]}"#,
            r#"{"msg":"added","collection":"meteor_autoupdate_clientVersions","id":"web.browser","fields":{"refreshable":true,"version":"1"}}"#,
            r#"{"msg":"added","collection":"meteor_autoupdate_clientVersions","id":"web.cordova","fields":{"version":"2"}}"#,
            r#"{"msg":"ready","subs":["2"]}"#,
        ]
    );
    let raw = |json: &str| ejson::raw(json.to_owned()).unwrap();
    let collections = &bench.collections;
    collections.login_service_changed(
        "a",
        Some(&raw(r#"{"_id":"a","service":"gitlab","secret":"new"}"#)),
    );
    collections.login_service_changed(
        "a",
        Some(&raw(r#"{"_id":"a","service":"gitlab","secret":"newer"}"#)),
    );
    collections.login_service_changed("c", Some(&raw(r#"{"_id":"c","secret":"s"}"#)));
    collections.login_service_changed("b", None);
    collections.login_service_changed("b", None);
    collections.login_service_changed("a", Some(&raw("7")));
    collections.client_version_changed(
        "web.browser",
        &raw(r#"{"_id":"web.browser","version":"3","refreshable":true}"#),
    );
    collections.client_version_changed("web.browser", &raw("[]"));
    assert_eq!(
        heard(&client),
        [
            r#"{"msg":"changed","collection":"meteor_accounts_loginServiceConfiguration","id":"a","fields":{"service":"gitlab"},"cleared":["n"]}"#,
            r#"{"msg":"added","collection":"meteor_accounts_loginServiceConfiguration","id":"c","fields":{"_id":"c"}}"#,
            r#"{"msg":"removed","collection":"meteor_accounts_loginServiceConfiguration","id":"b"}"#,
            r#"{"msg":"changed","collection":"meteor_autoupdate_clientVersions","id":"web.browser","fields":{"version":"3"}}"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_leave_the_first_publication_alone() {
    let bench = Bench::start().await;
    let client = client(1);
    assert_eq!(bench.subscribe(&client, "1", "meteor.nothing"), None);
    assert_eq!(
        bench.subscribe(&client, "1", CLIENT),
        Some(SubOutcome::Ready)
    );
    heard(&client);
    assert_eq!(
        bench.subscribe(&client, "1", LOGIN),
        Some(SubOutcome::Refused(Some(Code::Number(400))))
    );
    assert_eq!(
        bench.subscribe(&client, "2", LOGIN),
        Some(SubOutcome::Refused(Some(Code::Number(429))))
    );
    let refusals = heard(&client);
    assert!(
        refusals[0].starts_with(r#"{"msg":"nosub","id":"1","error":{"#),
        "{refusals:?}"
    );
    assert_eq!(
        refusals[1],
        r#"{"msg":"nosub","id":"2","error":{"isClientSafe":true,"error":429,"reason":"too-many-requests","message":"too-many-requests [429]","errorType":"Meteor.Error"}}"#
    );
    bench
        .collections
        .client_version_changed("x", &ejson::raw(r#"{"_id":"x"}"#.into()).unwrap());
    assert_eq!(heard(&client).len(), 1, "the first still hears");
}

// contract: methods/publication/kept
#[tokio::test(start_paused = true)]
async fn another_core_is_asked_again_and_the_difference_is_told() {
    let bench = Bench::start().await;
    let client = client(10);
    bench.subscribe(&client, "1", LOGIN);
    heard(&client);
    let world = &bench.world;
    world.core.says(
        "meteor.getLoginServiceConfiguration",
        r#"[{"_id":"b","service":"y"},{"_id":"c"}]"#,
    );
    world.core.heard().await;
    let _other = Core::on(&world.bus, "core-2", &world.tracker, &world.stop);
    // The new core has no script: whichever is asked, the first answer that is a list counts.
    _other.says(
        "meteor.getLoginServiceConfiguration",
        r#"[{"_id":"b","service":"y"},{"_id":"c"}]"#,
    );
    _other.says("meteor.getAutoUpdateClientVersions", VERSIONS);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        heard(&client),
        [
            r#"{"msg":"removed","collection":"meteor_accounts_loginServiceConfiguration","id":"a"}"#,
            r#"{"msg":"changed","collection":"meteor_accounts_loginServiceConfiguration","id":"b","fields":{"service":"y"}}"#,
            r#"{"msg":"added","collection":"meteor_accounts_loginServiceConfiguration","id":"c","fields":{"_id":"c"}}"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_an_event_overtook_is_asked_for_again() {
    let bench = Bench::start().await;
    let core = &bench.world.core;
    core.holds("meteor.getLoginServiceConfiguration");
    bench.collections.refill();
    settle().await;
    bench
        .collections
        .login_service_changed("new", Some(&ejson::raw(r#"{"_id":"new"}"#.into()).unwrap()));
    core.says("meteor.getLoginServiceConfiguration", r#"[{"_id":"new"}]"#);
    core.heard().await;
    core.lets_go("meteor.getLoginServiceConfiguration");
    let heard_calls = core.heard().await;
    assert_eq!(
        heard_calls,
        ["meteor.getLoginServiceConfiguration []"],
        "asked once more"
    );
    let client = client(10);
    bench.subscribe(&client, "1", LOGIN);
    assert_eq!(
        heard(&client)[0],
        r#"{"msg":"added","collection":"meteor_accounts_loginServiceConfiguration","id":"new","fields":{"_id":"new"}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_failed_is_tried_again_and_breaks_nothing() {
    let bench = Bench::start().await;
    let core = &bench.world.core;
    for bad in ["false", "7", "null", "\"x\"", "{}"] {
        core.says("meteor.getLoginServiceConfiguration", bad);
        bench.collections.refill();
        settle().await;
    }
    core.says("meteor.getLoginServiceConfiguration", "[]");
    let client = client(10);
    bench.subscribe(&client, "1", LOGIN);
    assert_eq!(heard(&client).len(), 3, "what was there is there still");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(heard(&client).len(), 2, "then both are gone");
}
