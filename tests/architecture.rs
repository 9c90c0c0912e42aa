//! Who may know whom: the rooms' `use` lines against the table of ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::root;

mod circles;
mod mesh;

/// A room, and the rooms it may know.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("ejson", &[]),
    ("port", &[]),
    // What is logged, counted and traced is typed in `config`, once.
    ("telemetry", &["config", "ejson", "port"]),
    ("ddp", &["ejson"]),
    ("markup", &["ejson"]),
    ("mesh", &["config", "ejson", "telemetry"]),
    ("store", &["config", "ejson", "telemetry"]),
    ("client", &["ddp", "config", "ejson", "telemetry"]),
    ("services", &["mesh", "config", "ejson", "telemetry"]),
    (
        "streams",
        &[
            "ddp",
            "client",
            "services",
            "store",
            "mesh",
            "config",
            "ejson",
            "telemetry",
        ],
    ),
    (
        "collections",
        &[
            "streams",
            "ddp",
            "client",
            "services",
            "store",
            "mesh",
            "config",
            "ejson",
            "telemetry",
        ],
    ),
    (
        "events",
        &[
            "collections",
            "streams",
            "ddp",
            "client",
            "services",
            "store",
            "mesh",
            "markup",
            "config",
            "ejson",
            "telemetry",
        ],
    ),
    (
        "methods",
        &[
            "collections",
            "streams",
            "ddp",
            "client",
            "services",
            "store",
            "mesh",
            "config",
            "ejson",
            "telemetry",
        ],
    ),
    (
        "session",
        &["ddp", "client", "config", "ejson", "telemetry"],
    ),
    (
        "relay",
        &[
            "gateway",
            "session",
            "client",
            "ddp",
            "config",
            "ejson",
            "telemetry",
        ],
    ),
    // What `app` makes of the settings, it asks `app` for.
    (
        "check",
        &["mesh", "store", "relay", "config", "ejson", "telemetry"],
    ),
    // `app` for the same, and the sandbox's page for a replay.
    ("record", &["mesh", "config", "ejson", "telemetry"]),
    (
        "gateway",
        &[
            "session",
            "client",
            "ddp",
            "port",
            "config",
            "ejson",
            "telemetry",
        ],
    ),
    (
        "relay",
        &[
            "ddp",
            "client",
            "session",
            "gateway",
            "config",
            "ejson",
            "telemetry",
        ],
    ),
];

/// Crates that must not be met in a room: bytes in, messages out.
const NO_IO: &[(&str, &[&str])] = &[
    ("ejson", &["tokio", "hyper", "async_nats", "mongodb"]),
    ("ddp", &["tokio", "hyper", "async_nats", "mongodb"]),
    ("markup", &["tokio", "hyper", "async_nats", "mongodb"]),
    ("mesh", &["hyper", "mongodb", "tokio_tungstenite"]),
    (
        "streams",
        &["hyper", "async_nats", "mongodb", "tokio_tungstenite"],
    ),
    ("session", &["hyper", "async_nats", "mongodb"]),
];

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a room") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

/// The files below `dir` that are no tests.
fn code_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if dir.exists() {
        sources(dir, &mut files);
    }
    files.retain(|file| !file.ends_with("tests.rs") && !file.iter().any(|part| part == "tests"));
    files
}

/// The code of a file before its tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a source");
    let until_tests = text
        .split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .to_owned();
    until_tests
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn room_code(room: &str) -> String {
    code_files(&root().join("src").join(room))
        .iter()
        .map(|file| code(file))
        .collect()
}

/// `crate::<room>`, also inside `use crate::{a, b::c}`.
fn known(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let word = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    for (_, rest) in code
        .match_indices("crate::")
        .map(|(at, found)| (at, &code[at + found.len()..]))
    {
        match rest.strip_prefix('{') {
            None => {
                rooms.insert(word(rest));
            }
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (at, c) in list.char_indices() {
                    match c {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            rooms.insert(word(&list[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    rooms
}

#[test]
fn rooms_know_only_whom_they_may_know() {
    let table: BTreeMap<_, _> = MAY_KNOW.iter().copied().collect();
    let mut wrong = Vec::new();
    for (room, allowed) in &table {
        for other in known(&room_code(room)) {
            if table.contains_key(other.as_str())
                && other != *room
                && !allowed.contains(&other.as_str())
            {
                wrong.push(format!("{room} knows {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_room_is_in_the_table() {
    let declared: BTreeSet<String> = std::fs::read_to_string(root().join("src/lib.rs"))
        .expect("lib.rs")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("pub mod ")?
                .strip_suffix(';')
                .map(str::to_owned)
        })
        .collect();
    let mut listed: BTreeSet<String> = MAY_KNOW
        .iter()
        .map(|(room, _)| (*room).to_owned())
        .collect();
    // The relay is being built.
    listed.retain(|room| room != "relay" || declared.contains(room));
    // These know all the others: two join them, and `fuzz/` and `benches/` reach into each by the third.
    listed.extend(["app", "sandbox", "internals"].map(str::to_owned));
    assert_eq!(declared, listed);
}

/// The lines of a file before its tests.
fn length(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).expect("a source");
    let tests = text.find("#[cfg(test)]\nmod tests {");
    text[..tests.unwrap_or(text.len())].lines().count()
}

#[test]
fn files_are_rooms_and_not_halls() {
    let mut lengths: Vec<(usize, PathBuf)> = code_files(&root().join("src"))
        .into_iter()
        .map(|file| (length(&file), file))
        .collect();
    lengths.sort();
    let (median, _) = &lengths[lengths.len() / 2];
    assert!(*median < 150, "the median file has {median} lines");
    let halls: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > 500).collect();
    assert!(halls.is_empty(), "{halls:?}");
}

#[test]
fn rooms_without_io_have_none() {
    for (room, banned) in NO_IO {
        let code = room_code(room);
        for name in *banned {
            assert!(!code.contains(&format!("{name}::")), "{room} uses {name}");
        }
    }
}

#[test]
fn the_way_of_an_event_has_no_parsed_values() {
    for room in ["ejson", "ddp", "client", "streams", "events", "session"] {
        assert!(
            !room_code(room).contains("serde_json::Value"),
            "{room} parses whole values"
        );
    }
}

#[test]
fn metrics_are_named_in_one_place() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let counting = files.iter().filter(|file| {
        let telemetry = file.starts_with(root().join("src/telemetry"));
        let code = code(file);
        let of_the_crate = ["use metrics::", "counter!(", "gauge!(", "histogram!("];
        !telemetry && of_the_crate.iter().any(|word| code.contains(word))
    });
    let counting: Vec<_> = counting.collect();
    assert!(counting.is_empty(), "{counting:?}");
}

#[test]
fn the_benches_allocate_as_the_binary_does() {
    let allocator = |file: &str| {
        let code = std::fs::read_to_string(root().join(file)).expect(file);
        let (_, after) = code.split_once("#[global_allocator]").expect(file);
        after.trim_start().lines().next().map(str::to_owned)
    };
    assert_eq!(allocator("benches/micro/main.rs"), allocator("src/main.rs"));
}

#[test]
fn known_rooms_are_found_in_every_form_of_use() {
    let code = "use crate::mesh::Call; use crate::{ddp::{Close, frame}, store}; let x = crate::client::Client;";
    let expected: BTreeSet<String> = ["mesh", "ddp", "store", "client"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(known(code), expected);
}
