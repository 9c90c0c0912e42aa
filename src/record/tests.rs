use std::borrow::Cow;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::advance;

use super::args::Record;
use super::file::{Full, Recording};
use super::read::contents;
use super::recorder::Recorder;
use crate::config::{self, MeshSettings};
use crate::mesh::{Body, Overheard, Packet, PacketKind, RemoteError, ServiceHeard};

/// What was written, and when it was handed over.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Vec<u8>>>);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Disk {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn settings() -> MeshSettings {
    config::defaults().mesh
}

const MAX: u64 = 1 << 20;

fn asked(max_size: u64) -> Record {
    Record {
        file: None,
        lasts: None,
        max_size,
        keep_texts: false,
    }
}

fn event<'a>(name: &'a str, data: &'a RawValue) -> Overheard<'a> {
    let body = Body::Event {
        name: Cow::Borrowed(name),
        data,
        broadcast: true,
    };
    Overheard::Packet(Packet {
        sender: Cow::Borrowed("core.example.org-1"),
        target: Some("streamer.example.org-2"),
        body,
    })
}

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

#[test]
fn a_mesh_that_cannot_be_read_is_told_with_the_variable_that_would_read_it() {
    let told = |heard: &[fn() -> Overheard<'static>]| {
        let began = Notify::new();
        let file = Recording::on(Box::new(Disk::default()), MAX);
        let mut recorder = Recorder::new(file, &asked(MAX), &settings(), &began).unwrap();
        for heard in heard {
            let _goes_on = recorder.hear(heard(), &mut Vec::new());
        }
        recorder.end("signal").unwrap().0.told()
    };
    assert_eq!(
        told(&[|| Overheard::Unreadable]),
        "0 of 1 packets recorded, 1 unreadable; does SERIALIZER say what the other services have?"
    );
    assert_eq!(
        told(&[|| Overheard::OfProtocol5]),
        "0 of 1 packets recorded, 1 unreadable; the nodes speak protocol 5: set MOLECULER_PROTOCOL=5"
    );
}

#[tokio::test(start_paused = true)]
async fn a_recording_tells_what_it_is_what_was_heard_and_how_it_ended() {
    let (disk, began, mut said) = (Disk::default(), Notify::new(), Vec::new());
    let file = Recording::on(Box::new(disk.clone()), MAX);
    let mut recorder = Recorder::new(file, &asked(MAX), &settings(), &began).unwrap();
    let data = raw(&json!(["uid1"]));
    let error = RemoteError {
        name: "MeteorError".to_owned(),
        message: "alice may not [error-not-allowed]".to_owned(),
        type_: Some("secret type".to_owned()),
        ..RemoteError::default()
    };
    let packet = |body| {
        Overheard::Packet(Packet {
            sender: Cow::Borrowed("core.example.org-1"),
            target: Some("account.example.org-3"),
            body,
        })
    };
    let heard = [
        Overheard::Listening,
        event("banner.user", &data),
        Overheard::Copy,
        packet(Body::Request {
            id: "r1".into(),
            action: "accounts.login".into(),
            params: &data,
        }),
        packet(Body::Response {
            id: "r1".into(),
            result: Err(Box::new(error)),
        }),
        packet(Body::Response {
            id: "r2".into(),
            result: Ok(None),
        }),
        packet(Body::Heartbeat(Some(2.0))),
        packet(Body::Bare(PacketKind::Discover)),
        packet(Body::Info {
            client: "nodejs 0.14.35".into(),
            services: vec![ServiceHeard {
                name: "meteor".into(),
                events: vec!["license.sync".into()],
                actions: vec!["meteor.x".into()],
            }],
        }),
        Overheard::Unreadable,
        Overheard::Lost(3),
        Overheard::Away("gone".to_owned()),
        Overheard::Listening,
        Overheard::Turn,
    ];
    for heard in heard {
        assert_eq!(recorder.hear(heard, &mut said), ControlFlow::Continue(()));
        advance(Duration::from_millis(10)).await;
    }
    recorder.end("signal").unwrap();
    let lines = disk.lines();
    let uid = lines[1]["data"][0].clone();
    let call = lines[2]["id"].clone();
    assert!(
        uid.as_str().is_some_and(|id| id.len() == 17)
            && call.as_str().is_some_and(|id| id.len() == 17)
    );
    assert_eq!(
        lines[1..],
        [
            json!({"at": 10, "kind": "event", "from": "node-1", "name": "banner.user", "broadcast": true, "data": [uid]}),
            json!({"at": 30, "kind": "request", "from": "node-1", "to": "node-3", "id": call, "name": "accounts.login", "data": [uid]}),
            json!({"at": 40, "kind": "response", "from": "node-1", "to": "node-3", "id": call, "ok": false,
                "error": {"name": "MeteorError", "error": "error-not-allowed"}}),
            json!({"at": 50, "kind": "response", "from": "node-1", "to": "node-3", "id": lines[4]["id"], "ok": true}),
            json!({"at": 60, "kind": "heartbeat", "from": "node-1", "to": "node-3", "cpu": 2}),
            json!({"at": 70, "kind": "discover", "from": "node-1", "to": "node-3"}),
            json!({"at": 80, "kind": "info", "from": "node-1", "to": "node-3", "client": "nodejs 0.14.35",
                "services": [{"name": "meteor", "events": ["license.sync"], "actions": ["meteor.x"]}]}),
            json!({"at": 100, "kind": "lost", "count": 3}),
            json!({"at": 110, "kind": "away"}),
            json!({"at": 120, "kind": "back"}),
            json!({"at": 140, "kind": "end", "why": "signal", "seen": 9,
                "written": {"event": 1, "request": 1, "response": 2, "heartbeat": 1, "discover": 1, "info": 1},
                "left_out": {"copies": 1, "unreadable": 1, "no_room": 0}, "lost": 3}),
        ]
    );
    let head = &lines[0];
    assert_eq!(
        (
            &head["kind"],
            &head["format"],
            &head["broker"],
            &head["serializer"],
            &head["texts"]
        ),
        (
            &json!("recording"),
            &json!(1),
            &json!("moleculer"),
            &json!("EJSON"),
            &json!("replaced")
        )
    );
    let said = String::from_utf8(said).unwrap();
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "recording to standard output; Ctrl-C ends it",
            "NATS is away (gone); trying on",
            "NATS is back"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_file_never_grows_over_its_bound_and_has_its_end() {
    const SMALL: u64 = 16 * 1024;
    let (disk, began) = (Disk::default(), Notify::new());
    let file = Recording::on(Box::new(disk.clone()), SMALL);
    let mut recorder = Recorder::new(file, &asked(SMALL), &settings(), &began).unwrap();
    let data = raw(&json!([{"msg": "x".repeat(1000)}]));
    let mut heard = 0;
    assert!(
        recorder
            .hear(Overheard::Listening, &mut Vec::new())
            .is_continue()
    );
    while recorder
        .hear(event("watch.messages", &data), &mut Vec::new())
        .is_continue()
    {
        heard += 1;
        assert!(heard < 100);
    }
    let (counts, size) = recorder.end("size").unwrap();
    let lines = disk.lines();
    assert_eq!(size, disk.0.lock().len() as u64);
    assert!(size <= SMALL && size > SMALL / 2, "{size}");
    assert_eq!(
        (counts.seen, counts.no_room, counts.written["event"]),
        (heard + 1, 1, heard)
    );
    let end = lines.last().unwrap();
    assert_eq!(
        (&end["why"], &end["seen"], &end["left_out"]["no_room"]),
        (&json!("size"), &json!(heard + 1), &json!(1))
    );
}

#[test]
fn whole_lines_are_handed_over() {
    let disk = Disk::default();
    let mut file = Recording::on(Box::new(disk.clone()), MAX);
    let line = format!("{{\"x\":\"{}\"}}\n", "y".repeat(900));
    for _ in 0..500 {
        assert_eq!(file.push(&line).unwrap(), Ok(()));
        // What is there already is always read.
        disk.lines();
    }
    assert!(!disk.0.lock().is_empty());
    assert_eq!(file.push(&"z".repeat(1 << 20)).unwrap(), Err(Full));
    assert_eq!(file.end("{}\n").unwrap(), 500 * line.len() as u64 + 3);
    assert_eq!(disk.lines().len(), 501);
}

/// A file that goes with the test.
struct Written(PathBuf);

impl Written {
    fn new(text: &str) -> Self {
        let name = format!("ddp-streamer-recording-{}", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_file(&self.0);
    }
}

const HEAD: &str = "{\"kind\":\"recording\",\"format\":1}\n";

#[test]
fn a_sound_file_is_read_whole() {
    let text = format!(
        "{HEAD}{}\n\n{}\n{}\n",
        r#"{"at":5,"kind":"event","name":"a","broadcast":true,"data":[1]}"#,
        r#"{"at":9,"kind":"request","name":"b","data":[]}"#,
        r#"{"at":20,"kind":"end","why":"time"}"#
    );
    let file = Written::new(&text);
    let found = contents(&file.0).unwrap();
    assert_eq!(
        (
            found.events["a"],
            found.others["request"],
            found.lasts,
            found.is_ended
        ),
        (1, 1, 20, true)
    );
    let killed = Written::new(HEAD);
    assert!(!contents(&killed.0).unwrap().is_ended);
}

#[test]
fn a_line_that_is_none_of_a_recording_is_told_by_its_number() {
    let event = r#"{"at":5,"kind":"event","name":"a","broadcast":true,"data":[1]}"#;
    let rows: [(String, usize, &str); 11] = [
        (String::new(), 1, "this is no recording of ddp-streamer"),
        ("hello\n".into(), 1, "this is no recording of ddp-streamer"),
        (
            format!("{event}\n"),
            1,
            "this is no recording of ddp-streamer",
        ),
        (
            "{\"kind\":\"recording\",\"format\":2}\n".into(),
            1,
            "format 2: this ddp-streamer reads format 1",
        ),
        ("{\"kind\":\"recording\"}\n".into(), 1, "no format"),
        (
            format!("{HEAD}{event}\n{}", &event[..20]),
            3,
            "this line is cut off",
        ),
        (format!("{HEAD}{{\"kind\":\"event\"}}\n"), 2, "no time"),
        (
            format!("{HEAD}{{\"at\":1,\"kind\":\"event\",\"data\":[],\"broadcast\":true}}\n"),
            2,
            "an event without a name",
        ),
        (
            format!("{HEAD}{{\"at\":1,\"kind\":\"event\",\"name\":\"a\",\"broadcast\":true}}\n"),
            2,
            "an event without data",
        ),
        (
            format!("{HEAD}{{\"at\":1,\"kind\":\"event\",\"name\":\"a\",\"data\":[]}}\n"),
            2,
            "an event that was neither broadcast nor balanced",
        ),
        (
            format!("{HEAD}{{\"at\":1,\"kind\":\"end\"}}\n{event}\n"),
            3,
            "a line behind the last",
        ),
    ];
    for (text, line, problem) in rows {
        let file = Written::new(&text);
        let told = contents(&file.0).unwrap_err().to_string();
        assert_eq!(told, format!("{}:{line}: {problem}", file.0.display()));
    }
    let other = Written::new(&format!("{HEAD}[]\n"));
    let told = contents(&other.0).unwrap_err().to_string();
    assert!(told.contains(":2: not a line of a recording"), "{told}");
    let told = contents(Path::new("/nowhere/at/all"))
        .unwrap_err()
        .to_string();
    assert!(
        told.starts_with("/nowhere/at/all cannot be read: "),
        "{told}"
    );
}
