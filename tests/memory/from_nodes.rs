//! What comes over the mesh.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use ddp_streamer::mesh::{
    Event, LocalBus, Mesh, MeshConfig, MeshState, NodeId, SerializerKind, ServiceSpec, Transporter,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::Cost;
use super::client::{Client, text};
use super::count::Since;
use super::house::{House, until};

const SIZES: [usize; 2] = [1 << 16, 1 << 18];

const SERIALIZERS: [(&str, SerializerKind); 6] = [
    ("a packet in EJSON", SerializerKind::Ejson),
    ("a packet in JSON", SerializerKind::Json),
    ("a packet in MsgPack", SerializerKind::MsgPack),
    ("a packet in Notepack", SerializerKind::Notepack),
    ("a packet in CBOR", SerializerKind::Cbor),
    ("a packet in ProtoBuf", SerializerKind::ProtoBuf),
];

/// Values that are short on the wire and long as text, or many.
const VALUES: [&str; 4] = ["false", "{}", "1e-7", r#"{"$date":0}"#];

/// The arguments of an event, of a size.
type Form = fn(usize) -> String;

/// Events that are looked into, in their worst forms.
const EVENTS: &[(&str, &str, Form)] = &[
    (
        "a room's message of many fields",
        "watch.messages",
        |size| {
            let all = r#""":0,"#.repeat(size / 5);
            format!(r#"[{{"clientAction":"inserted","message":{{{all}"_id":"m","rid":"r"}}}}]"#)
        },
    ),
    ("a room of many fields", "watch.rooms", |size| {
        let all = r#""":0,"#.repeat(size / 5);
        format!(r#"[{{"clientAction":"updated","room":{{{all}"_id":"r","t":"c"}}}}]"#)
    }),
    ("a user's change of many fields", "watch.users", |size| {
        let all = r#""":0,"#.repeat(size / 5);
        format!(r#"[{{"id":"u","clientAction":"updated","diff":{{{all}"x":1}}}}]"#)
    }),
    ("a user's many tokens", "watch.users", |size| {
        let all = vec![r#"{"hashedToken":"h"}"#; size / 20].join(",");
        format!(
            r#"[{{"id":"u","clientAction":"updated","diff":{{"services.resume.loginTokens":[{all}]}}}}]"#
        )
    }),
    ("an event of many arguments", "watch.roles", |size| {
        format!("[{}]", vec!["0"; size / 2].join(","))
    }),
    (
        "many rooms with imported messages",
        "notify.importedMessages",
        |size| {
            format!(
                r#"[{{"roomIds":[{}]}}]"#,
                vec![r#""r""#; size / 4].join(",")
            )
        },
    ),
    ("presence of many fields", "presence.status", |size| {
        let all = r#""":0,"#.repeat(size / 5);
        format!(
            r#"[{{"user":{{{all}"_id":"w","username":"w","status":"busy"}},"previousStatus":"online"}}]"#
        )
    }),
    ("a text that is parsed", "notify.ephemeralMessage", |size| {
        format!(r#"["u","r",{{"msg":"{}"}}]"#, "*a* ".repeat(size / 32))
    }),
    ("what another node's client wrote", "stream", |size| {
        let all = vec!["0"; size / 2].join(",");
        format!(r#"[["notify-all","x",[{all}]]]"#)
    }),
];

pub async fn measure() -> Vec<Cost> {
    let mut costs = Vec::new();
    for (kind, serializer) in SERIALIZERS {
        costs.push(packets(kind, serializer).await);
    }
    let house = House::open().await;
    costs.push(nodes(&house).await);
    for (kind, event, form) in EVENTS {
        costs.push(events(&house, kind, event, *form).await);
    }
    costs
}

/// Two nodes, one of which counts the events that it hears.
struct Pair {
    bus: LocalBus,
    voice: Mesh,
    heard: Arc<AtomicUsize>,
    _ear: Mesh,
    _stop: DropGuard,
}

impl Pair {
    async fn start(serializer: SerializerKind) -> Self {
        let (bus, tracker, stop) = (
            LocalBus::new(),
            TaskTracker::new(),
            CancellationToken::new(),
        );
        // What is not sent is not measured: what is short as text may be long on the wire.
        bus.set_max_payload(64 << 20);
        let config = |id: &str| {
            let mut config =
                MeshConfig::new(NodeId::new(id).unwrap(), Transporter::Local(bus.clone()));
            config.node.serializer = serializer;
            config
        };
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = heard.clone();
        let listener = move |_: &Event<'_>| {
            counted.fetch_add(1, Relaxed);
        };
        let services = vec![ServiceSpec::new("ear").event("x")];
        let ear =
            Mesh::start(config("ear"), services, Arc::new(listener), &tracker, &stop).unwrap();
        let voice =
            Mesh::start(config("voice"), Vec::new(), Arc::new(()), &tracker, &stop).unwrap();
        for node in [&ear, &voice] {
            let mut states = node.state();
            states
                .wait_for(|state| *state == MeshState::Joined)
                .await
                .unwrap();
        }
        let pair = Self {
            bus,
            voice,
            heard,
            _ear: ear,
            _stop: stop.drop_guard(),
        };
        until(|| {
            pair.voice.broadcast("x", "[]");
            pair.heard() > 0
        })
        .await;
        pair
    }

    fn heard(&self) -> usize {
        self.heard.load(Relaxed)
    }

    /// The bytes of an event, as the node writes it.
    async fn written(&self, event: &str, args: &str) -> Bytes {
        let mut tapped = self.bus.tap();
        self.voice.broadcast(event, args);
        loop {
            let (subject, payload) = tapped.recv().await.unwrap();
            if subject == "MOL.EVENT.ear" {
                return payload;
            }
        }
    }
}

async fn packets(kind: &'static str, serializer: SerializerKind) -> Cost {
    let mut cost = Cost::of(kind);
    let pair = Pair::start(serializer).await;
    for size in SIZES {
        for value in VALUES {
            let many = match serializer {
                SerializerKind::Ejson | SerializerKind::Json => size / (value.len() + 1),
                _ => size / 4,
            };
            let args = format!("[[{}]]", vec![value; many].join(","));
            let payload = pair.written("x", &args).await;
            drop(args);
            let before = pair.heard();
            until(|| pair.heard() > before - 1).await;
            let (came, since) = (pair.heard(), Since::now());
            let bytes = payload.len();
            pair.bus.publish("MOL.EVENT.ear", payload);
            until(|| pair.heard() > came).await;
            cost.add(bytes, since.peak(), since.stays());
        }
    }
    cost
}

/// What nodes tell of themselves is kept as long as they are there.
async fn nodes(house: &House) -> Cost {
    let mut cost = Cost::of("a node, and what it offers");
    for (at, size) in SIZES.into_iter().enumerate() {
        let offered: String = (0..size / 20)
            .map(|n| format!(r#""a{n:06}":{{}},"#))
            .collect();
        let listened: String = (0..size / 40)
            .map(|n| format!(r#""e{n:06}":{{}},"#))
            .collect();
        let info = format!(
            r#"{{"services":[{{"name":"s","settings":{{}},"metadata":{{}},"actions":{{{offered}"s.done{at}":{{"name":"s.done{at}"}}}},"events":{{{listened}"x":{{"name":"x"}}}}}}],"config":{{}},"ipList":[],"hostname":"h","client":{{"type":"nodejs","version":"0.14.35","langVersion":"v22"}},"metadata":{{}},"instanceID":"i{at}","seq":1,"ver":"4","sender":"node-{at}"}}"#
        );
        let (bytes, action) = (info.len(), format!("s.done{at}"));
        let since = Since::now();
        house.bus.publish("MOL.INFO", info);
        until(|| house.mesh.offers(&action)).await;
        cost.add(bytes, since.peak(), since.stays());
    }
    cost
}

async fn events(house: &House, kind: &'static str, event: &str, form: fn(usize) -> String) -> Cost {
    let mut cost = Cost::of(kind);
    let mut client = Client::login(house.address).await;
    for (id, stream, name) in [
        ("1", "room-messages", "__my_messages__"),
        ("2", "notify-user", "u/rooms-changed"),
        ("3", "notify-user", "u/message"),
        ("4", "notify-user", "u/userData"),
        ("5", "notify-all", "last"),
    ] {
        let sub =
            format!(r#"{{"msg":"sub","id":"{id}","name":"stream-{stream}","params":["{name}"]}}"#);
        client.ask(&text(sub.as_bytes())).await;
    }
    let packet = |event: &str, data: &str| {
        format!(
            r#"{{"id":"i","event":"{event}","data":{data},"broadcast":true,"meta":{{}},"level":1,"tracing":null,"parentID":null,"requestID":"i","caller":null,"needAck":null,"ver":"4","sender":"core-1"}}"#
        )
    };
    for size in SIZES {
        let data = form(size);
        let payload = packet(event, &data);
        drop(data);
        let last = packet("stream", r#"[["notify-all","last",[1]]]"#);
        let bytes = payload.len();
        let since = Since::now();
        house.bus.publish("MOL.EVENT.streamer-1", payload);
        house.bus.publish("MOL.EVENT.streamer-1", last);
        client.say(b"", br#""eventName":"last""#).await;
        cost.add(bytes, since.peak(), since.stays());
    }
    cost
}
