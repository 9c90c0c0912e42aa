//! Whatever comes on whatever subject costs its packet and nothing else.

use proptest::prelude::*;

use super::super::moleculer::packet::Packet;
use super::*;

fn subjects() -> Vec<String> {
    let plain =
        ["DISCOVER", "INFO", "PING", "DISCONNECT", "HEARTBEAT"].map(|kind| format!("MOL.{kind}"));
    let own = ["EVENT", "REQ", "RES", "DISCOVER", "INFO", "PING", "PONG"]
        .map(|kind| format!("MOL.{kind}.streamer-1"));
    plain.into_iter().chain(own).collect()
}

fn payloads() -> Vec<Vec<u8>> {
    let deep = "[".repeat(10_000);
    let texts = [
        "",
        " ",
        "null",
        "7",
        "\"x\"",
        "[]",
        "{}",
        "{",
        "\u{feff}{}",
        "{\"ver\":\"4\"}",
        r#"{"sender":"x"}"#,
        r#"{"ver":4,"sender":"x"}"#,
        r#"{"ver":"4","sender":7}"#,
        r#"{"ver":"4","sender":null}"#,
        r#"{"ver":"4","sender":""}"#,
        r#"{"ver":"4","sender":"a b"}"#,
        r#"{"ver":"4","sender":"a\r\nPUB x 1\r\n"}"#,
        r#"{"ver":"4","sender":"*"}"#,
        r#"{"ver":"4","sender":"x","id":7,"action":"$node.list","event":7,"success":"yes","services":7}"#,
        r#"{"ver":"4","sender":"x","id":"1","action":null,"event":null,"data":{},"success":null,"services":[7]}"#,
        r#"{"ver":"4","sender":"x","services":[{"name":7}],"instanceID":[],"seq":-1}"#,
        r#"{"ver":"4","sender":"x","services":[{"name":"s","actions":[],"events":7}],"instanceID":"i","seq":1.5}"#,
        r#"{"ver":"4","sender":"x","cpu":"much","time":{},"id":{}}"#,
    ];
    let mut payloads: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    payloads.push(vec![0xff, 0xfe, 0x00]);
    payloads.push(deep.clone().into_bytes());
    payloads.push(format!(r#"{{"ver":"4","sender":"x","id":"1","event":"e","action":"a.b","success":true,"params":{deep}}}"#).into_bytes());
    payloads
}

// contract: mesh/packet/malformed
#[tokio::test(start_paused = true)]
async fn nothing_is_disturbed() {
    let net = Net::new();
    let streamer = net
        .join("streamer-1", vec![ServiceSpec::new("streamer").event("e")])
        .await;
    let core = net.join("core-1", vec![core()]).await;
    for subject in subjects() {
        for payload in payloads() {
            net.bus.publish(&subject, payload);
        }
    }
    settle().await;
    assert!(streamer.mesh.stats().malformed > 200);
    assert_eq!(streamer.mesh.stats().panics, 0);
    assert_eq!(*streamer.mesh.state().borrow(), MeshState::Joined);
    assert_eq!(
        streamer
            .call("meteor.echo", "[1]")
            .await
            .unwrap()
            .as_deref(),
        Some("[1]")
    );
    core.mesh.broadcast("e", "[1]");
    settle().await;
    assert_eq!(streamer.heard().len(), 1);
}

// contract: mesh/foreign-version
#[tokio::test(start_paused = true)]
async fn another_protocol_is_dropped() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    net.bus.publish(
        "MOL.INFO",
        r#"{"ver":"5","sender":"new","services":[],"instanceID":"i","seq":1}"#,
    );
    net.bus
        .publish("MOL.DISCOVER", r#"{"ver":"3","sender":"old"}"#);
    net.bus
        .publish("MOL.INFO", r#"{"ver":"5","sender":["another shape"]}"#);
    settle().await;
    assert_eq!(streamer.mesh.nodes().len(), 1);
    assert_eq!(
        (
            streamer.mesh.stats().foreign_version,
            streamer.mesh.stats().malformed
        ),
        (3, 0)
    );
}

// contract: mesh/protocol-5
#[tokio::test(start_paused = true)]
async fn protocol_5_is_taken_when_it_may_be() {
    let net = Net::new();
    let mut config = net.config("streamer-1");
    config.node.protocols = Protocols::FourAndFive;
    let streamer = net.join_with(config, vec![]).await;
    for (version, sender) in [("5", "new"), ("4", "usual"), ("6", "future")] {
        let info = format!(
            r#"{{"ver":"{version}","sender":"{sender}","services":[],"instanceID":"i","seq":1}}"#
        );
        net.bus.publish("MOL.INFO", info);
    }
    settle().await;
    assert_eq!(streamer.mesh.nodes().len(), 3);
    assert_eq!(streamer.mesh.stats().foreign_version, 1);
}

// contract: mesh/packet/RES-unreadable
#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_read_fails_its_call_at_once() {
    for serializer in SerializerKind::ALL {
        for broken in ["body", "version", "sender"] {
            let net = Net::new();
            let mut config = net.config("streamer-1");
            config.node.serializer = serializer;
            let mut other = net.config("core-1");
            other.node.serializer = serializer;
            let streamer = net.join_with(config, vec![]).await;
            let _core = net.join_with(other, vec![core()]).await;
            let mut tap = net.bus.tap();
            let called = tokio::time::Instant::now();
            let answered = async {
                let id = loop {
                    let (subject, payload) = tap.recv().await.unwrap();
                    if subject == "MOL.REQ.core-1" {
                        let json = serializer.decode(PacketKind::Request, payload).unwrap();
                        let request: Value = serde_json::from_slice(&json).unwrap();
                        break request["id"].as_str().unwrap().to_owned();
                    }
                };
                let (version, sender) = match broken {
                    "version" => ("3", "core-1"),
                    "sender" => ("4", "a b"),
                    _ => ("4", "core-1"),
                };
                let answer = format!(
                    r#"{{"id":"{id}","meta":{{}},"success":true,"data":[],"ver":"{version}","sender":"{sender}"}}"#
                );
                let mut answer = serializer
                    .encode(PacketKind::Response, answer.into_bytes())
                    .unwrap()
                    .to_vec();
                if broken == "body" {
                    answer.truncate(answer.len() - 3);
                }
                net.bus.publish("MOL.RES.streamer-1", answer);
            };
            let (result, ()) = tokio::join!(streamer.call("meteor.never", "[]"), answered);
            assert!(
                matches!(result, Err(CallError::BadAnswer { .. })),
                "{serializer:?}, {broken}: {result:?}"
            );
            assert_eq!(called.elapsed(), Duration::ZERO);
        }
    }
}

// contract: mesh/own-packets
#[tokio::test(start_paused = true)]
async fn own_packets_are_skipped() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![core()]).await;
    net.bus
        .publish("MOL.DISCONNECT", r#"{"ver":"4","sender":"streamer-1"}"#);
    net.bus.publish(
        "MOL.HEARTBEAT",
        r#"{"ver":"4","sender":"streamer-1","cpu":1,"seq":9}"#,
    );
    net.bus.publish(
        "MOL.REQ.streamer-1",
        r#"{"id":"1","action":"meteor.null","params":[],"ver":"4","sender":"streamer-1"}"#,
    );
    settle().await;
    assert!(streamer.mesh.has_service("meteor"));
    assert_eq!(
        streamer.mesh.stats().orphans,
        1,
        "the own request was answered"
    );
}

proptest! {
    // contract: mesh/packet/malformed
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for kind in PacketKind::ALL {
            let _ = Packet::read(kind, &bytes, Protocols::Four);
        }
    }

    #[test]
    fn no_near_packet_makes_it_panic(
        key in "(ver|sender|id|event|action|data|params|success|error|services|seq|instanceID|groups|stream)",
        value in r#"(null|-?[0-9]{1,20}|"[^"\\]{0,20}"|\[[0-9,]{0,6}\]|\{("a":[0-9])?\}|1e999|tru|"\\ud800")"#,
    ) {
        let json = format!(r#"{{"ver":"4","sender":"x","id":"1","event":"e","action":"a.b","success":false,"{key}":{value}}}"#);
        for kind in PacketKind::ALL {
            if let Ok(Packet::Response(response)) = Packet::read(kind, json.as_bytes(), Protocols::Four) {
                let _ = RemoteError::read(response.error).meteor();
            }
        }
    }
}
