//! Where a recording ends, and what it bears.

use serde_json::{Value, json};

use super::Recorder;
use crate::commands::run;
use crate::support::nats::Nats;
use crate::support::process::TempDir;
use crate::support::service::Env;

fn env(nats: &Nats) -> Env {
    let env = [("TRANSPORTER", &*nats.url()), ("MS_NAMESPACE", "ws")];
    env.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// A packet as a node of Moleculer sends it.
fn packet(n: usize) -> String {
    json!({"id": "x", "event": "banner.new", "data": [{"count": n}], "broadcast": true, "meta": {}, "requestID": n.to_string(),
        "ver": "4", "sender": "core-1"})
    .to_string()
}

async fn publish(nats: &Nats, subject: &str, payload: String) {
    let client = nats.connect().await;
    client
        .publish(subject.to_owned(), payload.into())
        .await
        .expect("published");
    client.flush().await.expect("flushed");
}

fn told(line: &Value) -> bool {
    line["kind"] == "event"
}

#[tokio::test]
async fn a_recording_goes_on_when_nats_was_away_and_says_so() {
    let mut nats = Nats::start().await;
    let recorder = Recorder::start(&env(&nats), &[]).await;
    publish(&nats, "MOL-ws.EVENT.a", packet(1)).await;
    // Its copies, another mesh's, and what is no packet.
    publish(&nats, "MOL-ws.EVENT.b", packet(1)).await;
    publish(&nats, "MOL.EVENT.a", packet(2)).await;
    publish(&nats, "MOL-ws.EVENT.a", "no packet".to_owned()).await;
    publish(&nats, "MOL-ws.EVENT.a", packet(3)).await;
    recorder.has("events", 2, told).await;
    nats.kill().await;
    recorder.says("NATS is away").await;
    nats.restart().await;
    recorder.says("NATS is back").await;
    publish(&nats, "MOL-ws.EVENT.b", packet(4)).await;
    recorder.has("events", 3, told).await;
    let recording = recorder.stop().await;
    let kinds: Vec<_> = recording
        .lines
        .iter()
        .map(|line| line["kind"].as_str().expect("a kind"))
        .collect();
    assert_eq!(
        kinds,
        [
            "recording",
            "event",
            "event",
            "away",
            "back",
            "event",
            "end"
        ]
    );
    let counts: Vec<_> = recording
        .of("event", "banner.new")
        .map(|line| line["data"][0]["count"].as_u64())
        .collect();
    assert_eq!(counts, [Some(1), Some(3), Some(4)]);
    let end = recording.end();
    assert_eq!(
        (&end["seen"], &end["left_out"]),
        (
            &json!(5),
            &json!({"copies": 1, "unreadable": 1, "no_room": 0})
        )
    );
    let account = "3 of 5 packets recorded, 1 further copies of broadcasts, 1 unreadable";
    let last = format!("{} bytes: {account}", recording.text.len());
    assert_eq!(recording.said.last(), Some(&last));
}

#[tokio::test]
async fn it_ends_by_itself_before_the_file_is_too_large_or_when_it_has_lasted() {
    const SIZE: usize = 16 * 1024;
    let nats = Nats::start().await;
    let recorder = Recorder::start(&env(&nats), &["--max-size", "16KiB"]).await;
    let client = nats.connect().await;
    for n in 0..200 {
        let published = client.publish("MOL-ws.EVENT.a", packet(n).into()).await;
        published.expect("published");
    }
    client.flush().await.expect("flushed");
    let recording = recorder.ended().await;
    assert_eq!(recording.end()["why"], "size");
    assert!(
        recording.text.len() <= SIZE && recording.text.len() > SIZE / 2,
        "{}",
        recording.text.len()
    );
    // The developer's side takes it as it is.
    let (well, said) = super::replay(
        &Env::new(),
        &["--dry-run", &recording.file.display().to_string()],
    )
    .await;
    let events = recording.of("event", "banner.new").count();
    assert!(
        well && said[0].starts_with(&format!("{events} events in ")),
        "{said:?}"
    );
    assert_eq!(said[1..], [format!("  {events:>7}  banner.new")]);

    let lasted = Recorder::start(&env(&nats), &["--for", "1s"])
        .await
        .ended()
        .await;
    assert_eq!(
        (&lasted.end()["why"], lasted.lines.len()),
        (&json!("time"), 2)
    );
    let last = lasted.said.last().expect("a last word");
    assert!(last.contains("; nothing was heard: "), "{last}");
}

#[tokio::test]
async fn what_keeps_it_from_beginning_is_one_line() {
    let (mut nats, dir) = (Nats::start().await, TempDir::new("record"));
    let file = dir.path().join("x");
    let command = format!("record {}", file.display());
    std::fs::write(&file, "mine").expect("written");
    let ended = run(&command, &env(&nats)).await;
    assert_eq!((ended.code, ended.errors.len()), (Some(1), 1));
    assert!(
        ended.errors[0].contains("/x cannot be made: "),
        "{:?}",
        ended.errors
    );
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "mine");
    std::fs::remove_file(&file).expect("removed");

    let single = [(
        "DDP_SERVER_URL".to_owned(),
        "ws://127.0.0.1:1/websocket".to_owned(),
    )]
    .into();
    let ended = run(&command, &single).await;
    assert_eq!(
        (ended.code, &*ended.errors),
        (
            Some(1),
            &["DDP_SERVER_URL is set: there is no mesh to record".to_owned()][..]
        )
    );

    // Who may not listen is told so, and who may do nothing else can record.
    let rules = |deny: &str| {
        format!(
            "authorization: {{users: [{{user: u, password: p, permissions: {{{deny}: {{deny: \">\"}}}}}}]}}"
        )
    };
    let settings = dir.path().join("nats.conf");
    let mut env = env(&nats);
    let url = nats.url().replace("nats://", "nats://u:p@");
    env.insert("TRANSPORTER".into(), url);
    nats.kill().await;
    std::fs::write(&settings, rules("subscribe")).expect("written");
    nats.restart_with(&["-c", &settings.display().to_string()])
        .await;
    let ended = run(&command, &env).await;
    assert_eq!((ended.code, ended.errors.len()), (Some(1), 1));
    assert!(
        ended.errors[0].starts_with("NATS does not let this user listen: "),
        "{:?}",
        ended.errors
    );
    assert!(!file.exists());
    nats.kill().await;
    std::fs::write(&settings, rules("publish")).expect("written");
    nats.restart_with(&["-c", &settings.display().to_string()])
        .await;
    let recorder = Recorder::start(&env, &[]).await;
    assert_eq!(recorder.stop().await.end()["why"], "signal");

    nats.kill().await;
    let ended = run(&command, &env).await;
    assert_eq!((ended.code, ended.errors.len()), (Some(1), 1));
    assert!(
        ended.errors[0].starts_with("NATS is not reached: "),
        "{:?}",
        ended.errors
    );
    assert!(!file.exists());
}
