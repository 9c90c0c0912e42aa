//! Events and calls of the plain broker, read by somebody who is no node. Each is published once, however many listen.
//!
//! Answers are not heard: they go to inboxes, which belong to whoever asked.

use std::borrow::Cow;

use async_nats::Message;
use serde_json::value::RawValue;

use super::subject;
use crate::mesh::overheard::{Body, Overheard, Packet};

/// Events in one subscription: NATS keeps the order within one only.
pub(crate) fn subjects() -> Vec<String> {
    subject::EVERYTHING.map(str::to_owned).into()
}

/// Reads a message and tells of it.
pub(crate) fn read<T>(message: &Message, tell: impl FnOnce(Overheard<'_>) -> T) -> T {
    // Nothing at all is "no arguments".
    let payload: &[u8] = if message.payload.is_empty() {
        b"[]"
    } else {
        &message.payload
    };
    let Ok(args) = serde_json::from_slice::<&RawValue>(payload) else {
        return tell(Overheard::Unreadable);
    };
    let called = subject::overheard_call(&message.subject);
    let (target, body) = match (subject::event_name(&message.subject), called) {
        (Some((name, broadcast)), _) => {
            let event = Body::Event {
                name: Cow::Borrowed(name),
                data: args,
                broadcast,
            };
            (None, event)
        }
        (None, Some((action, node))) => {
            let call = Body::Request {
                id: Cow::Borrowed(""),
                action: Cow::Borrowed(action),
                params: args,
            };
            (node, call)
        }
        (None, None) => return tell(Overheard::Unreadable),
    };
    tell(Overheard::Packet(Packet {
        sender: Cow::Borrowed(""),
        target,
        body,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_calls_are_told_apart_by_their_subjects() {
        let told = |subject: &str, payload: &'static str| {
            let message = Message {
                subject: subject.into(),
                reply: None,
                payload: payload.into(),
                headers: None,
                status: None,
                description: None,
                length: payload.len(),
            };
            read(&message, |heard| match heard {
                Overheard::Packet(packet) => match packet.body {
                    Body::Event {
                        name,
                        data,
                        broadcast,
                    } => format!("event {name} {data} {broadcast}"),
                    Body::Request { action, params, .. } => {
                        format!("call {action} {params} {:?}", packet.target)
                    }
                    other => format!("{other:?}"),
                },
                other => format!("{other:?}"),
            })
        };
        for (subject, payload, expected) in [
            ("event.a.b", "[1]", "event a.b [1] true"),
            ("emit.a.b", "", "event a.b [] false"),
            ("rpc.a.b", "[2]", "call a.b [2] None"),
            ("node.n_1.a.b", "[2]", "call a.b [2] Some(\"n_1\")"),
            ("event.$node.connected", "[]", "Unreadable"),
            ("event.a", "no JSON", "Unreadable"),
            ("node.n_1", "[]", "Unreadable"),
        ] {
            assert_eq!(told(subject, payload), expected, "{subject}");
        }
    }
}
