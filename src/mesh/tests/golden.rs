//! Packets of a real mesh: all can be read, and ours cannot be told from them.

use super::super::moleculer::MoleculerNode;
use super::super::moleculer::packet::{
    self, EventOut, EventPacket, InfoPacket, Outcome, Packet, RequestOut,
};
use super::super::shared::json::Writer;
use super::*;

const RECORDED: &str = include_str!("data/mesh-6.14.ndjson");

fn recorded(kind: PacketKind) -> Vec<String> {
    all()
        .into_iter()
        .filter(|(k, _)| *k == kind)
        .map(|(_, payload)| payload)
        .collect()
}

fn all() -> Vec<(PacketKind, String)> {
    let lines = RECORDED.lines().map(|line| {
        let (_, subject, payload): (String, String, String) = serde_json::from_str(line).unwrap();
        let token = subject.split('.').nth(1).unwrap().to_owned();
        let kind = PacketKind::ALL
            .into_iter()
            .find(|kind| kind.name() == token)
            .unwrap();
        (kind, payload)
    });
    lines.collect()
}

fn sender(packet: &Packet<'_>) -> NodeId {
    NodeId::new(packet.sender()).unwrap()
}

fn keys(json: &str) -> Vec<String> {
    let raw: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap();
    let mut keys: Vec<(usize, String)> = raw
        .keys()
        .map(|key| (json.find(&format!("\"{key}\":")).unwrap(), key.clone()))
        .collect();
    keys.sort();
    keys.into_iter().map(|(_, key)| key).collect()
}

// contract: mesh/serializer/EJSON
#[test]
fn every_recorded_packet_can_be_read() {
    let lines = all();
    assert_eq!(lines.len(), 203);
    for (kind, payload) in lines {
        let packet = Packet::read(kind, payload.as_bytes(), Protocols::Four).unwrap();
        assert!(packet.sender().starts_with("vm-"));
    }
}

// contract: mesh/packet/DISCOVER, mesh/packet/HEARTBEAT, mesh/packet/DISCONNECT
#[test]
fn bare_packets_and_heartbeats_are_the_same_bytes() {
    for kind in [PacketKind::Discover, PacketKind::Disconnect] {
        for payload in recorded(kind) {
            let packet = Packet::read(kind, payload.as_bytes(), Protocols::Four).unwrap();
            assert_eq!(
                String::from_utf8(packet::bare(&sender(&packet))).unwrap(),
                payload
            );
        }
    }
    for payload in recorded(PacketKind::Heartbeat) {
        let packet =
            Packet::read(PacketKind::Heartbeat, payload.as_bytes(), Protocols::Four).unwrap();
        let Packet::Heartbeat(heartbeat) = &packet else {
            unreachable!()
        };
        let written = packet::heartbeat(&sender(&packet), heartbeat.cpu.unwrap() as u8);
        assert_eq!(String::from_utf8(written).unwrap(), payload);
    }
}

// contract: mesh/packet/REQ
#[test]
fn requests_are_the_same_bytes() {
    for payload in recorded(PacketKind::Request) {
        let packet =
            Packet::read(PacketKind::Request, payload.as_bytes(), Protocols::Four).unwrap();
        let Packet::Request(request) = &packet else {
            unreachable!()
        };
        let value: Value = serde_json::from_str(&payload).unwrap();
        let written = packet::request(
            &sender(&packet),
            &RequestOut {
                id: &request.id,
                action: &request.action,
                params: request.params.unwrap().get(),
                meta: request.meta.unwrap().get(),
                timeout_ms: value["timeout"].as_i64().unwrap(),
            },
        );
        assert_eq!(String::from_utf8(written).unwrap(), payload);
    }
}

// contract: mesh/packet/RES
#[test]
fn answers_are_the_same_bytes() {
    let mut failures = 0;
    for payload in recorded(PacketKind::Response) {
        let packet =
            Packet::read(PacketKind::Response, payload.as_bytes(), Protocols::Four).unwrap();
        let Packet::Response(response) = &packet else {
            unreachable!()
        };
        let value: Value = serde_json::from_str(&payload).unwrap();
        let meta = raw(&value["meta"].to_string());
        let error = response
            .error
            .map(|error| CallError::from(RemoteError::read(Some(error))));
        failures += usize::from(error.is_some());
        let outcome = match &error {
            Some(error) => Outcome::Error(error),
            None => Outcome::Data(response.data),
        };
        let written = packet::response(&sender(&packet), &response.id, Some(&meta), &outcome);
        assert_eq!(String::from_utf8(written).unwrap(), payload);
    }
    assert_eq!(failures, 3);
}

// contract: mesh/packet/RES-error, mesh/error/code
#[test]
fn recorded_failures_give_their_codes_back() {
    let mut codes = Vec::new();
    for payload in recorded(PacketKind::Response) {
        let Packet::Response(response) =
            Packet::read(PacketKind::Response, payload.as_bytes(), Protocols::Four).unwrap()
        else {
            unreachable!()
        };
        if let Some(error) = response.error {
            codes.extend(
                RemoteError::read(Some(error))
                    .meteor()
                    .map(|error| error.code.to_string()),
            );
        }
    }
    assert!(codes.contains(&"error-not-allowed".to_owned()), "{codes:?}");
}

// contract: mesh/packet/EVENT
#[test]
fn events_have_the_same_keys() {
    for payload in recorded(PacketKind::Event) {
        let event = EventPacket::read(payload.as_bytes(), Protocols::Four).unwrap();
        let written = packet::event(
            &NodeId::new(&event.sender).unwrap(),
            &EventOut {
                id: "x",
                event: &event.event,
                args: event.data.unwrap().get(),
                groups: None,
                broadcast: event.broadcast.unwrap(),
                meta: event.meta.unwrap().get(),
            },
        );
        let written = String::from_utf8(written).unwrap();
        let value: Value = serde_json::from_str(&payload).unwrap();
        let expected = payload
            .replace(value["id"].as_str().unwrap(), "x")
            .replace(value["requestID"].as_str().unwrap(), "x");
        assert_eq!(written, expected);
    }
}

// contract: mesh/packet/EVENT-balanced
#[test]
fn a_balanced_event_names_its_groups_after_its_data() {
    let out = EventOut {
        id: "x",
        event: "e",
        args: "[]",
        groups: Some(&["streamer"]),
        broadcast: false,
        meta: "{}",
    };
    let written = String::from_utf8(packet::event(&NodeId::new("n").unwrap(), &out)).unwrap();
    assert!(written.starts_with(
        r#"{"id":"x","event":"e","data":[],"groups":["streamer"],"broadcast":false,"meta":{}"#
    ));
}

// contract: mesh/packet/INFO
#[test]
fn our_info_has_the_keys_of_theirs() {
    let net = Net::new();
    let node = MoleculerNode::new(net.config("n"), &[core()], Arc::new(())).unwrap();
    let text = String::from_utf8(node.info_packet()).unwrap();
    let ours: Value = serde_json::from_str(&text).unwrap();
    let theirs = recorded(PacketKind::Info)
        .into_iter()
        .find(|p| p.contains("\"meteor\""))
        .unwrap();
    assert_eq!(keys(&text), keys(&theirs));
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    let key_set = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
    };
    let named = |info: &Value, name: &str| {
        info["services"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["name"] == name)
            .unwrap()
            .clone()
    };
    for name in ["$node", "meteor"] {
        assert_eq!(key_set(&named(&ours, name)), key_set(&named(&theirs, name)));
    }
    assert_eq!(key_set(&ours["client"]), key_set(&theirs["client"]));
    assert_eq!(
        named(&ours, "meteor")["actions"]["meteor.echo"],
        serde_json::json!({"rawName": "echo", "name": "meteor.echo"})
    );
    assert_eq!(
        named(&ours, "meteor")["events"]["otrMessage"],
        serde_json::json!({"name": "otrMessage"})
    );
    for (action, definition) in named(&ours, "$node")["actions"].as_object().unwrap() {
        assert_eq!(
            *definition,
            named(&theirs, "$node")["actions"][action],
            "{action}"
        );
    }
}

#[test]
fn the_recorded_core_is_6() {
    let registry = super::super::shared::registry::Registry::new();
    let mut seen = false;
    for payload in recorded(PacketKind::Info) {
        let info: InfoPacket<'_> = serde_json::from_str(&payload).unwrap();
        let sender = NodeId::new(&info.sender).unwrap();
        registry.info(&sender, &info.into_node(), false);
        seen |= !registry.index().nodes_of("meteor").is_empty();
        let release = registry.core().release();
        assert_eq!(release, if seen { Release::V6 } else { Release::Unknown });
    }
    assert!(seen);
}

#[test]
fn text_is_escaped() {
    let mut out = Writer::default();
    out.open();
    out.text("a", "c\n\u{1}\"");
    out.close();
    let value: Value = serde_json::from_slice(&out.finish()).unwrap();
    assert_eq!(value["a"], "c\n\u{1}\"");
}
