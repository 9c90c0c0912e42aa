//! What comes from the mesh: packets on every subject that a node listens to, in every encoding.
//!
//! A stranger on the same NATS sends them, one after the other. After each it asks for a round trip: whatever the node
//! said to the stranger until then came of the input. Then the witness hears its event, and what the node counted as
//! dropped is looked at.

use async_nats::{Client as NatsClient, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::encode;
use super::language::{Input, bytes, inputs, same};
use super::own_words;
use super::witness::Witness;
use crate::support::nats::listening;
use crate::support::{DEADLINE, Workspace, free_port};

/// The door of all encodings.
const ALL: &str = "mesh";
const NODE: &str = "streamer-1";
/// What a node listens to, as reference/mesh.md has it: kinds with its own name, kinds without, and queue groups.
const OWN: [&str; 7] = ["EVENT", "REQ", "RES", "PONG", "DISCOVER", "INFO", "PING"];
const PLAIN: [&str; 5] = ["DISCOVER", "INFO", "HEARTBEAT", "DISCONNECT", "PING"];
const QUEUES: [&str; 2] = ["REQB.$node.list", "EVENTB.streamer.watch.messages"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// EJSON and JSON: the text of the packet.
    Text,
    /// MsgPack and Notepack.
    MsgPack,
    Cbor,
    ProtoBuf,
}

impl Encoding {
    fn of(serializer: &str) -> Self {
        match serializer {
            "EJSON" | "JSON" => Self::Text,
            "MsgPack" | "Notepack" => Self::MsgPack,
            "CBOR" => Self::Cbor,
            _ => Self::ProtoBuf,
        }
    }

    fn packet(self, packet: &Value) -> Vec<u8> {
        match self {
            Self::Text => packet.to_string().into_bytes(),
            Self::MsgPack => encode::msgpack(packet),
            Self::Cbor => encode::cbor(packet),
            // Of PING: ver, sender, time, id.
            Self::ProtoBuf => encode::protobuf(&[
                json!([1, packet["ver"]]),
                json!([2, packet["sender"]]),
                json!([3, packet["time"]]),
                json!([4, packet["id"]]),
            ]),
        }
    }

    /// What an input of a door sends: `{"packet": …}` in this encoding, or bytes as they are, which in the door of all
    /// encodings are text. `None` where it is an input of another one.
    fn payload(self, door: &str, input: &Input) -> Option<Vec<u8>> {
        match input.send.get("packet") {
            Some(packet) => Some(self.packet(packet)),
            None if door == ALL && self != Self::Text => None,
            None => Some(bytes(&input.send)),
        }
    }
}

struct Stranger {
    workspace: Workspace,
    witness: Witness,
    nats: NatsClient,
    told: Subscriber,
    status: u16,
    dropped: [(&'static str, u64); 2],
    encoding: Encoding,
}

impl Stranger {
    async fn comes(serializer: &str) -> Self {
        let status = free_port();
        let workspace = Workspace::with()
            .env("NODE_ID", NODE)
            .env("SERIALIZER", serializer)
            .core("--serializer", serializer)
            .env("ADMIN_PORT", &status.to_string())
            .start()
            .await;
        let nats = workspace.nats.connect().await;
        Self {
            told: listening(&nats, "MOL.*.stranger").await,
            witness: Witness::of(&workspace).await,
            workspace,
            nats,
            status,
            encoding: Encoding::of(serializer),
            dropped: [("malformed", 0), ("version", 0)],
        }
    }

    async fn publish(&self, subject: &str, payload: Vec<u8>) {
        let sent = self
            .nats
            .publish(format!("MOL.{subject}"), payload.into())
            .await;
        sent.expect("published");
    }

    /// How many packets were dropped so far, for each reason.
    async fn dropped(&self) -> [(&'static str, u64); 2] {
        let figures = own_words::status(self.status).await;
        let count = |field: &str| figures["mesh"][field].as_u64().expect("a number");
        [
            ("malformed", count("malformedPackets")),
            ("version", count("packetsOfOtherProtocols")),
        ]
    }

    /// What the node tells the stranger until it has told `least` and answered a round trip that begins now.
    async fn told(&mut self, name: &str, least: usize) -> Vec<(String, Bytes)> {
        let mark = json!({"ver": "4", "sender": "stranger", "time": 1, "id": "the-mark"});
        self.publish(&format!("PING.{NODE}"), self.encoding.packet(&mark))
            .await;
        let (mut all, mut marked) = (Vec::new(), false);
        while !marked || all.len() < least {
            let next = timeout(DEADLINE, self.told.next()).await;
            let next = next.unwrap_or_else(|_| panic!("{name}: told only {all:?}, {marked}"));
            let next = next.expect("a connection");
            let holds = |text: &[u8]| next.payload.windows(text.len()).any(|part| part == text);
            if holds(b"the-mark") {
                marked = true;
            } else if holds(NODE.as_bytes()) {
                // The core may answer the stranger as well.
                let subject = next.subject.trim_start_matches("MOL.");
                all.push((subject.to_owned(), next.payload));
            }
        }
        all
    }

    async fn play(&mut self, input: &Input, payload: Vec<u8>) {
        let name = &*input.name;
        let (end, expected) = input.expect.split_last().expect("what is expected");
        let subjects: Vec<String> = match input.at.as_deref().expect("a subject") {
            "every" => every().collect(),
            // What others need not see.
            "own" => every().filter(|one| !PLAIN.contains(&&**one)).collect(),
            one => vec![one.to_owned()],
        };
        for subject in &subjects {
            self.publish(subject, payload.clone()).await;
        }
        let told = self.told(name, expected.len()).await;
        assert_eq!(told.len(), expected.len(), "{name}: {told:?}");
        for (expected, (subject, payload)) in expected.iter().zip(told) {
            self.is_told(name, expected, &subject, &payload);
        }
        self.witness.hears_after(&self.workspace, name).await;
        let counted = match end.as_str() {
            Some("nothing") => None,
            Some(reason @ ("malformed" | "version")) => Some(reason),
            _ => panic!("{name}: {end}"),
        };
        let count = |(reason, count): (&'static str, u64)| {
            let more = if Some(reason) == counted {
                subjects.len()
            } else {
                0
            };
            (reason, count + more as u64)
        };
        let expected = self.dropped.map(count);
        self.dropped = self.dropped().await;
        assert_eq!(self.dropped, expected, "{name}");
    }

    /// `{"PONG.stranger": <packet>}`: the subject in every encoding, the packet where it is text.
    fn is_told(&self, name: &str, expected: &Value, subject: &str, payload: &[u8]) {
        let expected = expected.as_object().and_then(|one| one.iter().next());
        let (on, packet) = expected.unwrap_or_else(|| panic!("{name}: a subject and a packet"));
        assert_eq!(subject, on, "{name}: {}", String::from_utf8_lossy(payload));
        if self.encoding == Encoding::Text {
            let came: Value = serde_json::from_slice(payload).expect("JSON");
            assert!(same(packet, &came), "{name}: {came}, not {packet}");
        }
    }
}

/// All subjects.
fn every() -> impl Iterator<Item = String> {
    let own = OWN.map(|kind| format!("{kind}.{NODE}"));
    let others = PLAIN
        .iter()
        .chain(&QUEUES)
        .map(|subject| (*subject).to_owned());
    own.into_iter().chain(others)
}

async fn the_mesh_of(serializer: &str, doors: &[&str]) {
    let mut stranger = Stranger::comes(serializer).await;
    let mut played = 0;
    for door in doors {
        for input in inputs(door) {
            if let Some(payload) = stranger.encoding.payload(door, &input) {
                stranger.play(&input, payload).await;
                played += 1;
            }
        }
    }
    assert!(played > 10, "{played}");
    own_words::assert_whole(&stranger.workspace, serializer, &[]);
    stranger.witness.heard_no_more().await;
}

// contract: mesh/packet/malformed, mesh/foreign-version, mesh/own-packets, mesh/called/unknown-action
#[tokio::test]
async fn whatever_comes_from_the_mesh_in_ejson() {
    the_mesh_of("EJSON", &[ALL]).await;
}

// contract: mesh/packet/malformed
#[tokio::test]
async fn whatever_comes_from_the_mesh_in_json() {
    the_mesh_of("JSON", &[ALL]).await;
}

// contract: mesh/packet/malformed
#[tokio::test]
async fn whatever_comes_from_the_mesh_in_msgpack() {
    the_mesh_of("MsgPack", &["mesh-msgpack", ALL]).await;
}

// contract: mesh/packet/malformed
#[tokio::test]
async fn whatever_comes_from_the_mesh_in_notepack() {
    the_mesh_of("Notepack", &["mesh-msgpack", ALL]).await;
}

// contract: mesh/packet/malformed
#[tokio::test]
async fn whatever_comes_from_the_mesh_in_cbor() {
    the_mesh_of("CBOR", &["mesh-cbor", ALL]).await;
}

// contract: mesh/packet/malformed
#[tokio::test]
async fn whatever_comes_from_the_mesh_in_protobuf() {
    the_mesh_of("ProtoBuf", &["mesh-protobuf"]).await;
}
