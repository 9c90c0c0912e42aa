//! What is broken in any way ends at its row: nothing undocumented goes out, and the next event follows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::golden::{Case, Golden};
use super::stage::Stage;
use super::*;

/// The values that take the place of each value.
fn replacements() -> Vec<Value> {
    [
        "null",
        "true",
        "7",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        "{\"$ne\":null}",
        "[[\"x\"]]",
    ]
    .iter()
    .map(|json| serde_json::from_str(json).unwrap())
    .collect()
}

/// Every way to break one value inside of `value`: it is left out, or another takes its place (`null` among them).
fn broken(value: &Value) -> Vec<Value> {
    let mut all = replacements();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let mut without = fields.clone();
                without.remove(name);
                all.push(Value::Object(without));
                for other in broken(field) {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), other);
                    all.push(Value::Object(changed));
                }
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                let mut without = elements.clone();
                without.remove(at);
                all.push(Value::Array(without));
                for other in broken(element) {
                    let mut changed = elements.clone();
                    changed[at] = other;
                    all.push(Value::Array(changed));
                }
            }
        }
        _ => {}
    }
    all
}

/// The form of what a row says: where to, the last part of the event name, how many args.
fn form(line: &str) -> String {
    let mut parts = line.splitn(3, ' ');
    let (what, name, args) = (
        parts.next().unwrap(),
        parts.next().unwrap_or(""),
        parts.next().unwrap_or("null"),
    );
    let name = match what {
        "user" | "room" => name.split_once('/').unwrap().1,
        "all" | "logged" | "apps" | "roles" => name,
        _ => "*",
    };
    let args = serde_json::from_str::<Value>(args).unwrap_or_default();
    let count = args.as_array().map(Vec::len);
    format!("{what} {name} {count:?}")
}

/// The forms of documented frames: the message and its collection, the last part of the event name, how many args.
fn frame_form(frame: &str) -> String {
    let frame: Value = serde_json::from_str(frame).unwrap();
    let fields = &frame["fields"];
    let name = fields["eventName"].as_str().unwrap_or_default();
    let name = match frame["collection"].as_str().unwrap() {
        "stream-room-messages" | "stream-room-data" | "stream-user-presence" => "*",
        _ => name.split_once('/').map_or(name, |(_, what)| what),
    };
    let count = fields["args"].as_array().map(Vec::len);
    format!("{} {} {name} {count:?}", frame["msg"], frame["collection"])
}

/// Each event with the arguments of its packets.
fn packets() -> BTreeSet<(String, String)> {
    let mut packets = BTreeSet::new();
    for file in Golden::all() {
        // What the registry raises has no packet of its own, but arguments.
        let node = r#"[{"node":{"id":"core-1"},"unexpected":true}]"#.to_owned();
        for case in &file.cases {
            let data = case.data().unwrap_or_else(|| node.clone());
            packets.insert((file.event.clone(), data));
        }
    }
    packets
}

// contract: events/broken
#[tokio::test]
async fn no_row_says_something_undocumented() {
    let packets = packets();
    let cores = [
        (Release::V6, Listed::None),
        (Release::V6, Listed::All),
        (Release::V8, Listed::All),
    ];
    for (release, listing) in cores {
        let bench = Bench::new(Recorder {
            release,
            listing,
            ..Recorder::default()
        });
        // What whole packets become is documented: the golden test holds it to the files.
        let mut forms: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (event, data) in &packets {
            let whole = bench.event(event, data).await;
            let forms = forms.entry(event).or_default();
            forms.extend(whole.iter().map(|line| form(line)));
        }
        for (event, data) in &packets {
            for data in broken(&serde_json::from_str(data).unwrap()) {
                for line in bench.event(event, &data.to_string()).await {
                    // The old name of `videoconf` is the call's id.
                    let documented =
                        forms[event].contains(&form(&line)) || event == "room.video-conference";
                    assert!(documented, "{event} {data} became {line}");
                    assert!(
                        !line.contains("/undefined") && !line.contains(" /"),
                        "{event} {data} became {line}"
                    );
                }
            }
            let next = bench.event("license.sync", "[]").await;
            assert_eq!(next, ["all license []"], "after {event}");
        }
    }
}

/// The whole way, envelope and all: clients hear what is documented, and then the next event.
// contract: events/broken, mesh/packet/malformed
#[tokio::test(start_paused = true)]
async fn no_broken_packet_reaches_a_client_as_something_undocumented() {
    let next = r#"{"msg":"changed","collection":"stream-notify-all","id":"id","fields":{"eventName":"license","args":[]}}"#;
    for file in &Golden::all() {
        let whole = file.cases.iter().flat_map(Case::raw);
        let forms: BTreeSet<_> = whole.map(frame_form).collect();
        let mut names = file.names();
        names.insert(("notify-all".to_owned(), "license".to_owned()));
        for (at, case) in file.cases.iter().enumerate() {
            let core = case.cores.last().unwrap();
            let stage = async || {
                let stage = Stage::start(core).await;
                stage.listen(&names).await;
                stage
            };
            let mut on = stage().await;
            let whole: Value = serde_json::from_str(case.packet.get()).unwrap();
            // One packet of each event with its envelope, the others' arguments.
            let packets = match case.data() {
                Some(_) if at > 0 => broken(&whole["data"])
                    .into_iter()
                    .map(|data| {
                        let mut packet = whole.clone();
                        packet["data"] = data;
                        packet
                    })
                    .collect(),
                _ => broken(&whole),
            };
            for packet in packets {
                let packet = packet.to_string();
                on.play(&case.subject, &packet).await;
                let heard = on.raw.hears();
                for frame in &heard {
                    // What another node relays has the args of its stream, whatever they are.
                    let documented = forms.contains(&frame_form(frame)) || file.event == "stream";
                    assert!(documented, "{packet} became {frame}");
                }
                // A session that was thrown out hears nothing more, as it should.
                if on.raw.closing().is_some() || on.sockjs.closing().is_some() {
                    on = stage().await;
                }
                on.broadcast("license.sync", "[]").await;
                assert_eq!(on.raw.hears(), [next], "after {packet}");
            }
        }
    }
}

#[tokio::test]
async fn values_of_a_known_form_are_held_to_it() {
    let bench = Bench::new(Recorder::default());
    for (event, data) in [
        ("watch.messages", r#"[{"message":{"rid":7}}]"#),
        ("watch.messages", r#"[{"message":{"rid":{"$ne":null}}}]"#),
        ("watch.messages", r#"[{"message":"{\"rid\":\"r\"}"}]"#),
        ("watch.messages", r#"{"message":{"rid":"r"}}"#),
        (
            "watch.subscriptions",
            r#"[{"clientAction":7,"subscription":{"u":{"_id":"u"}}}]"#,
        ),
        (
            "watch.subscriptions",
            r#"[{"clientAction":"inserted","subscription":{"u":"u"}}]"#,
        ),
        (
            "watch.rooms",
            r#"[{"clientAction":"updated","room":{"_id":null}}]"#,
        ),
        (
            "presence.status",
            r#"[{"user":{"_id":"u","username":"n","status":""}}]"#,
        ),
        (
            "presence.status",
            r#"[{"user":{"_id":"u","username":"n"}}]"#,
        ),
        (
            "presence.status",
            r#"[{"user":{"_id":"u","status":"online"}}]"#,
        ),
        (
            "presence.status",
            r#"[{"user":{"_id":"u","username":"n","status":"online","statusText":7}}]"#,
        ),
        ("user.forceLogout", r#"[{"$ne":null}]"#),
        ("user.forceLogout", r#"["u",{"$ne":null}]"#),
        (
            "user.activity",
            r#"[{"user":"un","isTyping":"yes","roomId":"r"}]"#,
        ),
        (
            "user.avatarUpdate",
            r#"[{"username":"un","avatarETag":{}}]"#,
        ),
        ("apps.added", r#"[7]"#),
        ("banner.new", r#"[["b"]]"#),
    ] {
        assert_eq!(
            bench.event(event, data).await,
            [] as [&str; 0],
            "{event} {data}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_json_is_translated_or_ignored(at in 0..70_usize, text in ".*") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new(Recorder::default());
            let name = Events::names().nth(at).unwrap_or("watch.users");
            let quoted = ejson::quoted(&text);
            bench.event(name, &format!("[{quoted},{quoted},{{{quoted}:{quoted}}}]")).await;
            bench.event(name, &format!("[{{{quoted}:{{}}}},{quoted}]")).await;
        });
    }
}
