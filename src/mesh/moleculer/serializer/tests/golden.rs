//! What a real node wrote (tests/peers/serializers.js), and what it made of it.

use serde_json::Value;

use super::super::*;
use crate::config::Protocols;
use crate::mesh::moleculer::packet::Packet;

const PACKETS: &str = include_str!("packets.ndjson");

/// A packet of a real Moleculer node.
struct Golden {
    serializer: SerializerKind,
    kind: PacketKind,
    payload: Bytes,
    /// What EJSON makes of what the serializer makes of it.
    ejson: Value,
    text: String,
}

fn hex(text: &str) -> Bytes {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn packets() -> impl Iterator<Item = Golden> {
    PACKETS.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| line[name].as_str().unwrap();
        let serializer = SerializerKind::ALL
            .into_iter()
            .find(|one| one.name() == field("serializer"));
        let kind = PacketKind::ALL
            .into_iter()
            .find(|one| one.name() == field("kind"));
        Golden {
            serializer: serializer.unwrap(),
            kind: kind.unwrap(),
            payload: hex(field("hex")),
            ejson: serde_json::from_str(field("ejson")).unwrap(),
            text: field("ejson").to_owned(),
        }
    })
}

fn decoded(golden: &Golden) -> Bytes {
    golden
        .serializer
        .decode(golden.kind, golden.payload.clone())
        .unwrap_or_else(|error| panic!("{:?} {:?}: {error}", golden.serializer, golden.kind))
}

/// Compared as values of doubles: `1e21` and its digits are the same.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

fn value(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap()
}

#[test]
fn all_kinds_of_packets_are_there() {
    for serializer in SerializerKind::ALL {
        for kind in PacketKind::ALL {
            let there = packets().any(|p| p.serializer == serializer && p.kind == kind);
            assert_eq!(
                there,
                serializer != SerializerKind::Ejson,
                "{serializer:?} {kind:?}"
            );
        }
    }
}

#[test]
fn packets_are_read_as_a_node_reads_them() {
    for golden in packets() {
        let (json, mut expected) = (decoded(&golden), golden.ejson.clone());
        // The schema cannot tell no groups from an empty list.
        if expected["groups"] == Value::Array(Vec::new()) {
            expected.as_object_mut().unwrap().remove("groups");
        }
        assert!(
            same(&value(&json), &expected),
            "{:?} {:?}\n{}\n{expected}",
            golden.serializer,
            golden.kind,
            String::from_utf8_lossy(&json)
        );
        let packet = Packet::read(golden.kind, &json, Protocols::Four).unwrap();
        assert!(["core-1", "streamer.example-1"].contains(&packet.sender()));
    }
}

/// Packets that hold every kind of value: some are written in another form than a node has, and read the same.
fn holds_everything(golden: &Golden) -> bool {
    golden.text.contains("texts")
}

// contract: mesh/serializer/MsgPack, mesh/serializer/Notepack, mesh/serializer/CBOR, mesh/serializer/ProtoBuf
#[test]
fn packets_are_written_as_a_node_writes_them() {
    for golden in packets().filter(|golden| !holds_everything(golden)) {
        let json = decoded(&golden).to_vec();
        let again = golden.serializer.encode(golden.kind, json).unwrap();
        // Of answers in CBOR a node says even what they leave out: `undefined`.
        let said_otherwise =
            golden.serializer == SerializerKind::Cbor && golden.kind == PacketKind::Response;
        if !said_otherwise {
            assert_eq!(
                again, golden.payload,
                "{:?} {}",
                golden.serializer, golden.text
            );
        }
    }
}

#[test]
fn every_value_survives_both_ways() {
    for golden in packets() {
        let json = decoded(&golden);
        let again = golden
            .serializer
            .encode(golden.kind, json.to_vec())
            .unwrap();
        let back = golden.serializer.decode(golden.kind, again).unwrap();
        assert!(
            same(&value(&json), &value(&back)),
            "{:?}\n{}\n{}",
            golden.serializer,
            String::from_utf8_lossy(&json),
            String::from_utf8_lossy(&back)
        );
    }
}
