//! The sandbox from a terminal: what it says, and what is asked of it.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::process::{Lines, Process, collect};
use crate::support::sandbox::Sandbox;
use crate::support::service::binary;
use crate::support::{Client, eventually, http, root};

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

/// Lines of a `watch` on standard output, and on standard error.
struct Watch {
    process: Process,
    heard: Lines,
}

impl Watch {
    /// Bob watches what is deleted in these rooms.
    fn start(sandbox: &Sandbox, rooms: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["watch", &sandbox.service, "--token", "bob-token"]);
        for room in rooms {
            command.args(["--sub", &format!("notify-room:{room}/deleteMessage")]);
        }
        let (process, _stdin, stdout) = Process::start("ddp-streamer watch", command);
        Self {
            process,
            heard: collect(stdout),
        }
    }

    /// Tells of a deleted message until it is heard: nothing is told of a subscription before.
    async fn hears(&self, sandbox: &Sandbox, room: &str, id: &str) {
        eventually(&format!("{id} is heard"), || async {
            let args = json!([room, { "_id": id }]);
            sandbox.broadcast("notify.deleteMessage", args).await;
            let line = format!(r#" notify-room {room}/deleteMessage [{{"_id":"{id}"}}]"#);
            let heard = self.heard.lock().expect("lines");
            heard.iter().any(|told| told.ends_with(&line)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_is_told_when_a_subscription_is_ended() {
    let sandbox = Sandbox::here().await;
    let both = Watch::start(&sandbox, &["private-id", "GENERAL"]);
    let mut one = Watch::start(&sandbox, &["private-id"]);
    both.hears(&sandbox, "private-id", "m1").await;
    one.hears(&sandbox, "private-id", "m2").await;
    let removed = json!({ "rid": "private-id", "username": "bob" });
    let (ok, _, error) = sandbox.call("alice", "removeUserFromRoom", removed).await;
    assert!(ok, "{error}");
    let told = ["the server ended stream-notify-room private-id/deleteMessage: [not-allowed]"];
    let ended = one.process.ended().await;
    assert_eq!(ended.code(), Some(1));
    eventually("it says why it ended", || async {
        (*one.process.stderr.lock().expect("lines") == told).then_some(())
    })
    .await;
    // There is something left to hear.
    both.hears(&sandbox, "GENERAL", "m3").await;
    eventually("the other is told as well", || async {
        (*both.process.stderr.lock().expect("lines") == told).then_some(())
    })
    .await;
}
