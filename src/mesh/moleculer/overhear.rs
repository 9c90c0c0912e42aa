//! Packets of others, read by somebody who is no node.

use std::hash::BuildHasher;

use async_nats::Message;
use foldhash::fast::FixedState;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::copies::Copies;
use super::packet::{
    EventPacket, InfoPacket, PROTOCOL_5, Packet as Read, ReadError, ResponsePacket,
};
use super::subject::Subjects;
use crate::config::NodeSettings;
use crate::mesh::overheard::{Body, Overheard, Packet, ServiceHeard};
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::remote_error::RemoteError;
use crate::mesh::shared::json::present;

/// What nodes with `disableBalancer` send to NATS's queue groups.
const BALANCED_EVENT: &str = "EVENTB";
const BALANCED_REQUEST: &str = "REQB";

/// Reads what comes on the subjects of one namespace.
pub(crate) struct Reader<'c> {
    settings: &'c NodeSettings,
    prefix: String,
    copies: Copies,
    hash: FixedState,
}

/// What tells two events apart that are the same otherwise: that of the call they came from.
#[derive(Deserialize)]
struct Cause<'a> {
    #[serde(borrow, rename = "requestID", default, deserialize_with = "present")]
    request: Option<&'a RawValue>,
}

impl<'c> Reader<'c> {
    pub(crate) fn new(settings: &'c NodeSettings) -> Self {
        let subjects = Subjects::new(&settings.namespace);
        Self {
            settings,
            prefix: format!("{}.", subjects.prefix()),
            copies: Copies::default(),
            hash: FixedState::default(),
        }
    }

    /// Everything of the namespace, in one subscription: NATS keeps the order within one only.
    pub(crate) fn subjects(&self) -> Vec<String> {
        vec![format!("{}>", self.prefix)]
    }

    /// Reads a message and tells of it.
    pub(crate) fn read<T>(&mut self, message: Message, tell: impl FnOnce(Overheard<'_>) -> T) -> T {
        let Message {
            subject, payload, ..
        } = message;
        let rest = subject.strip_prefix(&self.prefix).unwrap_or_default();
        let (name, target) = match rest.split_once('.') {
            Some((name, target)) => (name, Some(target)),
            None => (rest, None),
        };
        let kind = match name {
            BALANCED_EVENT => Some(PacketKind::Event),
            BALANCED_REQUEST => Some(PacketKind::Request),
            _ => PacketKind::ALL.into_iter().find(|kind| kind.name() == name),
        };
        let Some(kind) = kind else {
            return tell(Overheard::Unreadable);
        };
        let Ok(json) = self.settings.serializer.decode(kind, payload) else {
            return tell(Overheard::Unreadable);
        };
        let packet = match Read::read(kind, &json, self.settings.protocols) {
            Ok(packet) => packet,
            Err(ReadError::Version(version)) if version == PROTOCOL_5 => {
                return tell(Overheard::OfProtocol5);
            }
            Err(_) => return tell(Overheard::Unreadable),
        };
        if let Read::Event(event) = &packet
            && self.is_copy(&json, event, target.unwrap_or_default())
        {
            return tell(Overheard::Copy);
        }
        let is_group = matches!(name, BALANCED_EVENT | BALANCED_REQUEST);
        let packet = told(kind, packet, target.filter(|_| !is_group));
        tell(Overheard::Packet(packet))
    }

    fn is_copy(&mut self, json: &[u8], event: &EventPacket<'_>, target: &str) -> bool {
        let cause = serde_json::from_slice::<Cause<'_>>(json);
        let cause = cause.ok().and_then(|cause| cause.request);
        let broadcast = event.broadcast.unwrap_or(false);
        let all = (
            &*event.sender,
            &*event.event,
            broadcast,
            event.data.map(RawValue::get),
            cause.map(RawValue::get),
        );
        // A balanced one goes to a node of each group, another each time.
        let groups = event.groups.as_deref().unwrap_or_default();
        let lane = match groups.first() {
            Some(group) if !broadcast => group,
            _ => target,
        };
        let (all, lane) = (self.hash.hash_one(all), self.hash.hash_one(lane));
        !self.copies.is_first(all, lane)
    }
}

fn told<'a>(kind: PacketKind, packet: Read<'a>, target: Option<&'a str>) -> Packet<'a> {
    let nothing = RawValue::NULL;
    let (sender, body) = match packet {
        Read::Event(event) => (
            event.sender,
            Body::Event {
                name: event.event,
                data: event.data.unwrap_or(nothing),
                broadcast: event.broadcast.unwrap_or(false),
            },
        ),
        Read::Request(request) => (
            request.sender,
            Body::Request {
                id: request.id,
                action: request.action,
                params: request.params.unwrap_or(nothing),
            },
        ),
        Read::Response(response) => response_body(response),
        Read::Info(info) => (info.sender.clone(), info_body(info)),
        Read::Heartbeat(beat) => (beat.sender, Body::Heartbeat(beat.cpu)),
        Read::Discover(bare) | Read::Disconnect(bare) => (bare.sender, Body::Bare(kind)),
        Read::Ping(ping) => (ping.sender, Body::Bare(kind)),
        Read::Pong(pong) => (pong.sender, Body::Bare(kind)),
    };
    Packet {
        sender,
        target,
        body,
    }
}

fn response_body(response: ResponsePacket<'_>) -> (std::borrow::Cow<'_, str>, Body<'_>) {
    let result = match response.success {
        true => Ok(response.data),
        false => Err(Box::new(RemoteError::read(response.error))),
    };
    let id = response.id;
    (response.sender, Body::Response { id, result })
}

fn info_body(info: InfoPacket<'_>) -> Body<'_> {
    let services = info.services.iter().map(|service| ServiceHeard {
        name: service.full_name(),
        events: service
            .events
            .iter()
            .flatten()
            .map(|(name, _)| name.clone().into_owned())
            .collect(),
        actions: service
            .actions
            .iter()
            .flatten()
            .map(|(name, _)| name.clone().into_owned())
            .collect(),
    });
    let services = services.collect();
    let client = [info.client.type_, info.client.version];
    let client: Vec<_> = client.into_iter().flatten().collect();
    Body::Info {
        client: client.join(" "),
        services,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn message(subject: &str, payload: &str) -> Message {
        Message {
            subject: subject.into(),
            reply: None,
            payload: payload.to_owned().into(),
            headers: None,
            status: None,
            description: None,
            length: payload.len(),
        }
    }

    /// What each message is taken for: `event core-1>streamer-1`, and so on.
    fn told(reader: &mut Reader<'_>, subject: &str, payload: &str) -> String {
        reader.read(message(subject, payload), |heard| match heard {
            Overheard::Packet(packet) => {
                let what = match &packet.body {
                    Body::Event { name, .. } => name.clone().into_owned(),
                    Body::Request { action, .. } => action.clone().into_owned(),
                    Body::Response { result, .. } => format!("answer {}", result.is_ok()),
                    Body::Info { services, .. } => format!("info of {}", services.len()),
                    Body::Heartbeat(_) => "heartbeat".to_owned(),
                    Body::Bare(kind) => kind.name().to_owned(),
                };
                format!("{what} {}>{}", packet.sender, packet.target.unwrap_or("*"))
            }
            Overheard::Copy => "copy".to_owned(),
            other => format!("{other:?}"),
        })
    }

    /// Of its 61 events 24 are 12 that went to two nodes each.
    #[tokio::test(start_paused = true)]
    async fn every_packet_of_real_nodes_is_read_and_each_broadcast_once() {
        const RECORDED: &str = include_str!("../tests/data/mesh-6.14.ndjson");
        let settings = NodeSettings::default();
        let mut reader = Reader::new(&settings);
        let mut found = BTreeMap::<_, usize>::new();
        for line in RECORDED.lines() {
            let (_, subject, payload): (String, String, String) =
                serde_json::from_str(line).unwrap();
            let kind = subject.split('.').nth(1).unwrap().to_owned();
            let told = told(&mut reader, &subject, &payload);
            let what = if told == "copy" { "copy" } else { "packet" };
            assert_ne!(told, "Unreadable", "{line}");
            *found.entry((kind, what)).or_default() += 1;
        }
        let of = |kind: &str, what| found.get(&(kind.to_owned(), what)).copied();
        assert_eq!(
            (of("EVENT", "packet"), of("EVENT", "copy")),
            (Some(49), Some(12))
        );
        for (kind, count) in [("REQ", 50), ("RES", 50), ("INFO", 21), ("HEARTBEAT", 9)] {
            assert_eq!((of(kind, "packet"), of(kind, "copy")), (Some(count), None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_balanced_goes_to_each_group_once_and_each_time_counts() {
        let settings = NodeSettings {
            namespace: "ws".to_owned(),
            ..NodeSettings::default()
        };
        let mut reader = Reader::new(&settings);
        let event = |group: &str| {
            format!(
                r#"{{"id":"x","event":"a.b","data":[1],"groups":["{group}"],"broadcast":false,"ver":"4","sender":"core-1"}}"#
            )
        };
        let (one, two) = (event("one"), event("two"));
        let call = r#"{"id":"x","action":"a.b","params":[],"ver":"4","sender":"core-1"}"#;
        let old = r#"{"cpu":1,"ver":"3","sender":"core-1"}"#;
        let newer = r#"{"cpu":1,"ver":"5","sender":"core-1"}"#;
        for (subject, payload, expected) in [
            // Two groups, and another node of the first the next time.
            ("MOL-ws.EVENT.n.1", &*one, "a.b core-1>n.1"),
            ("MOL-ws.EVENT.n.2", &*two, "copy"),
            ("MOL-ws.EVENT.n.3", &*one, "a.b core-1>n.3"),
            ("MOL-ws.EVENT.n.2", &*two, "copy"),
            // To queue groups of NATS, which are no nodes.
            ("MOL-ws.EVENTB.one.a.b", &*one, "a.b core-1>*"),
            ("MOL-ws.EVENTB.two.a.b", &*two, "copy"),
            ("MOL-ws.REQB.a.b", call, "a.b core-1>*"),
            ("MOL-ws.REQ.n.1", call, "a.b core-1>n.1"),
            ("MOL-ws.HEARTBEAT", old, "Unreadable"),
            ("MOL-ws.HEARTBEAT", newer, "OfProtocol5"),
            ("MOL-ws.HEARTBEAT", "{", "Unreadable"),
            ("MOL-ws.SOMETHING", call, "Unreadable"),
        ] {
            assert_eq!(told(&mut reader, subject, payload), expected, "{subject}");
        }
        assert_eq!(reader.subjects(), ["MOL-ws.>"]);
    }
}
