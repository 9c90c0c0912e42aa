//! What is in a file, and that nobody notices.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::Recorder;
use crate::several::another;
use crate::support::nats::{Nats, listening};
use crate::support::service::Env;
use crate::support::{Client, Peer, Workspace, eventually};

/// How many messages are told in one go.
const MANY: usize = 20;

fn message(id: &str, count: Value) -> Value {
    json!([{"clientAction": "inserted", "message": {
        "_id": id, "rid": "GENERAL", "msg": "the secret text", "tcount": count, "ts": {"$date": 1_700_000_000_000_i64},
        "u": {"_id": "alice-id", "username": "alice", "name": "Alice"}}}])
}

/// The names of the nodes that the core knows.
async fn nodes(core: &Peer) -> BTreeSet<String> {
    let nodes = core.ask("nodes", json!({})).await;
    let nodes = nodes.as_array().expect("a list").iter();
    nodes
        .map(|node| node["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// The ids of the messages that both heard, once they are so many.
async fn heard(clients: [Client; 2], count: usize) -> Vec<String> {
    let heard = tokio::sync::Mutex::new((clients, Vec::new()));
    eventually(&format!("{count} messages are heard"), || async {
        let (clients, ids) = &mut *heard.lock().await;
        for client in clients {
            let said = client.so_far().await;
            let events = said
                .into_iter()
                .filter(|said| said["collection"] == "stream-room-messages");
            ids.extend(events.filter_map(|event| {
                let id = &event["fields"]["args"][0]["_id"];
                id.as_str().map(str::to_owned)
            }));
        }
        (ids.len() >= count).then_some(())
    })
    .await;
    heard.into_inner().1
}

#[tokio::test]
async fn each_broadcast_is_recorded_once_without_what_people_wrote_and_nobody_notices() {
    // Without its balancer the core sends what is balanced to queue groups: whoever joins one takes from the others.
    let workspace = Workspace::with()
        .env("NODE_ID", "streamer-a.example.org")
        .core("--balancer", "off")
        .core("--heartbeat", "1")
        .start()
        .await;
    let second = another(&workspace, "streamer-b.example.org").await;
    let tap = workspace.nats.connect().await;
    let mut tapped = listening(&tap, "MOL.>").await;
    let before = nodes(&workspace.core).await;
    let mut env = workspace.env.clone();
    // A deployment's own: no node may come of it.
    env.insert("NODE_ID".into(), "recorder.example.org".into());
    let recorder = Recorder::start(&env, &[]).await;

    let mut clients = [workspace.login("alice").await, {
        let mut bob = Client::connect(second.port).await;
        bob.login("bob").await;
        bob
    }];
    for client in &mut clients {
        client.listen("room-messages", "GENERAL").await;
    }
    let numbered =
        json!({"event": "watch.messages", "args": message("told-$n", json!("$n")), "count": MANY});
    workspace.core.ask("broadcast", numbered).await;
    for n in 0..MANY {
        let event =
            json!({"event": "watch.messages", "args": message(&format!("picked-{n}"), json!(n))});
        workspace.core.ask("emit", event).await;
    }
    let sent = json!([{"_id": "sent", "rid": "GENERAL", "msg": "the secret text"}]);
    clients[0].call("sendMessage", sent).await;
    let told = |line: &Value| line["name"] == "watch.messages";
    recorder.has("messages", 2 * MANY + 1, told).await;
    let after = nodes(&workspace.core).await;
    let recording = recorder.stop().await;

    // Each once, in their order, with what ties them together.
    let (broadcast, balanced): (Vec<_>, Vec<_>) = recording
        .of("event", "watch.messages")
        .partition(|line| line["broadcast"] == true);
    assert_eq!((broadcast.len(), balanced.len()), (MANY + 1, MANY));
    for lines in [&broadcast[..MANY], &balanced] {
        for (n, line) in lines.iter().enumerate() {
            let message = &line["data"][0]["message"];
            assert_eq!(message["tcount"], n, "{line}");
            let author = &broadcast[0]["data"][0]["message"]["u"];
            assert_eq!(
                (&message["u"], &message["ts"]["$date"]),
                (author, &json!(1_700_000_000_000_i64))
            );
        }
    }
    let ids: BTreeSet<_> = broadcast
        .iter()
        .map(|line| line["data"][0]["message"]["_id"].as_str())
        .collect();
    assert_eq!(ids.len(), MANY + 1);
    assert!(recording.end()["left_out"]["copies"].as_u64() >= Some(MANY as u64 + 1));
    assert_eq!(
        (&recording.end()["why"], &recording.end()["lost"]),
        (&json!("signal"), &json!(0))
    );

    // Calls have their answers.
    let logins: Vec<_> = recording.of("request", "accounts.login").collect();
    assert_eq!(logins.len(), 2);
    for login in logins {
        let answer = recording
            .lines
            .iter()
            .find(|line| line["kind"] == "response" && line["id"] == login["id"]);
        let answer = answer.expect("an answer");
        assert_eq!(
            (&answer["ok"], &answer["from"], &answer["to"]),
            (&json!(true), &login["to"], &login["from"])
        );
    }

    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    let (host, quoted) = (host.trim(), |text: &str| format!("\"{text}\""));
    for secret in ["alice", "Alice", "bob", "core-1", host] {
        assert!(!recording.text.contains(&quoted(secret)), "{secret}");
    }
    for secret in [
        "-token",
        "alice-id",
        "bob-id",
        "secret text",
        "example.org",
        "127.0.0.1",
        "told-",
        "picked-",
    ] {
        assert!(!recording.text.contains(secret), "{secret}");
    }

    // What was balanced reached one of them each, and what was broadcast both.
    let heard = heard(clients, 3 * MANY + 2).await;
    let of = |start: &str| heard.iter().filter(|id| id.starts_with(start)).count();
    assert_eq!(
        (of("told-"), of("picked-"), of("sent")),
        (2 * MANY, MANY, 2)
    );
    assert_eq!(before, after);
    assert_eq!(before.len(), 3, "{before:?}");
    let last = listening(&tap, "nobody").await;
    drop(last);
    while let Some(Some(message)) = futures_util::FutureExt::now_or_never(tapped.next()) {
        let payload = String::from_utf8_lossy(&message.payload);
        assert!(
            !payload.contains("record"),
            "{}: {payload}",
            message.subject
        );
    }
}

#[tokio::test]
async fn the_plain_broker_is_recorded_too() {
    let workspace = Workspace::with().plain().start().await;
    let before = nodes(&workspace.core).await;
    let recorder = Recorder::start(&workspace.env, &[]).await;
    let mut alice = workspace.login("alice").await;
    let numbered =
        json!({"event": "watch.messages", "args": message("told-$n", json!("$n")), "count": MANY});
    workspace.core.ask("broadcast", numbered).await;
    let emitted = json!({"event": "watch.messages", "args": message("picked", json!(0))});
    workspace.core.ask("emit", emitted).await;
    recorder
        .has("messages", MANY + 1, |line| {
            line["name"] == "watch.messages"
        })
        .await;
    let after = nodes(&workspace.core).await;
    let recording = recorder.stop().await;

    let (broadcast, balanced): (Vec<_>, Vec<_>) = recording
        .of("event", "watch.messages")
        .partition(|line| line["broadcast"] == true);
    let counts: Vec<_> = broadcast
        .iter()
        .map(|line| line["data"][0]["message"]["tcount"].as_u64())
        .collect();
    assert_eq!(counts, (0..MANY as u64).map(Some).collect::<Vec<_>>());
    assert_eq!(balanced.len(), 1);
    assert_eq!(recording.of("request", "accounts.login").count(), 1);
    assert_eq!(
        (
            &recording.lines[0]["broker"],
            &recording.lines[0]["serializer"]
        ),
        (&json!("nats"), &Value::Null)
    );
    for secret in [
        "-token",
        "alice-id",
        "secret text",
        "told-",
        "picked",
        "\"alice\"",
    ] {
        assert!(!recording.text.contains(secret), "{secret}");
    }
    assert_eq!(before, after);
    alice.call("whoami", json!([])).await;
}

#[tokio::test]
async fn texts_are_kept_when_asked_for_and_nothing_else() {
    let workspace = Workspace::start().await;
    let recorder = Recorder::start(&workspace.env, &["--keep-texts"]).await;
    workspace
        .broadcast("watch.messages", message("told", json!(1)))
        .await;
    recorder
        .has("messages", 1, |line| line["name"] == "watch.messages")
        .await;
    let recording = recorder.stop().await;
    let told = recording
        .of("event", "watch.messages")
        .next()
        .expect("a message");
    assert_eq!(told["data"][0]["message"]["msg"], "the secret text");
    assert_eq!(recording.lines[0]["texts"], "kept");
    for secret in ["alice", "Alice", "told"] {
        assert!(
            !recording.text.contains(&format!("\"{secret}\"")),
            "{secret}"
        );
    }
}

#[tokio::test]
async fn every_encoding_is_read() {
    let nats = Nats::start().await;
    for serializer in ["JSON", "MsgPack", "Notepack", "CBOR", "ProtoBuf"] {
        let url = nats.url();
        // Each mesh is one of its own.
        let args = |node: &'static str| {
            [
                "--nats",
                &*url,
                "--node",
                node,
                "--serializer",
                serializer,
                "--namespace",
                serializer,
            ]
        };
        let core = Peer::start("core.js", &args("core-1")).await;
        let _other = Peer::start("core.js", &args("core-2")).await;
        let known = json!({"nodeID": "core-2", "events": ["watch.messages"]});
        core.ask("awaitNode", known).await;
        let env = [
            ("TRANSPORTER", &*url),
            ("SERIALIZER", serializer),
            ("MS_NAMESPACE", serializer),
        ];
        let env: Env = env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let recorder = Recorder::start(&env, &[]).await;
        let event = json!({"event": "watch.messages", "args": message("told", json!(7))});
        core.ask("broadcast", event).await;
        recorder
            .has("messages", 1, |line| line["name"] == "watch.messages")
            .await;
        let recording = recorder.stop().await;
        let told = recording
            .of("event", "watch.messages")
            .next()
            .expect("a message");
        let message = &told["data"][0]["message"];
        assert_eq!(
            (&message["tcount"], &told["broadcast"]),
            (&json!(7), &json!(true)),
            "{serializer}"
        );
        // Where an encoding has no dates they travel as texts.
        let date = match serializer {
            "JSON" | "ProtoBuf" => json!("2023-11-14T22:13:20.000Z"),
            _ => json!({"$date": 1_700_000_000_000_i64}),
        };
        assert_eq!(message["ts"], date, "{serializer}");
        assert!(!recording.text.contains("secret text"), "{serializer}");
        assert_eq!(recording.end()["left_out"]["unreadable"], 0, "{serializer}");
    }
}
