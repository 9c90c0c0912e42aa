//! `check`, as an operator runs it.

use serde_json::json;

use super::{env, hostname, run, run_with};
use crate::support::database::Database;
use crate::support::nats::Nats;
use crate::support::{Peer, Service, Workspace, free_port};

#[tokio::test]
async fn check_finds_nothing_wrong_with_a_good_workspace_and_leaves_no_trace() {
    let workspace = Workspace::with().database().start().await;
    let checked = run("check", &workspace.env).await;
    let (nats, host, node) = (workspace.nats.url(), hostname(), workspace.node_id());
    checked.has(&format!("ok       NATS           {nats}: version _ connected in _ ms, answers in _ ms, max_payload 1 MiB"));
    checked.has(&format!(
        "ok       node           core-1: nodejs 0.14.35 on {host}, answers in _ ms: accounts, apps-engine, authorization, device-management, \
         license, meteor, presence, sau-monitor, video-conference"
    ));
    checked.has(&format!(
        "ok       node           {node}: rust {} on {host}, answers in _ ms: streamer",
        env!("CARGO_PKG_VERSION")
    ));
    checked.has("ok       release        Rocket.Chat 6.x or 7.x");
    checked.has("ok       services       accounts, authorization, presence, meteor, license");
    checked.has(
        "ok       optional       video-conference, not there: media-call (calls of 8.x), status-visibility (hidden statuses, since 8.8), \
         ee-settings (enterprise settings)",
    );
    checked.has("ok       MongoDB        version _ answers in _ ms, 5 of 5 collections in database 'rocketchat'");
    checked.has("ok       clock          within _ ms of 3 other clocks");
    checked.has("ok       open files     at most 2000, for MAX_CONCURRENT_CONNECTIONS=1000");
    assert_eq!(
        (checked.code, checked.last()),
        (Some(0), "Nothing is wrong.")
    );

    let nodes = workspace.core.ask("nodes", json!({})).await;
    let ids: Vec<_> = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.iter().all(|id| ["core-1", &node].contains(id)),
        "{ids:?}"
    );
    let heard = workspace.core_heard("$node.connected").await;
    assert!(
        heard
            .iter()
            .all(|event| !event.to_string().contains("-check-")),
        "{heard:?}"
    );
}

#[tokio::test]
async fn check_names_missing_services_the_release_and_too_few_files() {
    let nats = Nats::start().await;
    let services = "license,meteor,authorization,accounts,media-call";
    let _core = Peer::start(
        "core.js",
        &[
            "--nats",
            &nats.url(),
            "--release",
            "8",
            "--services",
            services,
        ],
    )
    .await;
    let checked = run_with("check", &Service::usual_env(&nats.url()), 512).await;
    checked.has("ok       release        Rocket.Chat 8.x or 9.x");
    checked.has("ok       services       accounts, authorization, meteor, license");
    checked.has("wrong    services       presence: nobody offers it, and everybody looks offline");
    checked.has("                        → start Rocket.Chat's presence service");
    checked.has("warning  configuration  MONGO_URL=memory: the store is kept in memory, no database is used");
    checked.has("ok       MongoDB        not asked: the store is kept in memory");
    checked.has("wrong    open files     at most 512, for MAX_CONCURRENT_CONNECTIONS=1000");
    assert_eq!(
        (checked.code, checked.last()),
        (Some(1), "2 things are wrong, 1 warning.")
    );
}

#[tokio::test]
async fn check_names_what_is_away() {
    let (nats, mongo) = (free_port(), free_port());
    let (url, mongo_url) = (
        format!("nats://127.0.0.1:{nats}"),
        format!("mongodb://me:hunter2@127.0.0.1:{mongo}/rocketchat"),
    );
    let checked = run(
        "check",
        &env(&[("TRANSPORTER", &url), ("MONGO_URL", &mongo_url)]),
    )
    .await;
    let expected = [
        "ok       configuration  from the environment 2, from CONFIG_FILE 0, the other variables are at their defaults",
        &format!("wrong    NATS           {url}: not reached: Connection refused (os error 111)"),
        "                        → start nats-server, or correct TRANSPORTER",
        &format!(
            "wrong    MongoDB        127.0.0.1:{mongo} cannot be reached: I/O error: Connection refused (os error 111)"
        ),
        "                        → start MongoDB, or correct MONGO_URL",
        "ok       open files     at most 2000, for MAX_CONCURRENT_CONNECTIONS=1000",
        "",
        "2 things are wrong.",
    ];
    assert_eq!(
        (checked.code, checked.lines),
        (Some(1), expected.map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn check_tells_a_log_that_cannot_be_written_and_creates_none() {
    let server = format!("ws://127.0.0.1:{}/websocket", free_port());
    let checked = run(
        "check",
        &env(&[
            ("DDP_SERVER_URL", &server),
            ("LOG_FILE_PATH", "/nowhere/x.log"),
        ]),
    )
    .await;
    checked.has("wrong    log file       LOG_FILE_PATH=/nowhere/x.log: No such file or directory (os error 2)");
    checked.has(
        "                        → correct it, or let this user write there: the service does not start with it",
    );
    // The server is away as well, and there are few files.
    assert_eq!(
        (checked.code, checked.last()),
        (Some(1), "2 things are wrong, 1 warning.")
    );
    assert!(!std::path::Path::new("/nowhere").exists());
}

#[tokio::test]
async fn check_tells_a_frozen_server_and_refused_credentials_from_one_that_is_not_there() {
    let mut nats = Nats::start().await;
    let env = Service::usual_env(&nats.url());
    nats.freeze();
    let checked = run("check", &env).await;
    checked.has(&format!(
        "wrong    NATS           {}: no answer",
        nats.url()
    ));
    assert_eq!(checked.code, Some(1));
    nats.thaw();
    nats.kill().await;
    nats.restart_with(&["--user", "me", "--pass", "hunter2"])
        .await;
    let checked = run("check", &env).await;
    checked.has(&format!(
        "wrong    NATS           {}: it refuses the credentials",
        nats.url()
    ));
    checked
        .has("                        → correct user and password, or the token, in TRANSPORTER");
    assert_eq!(checked.code, Some(1));
    // The variable that holds.
    let mut plain = env.clone();
    plain.insert("BROKER".into(), "nats".into());
    plain.insert("NATS_URL".into(), nats.url());
    let checked = run("check", &plain).await;
    checked.has("                        → correct user and password, or the token, in NATS_URL");
}

#[tokio::test]
async fn check_sees_the_mesh_next_door_and_a_database_that_is_not_the_workspaces() {
    let nats = Nats::start().await;
    let _core = Peer::start(
        "core.js",
        &[
            "--nats",
            &nats.url(),
            "--namespace",
            "other",
            "--heartbeat",
            "1",
        ],
    )
    .await;
    let database = Database::start().await;
    let mut env = Service::usual_env(&nats.url());
    env.insert("MONGO_URL".into(), database.url());
    let checked = run("check", &env).await;
    checked.has("wrong    nodes          nobody is there in no namespace; there are nodes in namespace 'other'");
    checked.has("                        → set MS_NAMESPACE to what the other services have");
    checked.has("wrong    MongoDB        version _ answers in _ ms, 0 of 5 collections in database 'rocketchat'");
    assert_eq!(checked.code, Some(1));
}

// contract: mesh/namespace, configuration/variable/MS_NAMESPACE
#[tokio::test]
async fn a_namespace_with_a_dot_is_joined_and_found_by_check() {
    let workspace = Workspace::with()
        .env("MS_NAMESPACE", "1.10")
        .core("--namespace", "1.10")
        .core("--heartbeat", "1")
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    let echoed = alice.call("echo", json!(["here"])).await;
    assert_eq!(echoed["result"], json!(["here"]));
    let checked = run("check", &workspace.env).await;
    checked.has("ok       services       accounts, authorization, presence, meteor, license");
    assert_eq!(
        (checked.code, checked.last()),
        (Some(0), "Nothing is wrong, 1 warning.")
    );
    // Whoever has another namespace is told of this one, also where that begins like it.
    for other in ["1", ""] {
        let mut env = workspace.env.clone();
        env.insert("MS_NAMESPACE".into(), other.into());
        let named = match other {
            "" => "no namespace".to_owned(),
            other => format!("namespace '{other}'"),
        };
        let checked = run("check", &env).await;
        checked.has(&format!(
            "wrong    nodes          nobody is there in {named}; there are nodes in namespace '1.10'"
        ));
        assert_eq!(checked.code, Some(1));
    }
}

#[tokio::test]
async fn check_lists_the_nodes_of_the_plain_broker() {
    let nats = Nats::start().await;
    let mut env = Service::usual_env(&nats.url());
    env.insert("BROKER".into(), "nats".into());
    let nobody = run("check", &env).await;
    nobody.has("wrong    nodes          nobody answers with BROKER=nats");
    assert_eq!(nobody.code, Some(1));
    let services = "license,meteor,authorization,accounts,presence";
    let args = ["--nats", &nats.url(), "--services", services];
    let _core = Peer::start("nats-core.js", &args).await;
    let checked = run("check", &env).await;
    checked.has(
        "ok       node           core-1: plain broker, answers in _ ms: accounts, authorization, license, meteor, presence",
    );
    checked.has("ok       release        Rocket.Chat 8.x or 9.x");
    checked.has("ok       services       accounts, authorization, presence, meteor, license");
    assert_eq!(
        (checked.code, checked.last()),
        (Some(0), "Nothing is wrong, 1 warning.")
    );
}
