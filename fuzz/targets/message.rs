//! A DDP message, beside serde_json: what is an object there is a message here, with the same fields.
#![no_main]

use ddp_streamer::ddp::Close;
use ddp_streamer::ddp::message::{ClientMessage, Request};
use ddp_streamer::ejson::{is_readable, too_deep, well_formed};
use serde_json::{Map, Value};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let message = ClientMessage::parse(text);
    // It refuses lone surrogates, which are read here.
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let Value::Object(fields) = value else {
        return assert_eq!(message.err(), Some(Close::UnsupportedData));
    };
    if too_deep(text) || !is_readable(text) {
        return assert_eq!(message.err(), Some(Close::UnsupportedData));
    }
    let named = |name: &str| fields.get(name).and_then(Value::as_str);
    let lacks = |names: &[&str]| {
        names
            .iter()
            .any(|name| named(name).is_none_or(str::is_empty))
    };
    match named("msg") {
        Some("method") if lacks(&["id", "method"]) => violation(message),
        Some("sub") if lacks(&["id", "name"]) => violation(message),
        Some("unsub") if lacks(&["id"]) => violation(message),
        msg => agrees(msg, &fields, message.unwrap()),
    }
});

fn violation(message: Result<ClientMessage, Close>) {
    assert_eq!(message.err(), Some(Close::ProtocolError));
}

fn agrees(msg: Option<&str>, fields: &Map<String, Value>, message: ClientMessage) {
    let same = |name: &str, text: &str| {
        assert_eq!(fields[name].as_str(), Some(&*well_formed(text)), "{name}");
    };
    let params = |params: &str| {
        let params: Value = serde_json::from_str(params).unwrap();
        let given = fields.get("params").filter(|params| !params.is_null());
        assert_eq!(given.unwrap_or(&Value::Array(Vec::new())), &params);
    };
    match (msg, message) {
        (Some("connect"), ClientMessage::Connect { known }) => {
            let version = fields.get("version").and_then(Value::as_str);
            assert_eq!(known, matches!(version, Some("1" | "pre1" | "pre2")));
        }
        (Some("ping"), ClientMessage::Ping(id)) => {
            let id = id.map(|id| serde_json::from_str::<Value>(id.get()).unwrap());
            assert_eq!(fields.get("id"), id.as_ref());
        }
        (Some("pong"), ClientMessage::Pong) => {}
        (Some("method"), ClientMessage::Request(Request::Method(call))) => {
            same("id", &call.id);
            same("method", &call.method);
            params(call.params.get());
        }
        (Some("sub"), ClientMessage::Request(Request::Sub(sub))) => {
            same("id", &sub.id);
            same("name", &sub.name);
            params(sub.params.get());
        }
        (Some("unsub"), ClientMessage::Unsub { id }) => same("id", &id),
        (None, ClientMessage::Silence) if !fields.contains_key("msg") => {}
        (None, ClientMessage::Unknown) if fields.contains_key("msg") => {}
        (Some(_), ClientMessage::Unknown) => {
            let known = ["connect", "ping", "pong", "method", "sub", "unsub"];
            assert!(!known.contains(&msg.unwrap_or_default()));
        }
        (msg, message) => panic!("{msg:?} is {message:?}"),
    }
}
