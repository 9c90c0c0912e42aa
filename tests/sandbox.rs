//! The sandbox as a stranger meets it: one command, a real Chromium, a terminal.

mod mesh;
mod terminal;

use serde_json::{Value, json};

use crate::support::sandbox::Sandbox;
use crate::support::{Peer, free_port, root};

/// A browser with the page open and Alice and Bob in it.
async fn browser(sandbox: &Sandbox) -> Peer {
    let browser = Peer::start("../browser/browser.js", &[]).await;
    browser.ask("open", json!({ "url": sandbox.page })).await;
    for who in ["alice", "bob"] {
        browser.ask("pane", json!({ "who": who })).await;
    }
    browser
}

async fn screenshot(browser: &Peer, name: &str) {
    let dir = root().join("target/screenshots");
    std::fs::create_dir_all(&dir).expect("a place for screenshots");
    let path = dir.join(name);
    browser.ask("screenshot", json!({ "path": path })).await;
    assert!(std::fs::metadata(path).is_ok_and(|file| file.len() > 10_000));
}

async fn has_no_complaints(browser: &Peer) {
    assert_eq!(browser.ask("complaints", json!({})).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_write_to_each_other_and_see_each_other_typing() {
    let sandbox = Sandbox::here().await;
    let browser = browser(&sandbox).await;
    let words = [
        ("alice", "bob", "Does this reach you?"),
        ("bob", "alice", "At once. The map above shows its way."),
        ("alice", "bob", "<b>not bold</b>"),
    ];
    for (who, other, text) in words {
        browser
            .ask("say", json!({ "who": who, "text": text }))
            .await;
        browser
            .ask("sees", json!({ "who": other, "text": text }))
            .await;
    }
    browser
        .ask("type", json!({ "who": "bob", "text": "And now" }))
        .await;
    let typing = browser.ask("typing", json!({ "who": "alice" })).await;
    assert_eq!(typing, json!("bob is typing"));
    let ways = browser.ask("ways", json!({})).await;
    let told = |event: &str| {
        ways.as_array()
            .expect("ways")
            .iter()
            .any(|way| way.as_str().is_some_and(|way| way.starts_with(event)))
    };
    assert!(told("watch.messages") || told("watch.rooms"), "{ways}");
    screenshot(&browser, "sandbox-light.png").await;
    let frames = browser
        .ask("frames", json!({ "text": "stream-room-messages" }))
        .await;
    assert!(!frames.as_array().expect("frames").is_empty());
    has_no_complaints(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_from_a_room_hears_nothing_more_of_it() {
    let sandbox = Sandbox::here().await;
    let browser = browser(&sandbox).await;
    for who in ["alice", "bob"] {
        browser
            .ask("enter", json!({ "who": who, "room": "private" }))
            .await;
    }
    browser
        .ask("say", json!({ "who": "alice", "text": "Still together" }))
        .await;
    browser
        .ask("sees", json!({ "who": "bob", "text": "Still together" }))
        .await;
    browser
        .ask("remove", json!({ "who": "alice", "whom": "Bob" }))
        .await;
    let gate = ".pane[data-person=bob] .gate p";
    let word = browser.ask("text", json!({ "selector": gate })).await;
    assert!(
        word.as_str()
            .is_some_and(|word| word.starts_with("Bob is no longer a member")),
        "{word}"
    );

    browser
        .ask("say", json!({ "who": "alice", "text": "Without Bob" }))
        .await;
    browser
        .ask("sees", json!({ "who": "alice", "text": "Without Bob" }))
        .await;
    // What comes after it reaches Bob; so what has not come by then never will.
    browser
        .ask("enter", json!({ "who": "alice", "room": "general" }))
        .await;
    browser
        .ask("enter", json!({ "who": "bob", "room": "general" }))
        .await;
    browser
        .ask("say", json!({ "who": "alice", "text": "Out here again" }))
        .await;
    browser
        .ask("sees", json!({ "who": "bob", "text": "Out here again" }))
        .await;
    let frames = browser
        .ask("frames", json!({ "text": "Without Bob" }))
        .await;
    let frames = frames
        .as_array()
        .expect("frames")
        .iter()
        .filter_map(Value::as_str);
    let bobs: Vec<&str> = frames.filter(|frame| frame.contains("Bob")).collect();
    assert!(bobs.is_empty(), "{bobs:?}");
    has_no_complaints(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_thrown_out_is_told_and_may_come_back() {
    let sandbox = Sandbox::here().await;
    let browser = browser(&sandbox).await;
    let port = sandbox
        .page
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .expect("a port");
    let thrown = [
        "sandbox",
        "--page-port",
        port,
        "--broadcast",
        "user.forceLogout",
        "[\"bob-id\"]",
    ];
    let (ok, _, error) = Sandbox::run(&thrown).await;
    assert!(ok, "{error}");
    browser.ask("gone", json!({ "who": "bob" })).await;
    screenshot(&browser, "sandbox-thrown-out.png").await;
    browser.ask("login", json!({ "who": "bob" })).await;
    browser
        .ask("say", json!({ "who": "bob", "text": "Here I am again" }))
        .await;
    browser
        .ask("sees", json!({ "who": "alice", "text": "Here I am again" }))
        .await;
    has_no_complaints(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_tab_goes_on_with_the_next_sandbox() {
    let (port, page) = (free_port().to_string(), free_port().to_string());
    let arguments = ["--port", &port, "--page-port", &page];
    let mut sandbox = Sandbox::start(&arguments).await;
    let browser = browser(&sandbox).await;
    browser
        .ask("say", json!({ "who": "alice", "text": "Before" }))
        .await;
    browser
        .ask("sees", json!({ "who": "bob", "text": "Before" }))
        .await;
    sandbox.process.signal("INT");
    assert!(sandbox.process.ended().await.success());
    browser
        .ask("text", json!({ "selector": "#banner:not([hidden])" }))
        .await;

    let _sandbox = Sandbox::start(&arguments).await;
    browser
        .ask("again", json!({ "who": "alice", "without": "Before" }))
        .await;
    browser
        .ask("say", json!({ "who": "alice", "text": "After" }))
        .await;
    browser
        .ask("sees", json!({ "who": "bob", "text": "After" }))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_dark_for_whoever_likes_it_so() {
    let sandbox = Sandbox::here().await;
    let browser = Peer::start("../browser/browser.js", &[]).await;
    browser
        .ask("open", json!({ "url": sandbox.page, "dark": true }))
        .await;
    browser.ask("pane", json!({ "who": "alice" })).await;
    browser
        .ask("say", json!({ "who": "alice", "text": "Good night" }))
        .await;
    browser
        .ask("sees", json!({ "who": "bob", "text": "Good night" }))
        .await;
    screenshot(&browser, "sandbox-dark.png").await;
    has_no_complaints(&browser).await;
}

/// A client of npm, as the other tests run it, against the sandbox.
#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_is_a_bot_that_answers_in_the_page() {
    let sandbox = Sandbox::here().await;
    let browser = browser(&sandbox).await;
    let bot = sandbox.client("sdk").await;
    bot.ask("connect", json!({})).await;
    let login = json!({ "user": "bot", "password": "bot-password" });
    assert_eq!(bot.ask("login", login).await["id"], "bot-id");
    bot.ask("messages", json!({})).await;

    browser
        .ask(
            "say",
            json!({ "who": "alice", "text": "bot, are you there?" }),
        )
        .await;
    bot.hears(json!({ "message": { "msg": "bot, are you there?", "u": { "username": "alice" } } }))
        .await;
    let answer = json!({ "rid": "GENERAL", "msg": "I am, and I was told by __my_messages__" });
    bot.ask(
        "call",
        json!({ "method": "sendMessage", "params": [answer] }),
    )
    .await;
    browser
        .ask(
            "sees",
            json!({ "who": "bob", "text": "I am, and I was told" }),
        )
        .await;
    screenshot(&browser, "sandbox-bot.png").await;
    has_no_complaints(&browser).await;
}

// contract: telemetry/traces/sandbox
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_sandbox_is_found_in_the_collector() {
    let collector = crate::support::Collector::start().await;
    let otlp = format!("http://127.0.0.1:{}", collector.grpc);
    let ports = ["--port", "0", "--page-port", "0", "--otlp", &otlp];
    let sandbox = Sandbox::start(&ports).await;
    let browser = browser(&sandbox).await;
    let said = json!({ "who": "alice", "text": "Followed from here" });
    browser.ask("say", said).await;
    let seen = json!({ "who": "bob", "text": "Followed from here" });
    browser.ask("sees", seen).await;
    let shown = browser
        .ask("traces", json!({ "event": "watch.messages" }))
        .await;
    let trace = shown[0].as_str().unwrap_or_else(|| panic!("{shown}"));
    let whole = |name: &'static str| {
        collector.span(name, move |span| span.trace == trace && span.name == name)
    };
    let method = whole("ddp.method _OTHER").await;
    assert_eq!(method.text("rpc.method_original"), "sendMessage");
    let call = whole("mesh.call meteor.callMethodWithToken").await;
    let told = whole("core.event watch.messages").await;
    assert_eq!(
        (&call.parent, &told.parent),
        (&method.id, &call.id),
        "each below what led to it"
    );
    let heard = collector
        .span("its deliveries", |span| {
            span.trace == trace
                && span
                    .attributes
                    .get("mesh.event.deliveries")
                    .is_some_and(|to| *to == 2)
        })
        .await;
    assert_eq!(
        (heard.name.as_str(), &heard.parent),
        ("mesh.event watch.messages", &told.id)
    );
    assert!(!collector.text().contains("Followed from here"));
    has_no_complaints(&browser).await;
}
