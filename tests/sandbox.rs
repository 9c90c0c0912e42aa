//! The sandbox as a stranger meets it: one command, a real Chromium, a terminal.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::database::Database;
use crate::support::nats::Nats;
use crate::support::process::{Process, TempDir, collect};
use crate::support::sandbox::Sandbox;
use crate::support::service::binary;
use crate::support::{Client, Peer, Service, eventually, free_port, http, root};

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

#[tokio::test(flavor = "multi_thread")]
async fn events_are_printed_in_a_terminal_as_they_come() {
    let sandbox = Sandbox::here().await;
    let mut command = Command::new(binary());
    command.args(["watch", &sandbox.service, "--token", "alice-token"]);
    command.args([
        "--sub",
        "room-messages:GENERAL",
        "--sub",
        "notify-user:me/notification",
    ]);
    let (process, _stdin, stdout) = Process::start("ddp-streamer watch", command);
    let heard = collect(stdout);
    // It says nothing until something comes: tried until the first is heard.
    eventually("an event in the terminal", || async {
        let (ok, result, error) = sandbox
            .call(
                "bob",
                "sendMessage",
                json!({ "rid": "GENERAL", "msg": "@alice, over SSH" }),
            )
            .await;
        assert!(ok && result.contains("over SSH"), "{error}");
        let lines = heard.lock().expect("lines").clone();
        let has = |text: &str| lines.iter().any(|line| line.contains(text));
        (has(" room-messages GENERAL [{") && has(" notify-user alice-id/notification [{"))
            .then_some(())
    })
    .await;
    drop(process);

    let (ok, result, error) = sandbox
        .call("bob", "getRoomIdByNameOrId", json!("secret"))
        .await;
    assert!(!ok && result.is_empty());
    assert_eq!(
        error.trim(),
        "getRoomIdByNameOrId: Not allowed [error-not-allowed]"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_one_clear_line_and_ctrl_c_a_clean_end() {
    let mut sandbox = Sandbox::here().await;
    let port = |url: &str| {
        url.trim_end_matches("/websocket")
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .expect("a port")
            .to_owned()
    };
    let (page, service) = (port(&sandbox.page), port(&sandbox.service));
    let (ok, _, error) = Sandbox::run(&["sandbox", "--port", "0", "--page-port", &page]).await;
    assert!(
        !ok && error.lines().count() == 1 && error.contains("--page-port"),
        "{error}"
    );
    let (ok, _, error) = Sandbox::run(&["sandbox", "--port", &service, "--page-port", "0"]).await;
    assert!(
        !ok && error.lines().count() == 1 && error.contains("--port"),
        "{error}"
    );

    sandbox.process.signal("INT");
    assert!(sandbox.process.ended().await.success());
    assert!(
        sandbox
            .said
            .lock()
            .expect("lines")
            .iter()
            .any(|line| line.contains("Ctrl-C"))
    );
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

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_somebodys_is_left_alone() {
    let (nats, database) = (Nats::start().await, Database::start().await);
    database.seed().await;
    let (url, mongo) = (nats.url(), database.url());
    let (ok, _, error) = Sandbox::run(&[
        "sandbox",
        "--page-port",
        "0",
        "--transporter",
        &url,
        "--mongo-url",
        &mongo,
    ])
    .await;
    assert!(
        !ok && error.contains("not empty and not a sandbox's"),
        "{error}"
    );
    let users = database
        .database()
        .await
        .collection::<mongodb::bson::Document>("users");
    assert!(
        users
            .find_one(mongodb::bson::doc! { "_id": "alice-id" })
            .await
            .expect("an answer")
            .is_some()
    );
}

/// The core alone on a real mesh and a real database, for a service in another process.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_mesh_it_is_a_core_for_a_service_elsewhere() {
    for release in ["8", "9", "6", "7"] {
        let (nats, database) = (Nats::start().await, Database::start().await);
        let mut env = Service::usual_env(&nats.url());
        env.insert("MONGO_URL".to_owned(), database.url());
        let service = Service::spawn(&env);
        let (url, mongo) = (nats.url(), database.url());
        let elsewhere = format!("ws://127.0.0.1:{}/websocket", service.port);
        let mut arguments = vec!["--page-port", "0", "--release", release];
        arguments.extend([
            "--transporter",
            &url,
            "--mongo-url",
            &mongo,
            "--service",
            &elsewhere,
        ]);
        let sandbox = Sandbox::start(&arguments).await;
        assert_eq!(sandbox.service, elsewhere);
        service.ready().await;

        let mut alice = Client::connect(service.port).await;
        alice.login("alice").await;
        alice.listen("notify-logged", "user-status").await;
        let mut bob = Client::connect(service.port).await;
        bob.login("bob").await;
        let status = alice.hears("notify-logged", "user-status").await;
        let elements = if release < "8" { 6 } else { 8 };
        assert_eq!(
            status[0].as_array().map(Vec::len),
            Some(elements),
            "{status}"
        );

        // A room that is made now is found in the database at once.
        let made = alice
            .call("createPrivateGroup", json!(["garden", []]))
            .await;
        let rid = made["result"]["rid"].as_str().expect("a room").to_owned();
        alice.listen("room-messages", &rid).await;
        let (_, refused) = bob
            .try_sub("stream-room-messages", json!([rid, false]))
            .await;
        assert_eq!(refused["error"]["error"], "not-allowed", "{refused}");
        alice
            .call("sendMessage", json!([{ "rid": rid, "msg": "grow" }]))
            .await;
        assert_eq!(alice.hears("room-messages", &rid).await[0]["msg"], "grow");

        // Another sandbox takes over what this one left.
        let again = Sandbox::start(&arguments).await;
        drop(again);

        // An event of nobody, onto the mesh.
        alice.listen("notify-all", "license").await;
        let (ok, _, error) = Sandbox::run(&[
            "sandbox",
            "--transporter",
            &url,
            "--broadcast",
            "license.sync",
            "[]",
        ])
        .await;
        assert!(ok, "{error}");
        alice.hears("notify-all", "license").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bound_to_every_address_it_names_one_that_answers() {
    for (bind, name) in [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")] {
        let sandbox = Sandbox::start(&["--bind", bind, "--port", "0", "--page-port", "0"]).await;
        let (page, port) = (sandbox.page_port(), sandbox.page_port().to_string());
        assert_eq!(sandbox.page, format!("http://{name}:{page}/"));
        let service = format!("ws://{name}:{}/websocket", sandbox.port());
        assert_eq!(sandbox.service, service);
        let said = sandbox.said.lock().expect("lines").clone();
        let program = binary();
        let watch = format!(
            "  {} watch {service} --token alice-token --sub room-messages:GENERAL",
            program.display()
        );
        assert!(said.contains(&watch), "{said:?}");
        // By the name that it printed.
        let asked = format!("GET / HTTP/1.1\r\nHost: {name}:{page}\r\nConnection: close\r\n\r\n");
        let answer = http::request(page, &asked).await;
        assert_eq!(answer.map(|answer| answer.status).ok(), Some(200));
        let (ok, _, error) = sandbox
            .call("alice", "getRoomIdByNameOrId", json!("general"))
            .await;
        assert!(ok, "{error}");
        let told = ["sandbox", "--bind", bind, "--page-port", &port];
        let told = [&told[..], &["--broadcast", "license.sync", "[]"]].concat();
        let (ok, said, error) = Sandbox::run(&told).await;
        assert!(ok, "{error}");
        assert_eq!(said, "sent to 1 node\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_workspace_is_left_alone() {
    let nats = Nats::start().await;
    let url = nats.url();
    let node = |name: &'static str, services: &'static str| {
        let url = url.clone();
        async move {
            let options = ["--nats", &url, "--node", name, "--services", services];
            Peer::start("core.js", &options).await
        }
    };
    let dir = TempDir::new("living");
    let seed = dir.path().join("seed.json").display().to_string();
    let join = ["--page-port", "0", "--transporter", &url];
    let join = [&join[..], &["--seed-file", &seed]].concat();
    // A node that offers something else.
    let _bot = node("bot-1", "media-call").await;
    let sandbox = Sandbox::start(&join).await;
    drop(sandbox);

    std::fs::remove_file(&seed).expect("the seed was written");
    let core = node("core-1", "accounts,meteor").await;
    let (ok, said, error) = Sandbox::run(&[&["sandbox"], &join[..]].concat()).await;
    assert!(!ok && said.is_empty(), "{said}");
    assert_eq!(
        error.trim(),
        "core-1 on this mesh offers accounts: half of its calls would come to the sandbox, and people would be logged out. \
         Name another server or --namespace, or say --yes-into-this-mesh"
    );
    assert!(!std::path::Path::new(&seed).exists());
    let heard = core.ask("nodes", json!({})).await;
    let nodes = heard.as_array().expect("a list").iter();
    // The first sandbox was killed, and is remembered.
    let there: Vec<_> = nodes.filter(|node| node["available"] == true).collect();
    assert!(
        !there
            .iter()
            .any(|node| node.to_string().contains("sandbox-core")),
        "{there:?}"
    );
    let _whoever_is_there = Sandbox::start(&[&join[..], &["--yes-into-this-mesh"]].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_one_clear_line() {
    let url = format!("nats://127.0.0.1:{}", free_port());
    let (ok, _, error) =
        Sandbox::run(&["sandbox", "--page-port", "0", "--transporter", &url]).await;
    assert!(!ok);
    assert_eq!(
        error.trim(),
        format!("the mesh cannot be joined: {url}: not reached: Connection refused (os error 111)")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_lists_is_told() {
    let (sandbox, nats) = (Sandbox::here().await, Nats::start().await);
    let (url, page) = (nats.url(), sandbox.page_port().to_string());
    let service = Service::spawn(&Service::usual_env(&url));
    let joined = || async {
        let tells = ["sandbox", "--transporter", &url, "--broadcast"];
        let (ok, said, _) = Sandbox::run(&[&tells[..], &["license.sync", "[]"]].concat()).await;
        (ok && said == "sent to 1 node\n").then_some(())
    };
    eventually("the service hears what it lists", joined).await;
    for onto in [["--page-port", &*page], ["--transporter", &*url]] {
        let tells = [&["sandbox"], &onto[..], &["--broadcast", "no.such", "[1]"]].concat();
        let (ok, said, error) = Sandbox::run(&tells).await;
        assert!(!ok && said.is_empty(), "{said}");
        assert_eq!(error.trim(), "nobody on this mesh lists no.such");
    }
    drop(service);
}

/// The line of the README, by curl.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_injected_as_the_readme_says() {
    let sandbox = Sandbox::here().await;
    let mut alice = Client::connect(sandbox.port()).await;
    alice.login("alice").await;
    alice.listen("notify-all", "license").await;
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let line = readme.lines().find(|line| line.starts_with("curl "));
    let page = format!("127.0.0.1:{}", sandbox.page_port());
    let line = line.expect("a line").replace("127.0.0.1:3001", &page);
    let output = Command::new("sh").args(["-c", &line]).output().await;
    let answer: Value = serde_json::from_slice(&output.expect("curl runs").stdout).expect("JSON");
    assert_eq!(answer, json!({"broadcast": true, "nodes": 1}));
    alice.hears("notify-all", "license").await;
}

/// What stands in TRANSPORTER of a service stands in the sandbox's --transporter; the encoding comes from where the service takes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_is_read_as_the_service_reads_it() {
    let nats = Nats::configured("authorization { user: \"me\", password: \"p@ss\" }\n").await;
    let url = format!("monolith+nats://me:p%40ss@127.0.0.1:{}", nats.port());
    for serializer in ["EJSON", "JSON"] {
        let mut env = Service::usual_env(&url);
        let encoding = [("SERIALIZER", serializer)];
        env.extend(encoding.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let dir = TempDir::new("mesh");
        let seed = dir.path().join("seed.json").display().to_string();
        let arguments = ["--page-port", "0", "--transporter", &url];
        let arguments = [&arguments[..], &["--seed-file", &seed]].concat();
        let _sandbox = Sandbox::start_in(&encoding, &arguments).await;
        env.insert("MONGO_URL".to_owned(), format!("memory:{seed}"));
        let service = Service::spawn(&env);
        service.ready().await;
        let mut alice = Client::connect(service.port).await;
        alice.login("alice").await;
        alice.listen("room-messages", "GENERAL").await;
        let words = json!([{ "rid": "GENERAL", "msg": serializer }]);
        alice.call("sendMessage", words).await;
        let heard = alice.hears("room-messages", "GENERAL").await;
        assert_eq!(heard[0]["msg"], serializer);
    }
    let (ok, _, error) = Sandbox::run(&["sandbox", "--transporter", "redis://me:p@x"]).await;
    assert!(!ok);
    assert_eq!(
        error.trim(),
        "the mesh cannot be joined: TRANSPORTER=redis://(hidden): not accepted; expected nats://[user:pass@]host:port[,…] or tls://…"
    );
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
