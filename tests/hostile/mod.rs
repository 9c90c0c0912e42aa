//! Named hostile inputs over every door: data (`*.ndjson`, one input a line; see README.md here), and what plays them.
//!
//! Each door is a process of the service with a witness: another client of it, which must get its event after every
//! input. What an input leads to is what the reference and the RFCs say, whole: all frames and the close code, all
//! answers and whether the connection stays.

mod clients;
mod encode;
mod language;
mod mesh;
mod mesh_plain;
mod nats;
mod own_words;
mod relay;
mod speaker;
mod starts;
mod web;
mod witness;

use std::collections::BTreeSet;

use language::inputs;

/// Each door, and how many inputs it has at least.
const DOORS: [(&str, usize); 20] = [
    ("http", 170),
    ("websocket", 120),
    ("sockjs", 45),
    ("ddp", 160),
    ("ejson", 55),
    ("login", 90),
    ("streams", 260),
    ("ports", 90),
    ("mesh", 300),
    ("mesh-msgpack", 60),
    ("mesh-cbor", 85),
    ("mesh-protobuf", 45),
    ("mesh-plain", 215),
    ("nats", 22),
    ("nats-greeting", 15),
    ("configuration", 150),
    ("certificates", 40),
    ("relay", 45),
    ("relay-greeting", 24),
    ("relay-http", 50),
];
/// All together.
const LEAST: usize = 2070;
/// What a source is: a weakness that others had, a rule, or a page of them.
const SOURCES: [&str; 10] = [
    "CVE-",
    "CWE-",
    "OWASP ",
    "RFC ",
    "reference/",
    "CBOR ",
    "MessagePack ",
    "NATS ",
    "Protocol Buffers ",
    "W3C ",
];

#[test]
fn every_input_has_a_name_of_its_own_and_a_source() {
    let mut names = BTreeSet::new();
    for (door, least) in DOORS {
        let inputs = inputs(door);
        assert!(inputs.len() >= least, "{door}: {}", inputs.len());
        for input in inputs {
            assert!(input.name.len() >= 5, "{door}: {}", input.name);
            let told = SOURCES.iter().any(|kind| input.source.starts_with(kind));
            assert!(
                told && input.source.len() >= 6,
                "{door}, {}: {}",
                input.name,
                input.source
            );
            assert!(!input.expect.is_empty(), "{door}, {}", input.name);
            assert!(
                names.insert(input.name.clone()),
                "{door}: {} twice",
                input.name
            );
        }
    }
    assert!(names.len() >= LEAST, "{}", names.len());
    let files = std::fs::read_dir(language::folder()).expect("the folder");
    let files = files.map(|file| file.expect("a file").file_name());
    let files = files.filter_map(|name| name.to_str()?.strip_suffix(".ndjson").map(str::to_owned));
    let doors = DOORS.map(|(door, _)| door.to_owned());
    assert_eq!(files.collect::<BTreeSet<_>>(), BTreeSet::from(doors));
}
