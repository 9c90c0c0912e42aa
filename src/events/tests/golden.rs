//! The golden files (`tests/golden/events/`, one an event): what the mesh sends, and what clients must see of it.
//!
//! They are the source of truth of all tests here. A case names the cores on which it holds, the packet as Moleculer
//! sends it, the frames of a raw client and of a SockJS client, byte for byte, and (`also`) what else the house is told.
//! `README.md` beside them says who listens, and on what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::stage::Stage;
use super::*;

/// The cores that the cases name.
pub(super) const CORES: [&str; 4] = ["6.x", "7.x", "8.x", "9.x"];

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Golden {
    pub(super) event: String,
    pub(super) cases: Vec<Case>,
}

/// One packet, and what becomes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) about: String,
    pub(super) cores: Vec<String>,
    /// Packets that were there before.
    #[serde(default)]
    pub(super) before: Vec<Earlier>,
    #[serde(default = "own_events")]
    pub(super) subject: String,
    pub(super) packet: Box<RawValue>,
    #[serde(default)]
    also: Vec<String>,
    raw: Vec<Box<RawValue>>,
    sockjs: Vec<String>,
}

/// A packet that comes before that of the case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Earlier {
    pub(super) subject: String,
    pub(super) packet: Box<RawValue>,
}

fn own_events() -> String {
    "MOL.EVENT.streamer-1".to_owned()
}

impl Golden {
    /// All files, by event.
    pub(super) fn all() -> Vec<Self> {
        let mut files: Vec<_> = folder()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .collect();
        files.sort();
        let read = |path: PathBuf| -> Self {
            let text = std::fs::read_to_string(&path).unwrap();
            let file: Self = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let named = format!("{}.json", file.event);
            assert_eq!(path.file_name().unwrap(), &*named);
            file
        };
        files.into_iter().map(read).collect()
    }

    /// The streams and event names of its frames.
    pub(super) fn names(&self) -> BTreeSet<(String, String)> {
        #[derive(Deserialize)]
        struct Frame {
            collection: String,
            fields: Option<Fields>,
        }
        #[derive(Deserialize)]
        struct Fields {
            #[serde(rename = "eventName")]
            event_name: Option<String>,
        }
        let frames = self.cases.iter().flat_map(|case| &case.raw);
        frames
            .filter_map(|frame| {
                let frame: Frame = serde_json::from_str(frame.get()).unwrap();
                let stream = frame.collection.strip_prefix("stream-")?.to_owned();
                Some((stream, frame.fields?.event_name?))
            })
            .collect()
    }
}

impl Case {
    /// The arguments of its event; `None` where the packet is no event.
    pub(super) fn data(&self) -> Option<String> {
        let packet = ejson::RawObject::of(&self.packet).unwrap();
        packet.get("data").map(|data| data.get().to_owned())
    }

    /// Its frames for a raw client.
    pub(super) fn raw(&self) -> impl Iterator<Item = &str> {
        self.raw.iter().map(|frame| frame.get())
    }
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "events"]
        .iter()
        .collect()
}

/// What an event becomes, in the words of the files.
#[derive(Debug, PartialEq)]
struct Outcome {
    also: Vec<String>,
    raw: Vec<String>,
    sockjs: Vec<String>,
}

#[test]
fn there_is_a_file_for_each_event_and_none_besides() {
    let files: BTreeSet<_> = Golden::all().into_iter().map(|file| file.event).collect();
    let table: BTreeSet<_> = Events::names().map(str::to_owned).collect();
    assert_eq!(files, table);
}

#[test]
fn every_file_has_cases_for_every_core() {
    for file in Golden::all() {
        let mut named: BTreeMap<_, usize> = BTreeMap::new();
        for core in file.cases.iter().flat_map(|case| &case.cores) {
            *named.entry(&**core).or_default() += 1;
        }
        assert!(named.keys().eq(&CORES), "{}: {named:?}", file.event);
    }
}

// contract: events/not-relayed, events/settings/enterprise, events/omnichannel/releases, events/ephemeral/form
// contract: events/ephemeral/md, streams/visibility/invalidate
#[tokio::test(start_paused = true)]
async fn every_packet_becomes_its_frames() {
    for file in Golden::all() {
        for case in &file.cases {
            for core in &case.cores {
                let stage = Stage::start(core).await;
                stage.listen(&file.names()).await;
                for earlier in &case.before {
                    stage.play(&earlier.subject, earlier.packet.get()).await;
                }
                stage.forget();
                let mut published = stage.bus.tap();
                stage.play(&case.subject, case.packet.get()).await;
                let label = format!("{} on {core}: {}", file.event, case.about);
                while let Ok((subject, _)) = published.try_recv() {
                    let relayed = subject.starts_with("MOL.EVENT") && subject != case.subject;
                    assert!(!relayed, "nothing of it is told to the mesh again: {label}");
                }
                let mut expected = Outcome {
                    also: case.also.clone(),
                    raw: case.raw().map(str::to_owned).collect(),
                    sockjs: case.sockjs.clone(),
                };
                let mut found = Outcome {
                    also: stage.also(),
                    raw: stage.raw.hears(),
                    sockjs: stage.sockjs.hears(),
                };
                // Several look-ups of one event have no order among them.
                expected.also.sort();
                found.also.sort();
                assert_eq!(found, expected, "{label}");
            }
        }
    }
}
