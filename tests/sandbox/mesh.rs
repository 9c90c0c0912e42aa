//! The core alone, on a real mesh.

use serde_json::json;

use crate::support::database::Database;
use crate::support::nats::Nats;
use crate::support::process::TempDir;
use crate::support::sandbox::Sandbox;
use crate::support::{Client, Peer, Service, eventually, free_port};

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
