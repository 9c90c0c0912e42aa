//! What is broken in any way ends at its row: nothing undocumented goes out, and the next event follows.

use serde_json::Value;

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

/// Every way to break one value inside of `value`: it is left out, or another takes its place.
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

/// The forms of a line: its stream, the last part of its event name, how many args, and what kind of value each is.
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
    let kinds = args.as_array().map(|args| args.len());
    format!("{what} {name} {kinds:?}")
}

#[tokio::test]
async fn no_broken_event_becomes_something_undocumented() {
    let forms: std::collections::HashSet<String> = samples::ALL
        .iter()
        .flat_map(|sample| sample.becomes.iter().map(|line| form(line)))
        .collect();
    for release in [Release::V6, Release::V8] {
        let bench = Bench::new(Recorder {
            release,
            ..Recorder::default()
        });
        for sample in samples::ALL {
            let whole: Value = serde_json::from_str(sample.data).unwrap();
            for data in broken(&whole) {
                for line in bench.event(sample.event, &data.to_string()).await {
                    // The old name of `videoconf` is the call's id.
                    let documented =
                        forms.contains(&form(&line)) || sample.event == "room.video-conference";
                    assert!(documented, "{} {data} became {line}", sample.event);
                    assert!(
                        !line.contains("/undefined") && !line.contains(" /"),
                        "{} {data} became {line}",
                        sample.event
                    );
                }
            }
            let next = bench.event("license.sync", "[]").await;
            assert_eq!(next, ["all license []"], "after {}", sample.event);
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
            r#"[{"user":{"_id":"u","username":"n","status":"sleepy"}}]"#,
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
