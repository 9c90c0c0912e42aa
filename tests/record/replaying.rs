//! What is played, where, and what is refused.

use serde_json::{Value, json};

use super::{Recorder, Recording, replay};
use crate::support::process::TempDir;
use crate::support::sandbox::Sandbox;
use crate::support::service::Env;
use crate::support::workspace::Builder;
use crate::support::{Client, Workspace};

const MANY: usize = 30;

/// A workspace's messages and a change of a name, recorded.
async fn recorded(builder: Builder) -> Recording {
    let workspace = builder.start().await;
    let recorder = Recorder::start(&workspace.env, &[]).await;
    let args = json!([{"clientAction": "inserted", "message": {"_id": "m-$n", "rid": "private-id", "msg": "secret", "tcount": "$n"}}]);
    let numbered = json!({"event": "watch.messages", "args": args, "count": MANY});
    workspace.core.ask("broadcast", numbered).await;
    let named = json!([{"_id": "alice-id", "name": "Alice", "username": "alice"}]);
    workspace.broadcast("user.nameChanged", named).await;
    recorder
        .has("events", 1, |line| line["name"] == "user.nameChanged")
        .await;
    recorder.stop().await
}

/// The args of the events that a client hears on a topic: so many, in their order.
async fn hears(client: &mut Client, stream: &str, event: &str, count: usize) -> Vec<Value> {
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(client.hears(stream, event).await);
    }
    heard
}

/// Recorded in one workspace, played into another, and heard by a client there as it was, under other names.
async fn heard_again(builder: fn() -> Builder) {
    let recording = recorded(builder()).await;
    let messages: Vec<_> = recording
        .of("event", "watch.messages")
        .map(|line| line["data"][0]["message"].clone())
        .collect();
    assert_eq!(messages.len(), MANY);
    let named = recording
        .of("event", "user.nameChanged")
        .next()
        .expect("a change")["data"][0]
        .clone();
    let file = recording.file.display().to_string();

    let workspace = builder().start().await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "GENERAL").await;
    alice.listen("notify-logged", "Users:NameChanged").await;
    let (well, said) = replay(&workspace.env, &[&file, "--mesh", "--speed", "max"]).await;
    let refusal = said.last().expect("a refusal");
    assert!(
        !well
            && refusal.starts_with("nothing was played: ")
            && refusal.contains("--yes-into-this-mesh"),
        "{said:?}"
    );

    let room = messages[0]["rid"].as_str().expect("a room");
    let as_general = format!("{room}=GENERAL");
    let arguments = [
        &*file,
        "--mesh",
        "--yes-into-this-mesh",
        "--speed",
        "max",
        "--as",
        &as_general,
    ];
    let (well, said) = replay(&workspace.env, &arguments).await;
    assert!(well, "{said:?}");
    let heard = hears(&mut alice, "room-messages", "GENERAL", MANY).await;
    for (n, (heard, recorded)) in heard.iter().zip(&messages).enumerate() {
        let mut expected = recorded.clone();
        expected["rid"] = "GENERAL".into();
        assert_eq!(heard, &json!([expected]));
        assert_eq!(recorded["tcount"], n);
    }
    assert_eq!(
        alice.hears("notify-logged", "Users:NameChanged").await,
        json!([named])
    );
    // The refused one played nothing.
    let more = alice.so_far().await;
    assert!(
        more.iter()
            .all(|said| said["collection"] != "stream-room-messages"),
        "{more:?}"
    );
    let last = said.last().expect("an account");
    let played = recording
        .lines
        .iter()
        .filter(|line| line["kind"] == "event")
        .count();
    assert!(
        last.starts_with(&format!("{played} events played in "))
            && last.ends_with(" s, 0 left out"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_client_of_another_workspace_hears_what_was_recorded() {
    heard_again(Workspace::with).await;
}

#[tokio::test]
async fn a_client_on_the_plain_broker_hears_what_was_recorded() {
    heard_again(|| Workspace::with().plain()).await;
}

/// Two broadcasts half a second apart, something balanced, a call.
const SMALL: &str = r#"{"kind":"recording","format":1}
{"at":0,"kind":"event","name":"user.nameChanged","broadcast":true,"data":[{"_id":"a"}]}
{"at":100,"kind":"request","name":"accounts.login","data":[]}
{"at":200,"kind":"event","name":"accounts.login","broadcast":false,"data":[{}]}
{"at":500,"kind":"event","name":"user.nameChanged","broadcast":true,"data":[{"_id":"b"}]}
{"at":600,"kind":"end"}
"#;

#[tokio::test]
async fn a_sandbox_plays_the_broadcasts_in_their_pace() {
    let (sandbox, dir) = (Sandbox::here().await, TempDir::new("replay"));
    let file = dir.path().join("small.ndjson");
    std::fs::write(&file, SMALL).expect("written");
    let mut alice = Client::connect(sandbox.port()).await;
    alice.login("alice").await;
    alice.listen("notify-logged", "Users:NameChanged").await;
    let page = format!("127.0.0.1:{}", sandbox.page_port());
    let (well, said) = replay(
        &Env::new(),
        &[&file.display().to_string(), "--sandbox", &page],
    )
    .await;
    assert!(well, "{said:?}");
    let heard = hears(&mut alice, "notify-logged", "Users:NameChanged", 2).await;
    assert_eq!(heard, [json!([{"_id": "a"}]), json!([{"_id": "b"}])]);
    assert_eq!(
        said[..4],
        [
            "3 events in 0.6 s",
            "        1  accounts.login",
            "        2  user.nameChanged",
            "not played: 1 request"
        ]
    );
    let (took, left_out) = said[4].split_once(" s, ").expect("an account");
    let took: f64 = took
        .strip_prefix("2 events played in ")
        .and_then(|took| took.parse().ok())
        .expect("a time");
    assert!(took >= 0.5 && left_out == "1 left out", "{said:?}");
}

#[tokio::test]
async fn what_is_not_sound_or_has_no_stage_is_told_and_not_played() {
    let dir = TempDir::new("replay");
    let file = dir.path().join("bad.ndjson");
    std::fs::write(
        &file,
        SMALL.replace("\"data\":[{\"_id\":\"b\"}]", "\"data\":[{"),
    )
    .expect("written");
    let path = file.display().to_string();
    let sandbox = Sandbox::here().await;
    let page = format!("127.0.0.1:{}", sandbox.page_port());
    let (well, said) = replay(&Env::new(), &[&path, "--sandbox", &page]).await;
    assert!(!well && said.len() == 1, "{said:?}");
    assert!(
        said[0].starts_with(&format!("{path}:5: not a line of a recording: ")),
        "{said:?}"
    );
    let events = crate::support::http::get(sandbox.page_port(), "/events")
        .await
        .expect("events")
        .body;
    assert!(!events.contains("user.nameChanged"), "{events}");

    std::fs::write(&file, SMALL).expect("written");
    let (well, said) = replay(&Env::new(), &[&path, "--sandbox", "127.0.0.1:1"]).await;
    assert!(
        !well
            && said.last().is_some_and(
                |last| last.starts_with("the sandbox at 127.0.0.1:1 did not take the event: ")
            ),
        "{said:?}"
    );
    let single = [(
        "DDP_SERVER_URL".to_owned(),
        "ws://127.0.0.1:1/websocket".to_owned(),
    )]
    .into();
    let (well, said) = replay(&single, &[&path, "--mesh"]).await;
    assert_eq!(
        (well, &**said.last().expect("a word")),
        (
            false,
            "DDP_SERVER_URL is set: there is no mesh to play onto"
        )
    );
    let nobody = [("TRANSPORTER".to_owned(), "nats://127.0.0.1:1".to_owned())].into();
    let (well, said) = replay(&nobody, &[&path, "--mesh"]).await;
    assert!(
        !well
            && said.last().is_some_and(
                |last| last.starts_with("the mesh was not joined: nats://127.0.0.1:1: ")
            ),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_sandbox_s_mesh_needs_no_word() {
    let (nats, dir) = (
        crate::support::nats::Nats::start().await,
        TempDir::new("replay"),
    );
    let url = nats.url();
    let _sandbox = Sandbox::start(&["--transporter", &url, "--page-port", "0"]).await;
    let file = dir.path().join("small.ndjson");
    std::fs::write(&file, SMALL).expect("written");
    let env: Env = [("TRANSPORTER".to_owned(), url)].into();
    let (well, said) = replay(
        &env,
        &[&file.display().to_string(), "--mesh", "--speed", "max"],
    )
    .await;
    assert!(well, "{said:?}");
    assert!(
        said[4].starts_with("3 events played in ") && said[4].ends_with(", 0 left out"),
        "{said:?}"
    );
}
