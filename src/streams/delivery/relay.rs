//! The event `stream`: what clients write, from one streamer to the others, in its two forms (reference/streams.md,
//! "Writing").

use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::value::RawValue;

use crate::ejson::{self, RawObject, quoted};
use crate::services::Listed;
use crate::streams::catalog::Stream;

/// The mesh event.
pub const EVENT: &str = "stream";

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::streams) enum Form {
    /// Up to 8.9: `[[name, eventName, args]]`.
    Array = 1,
    /// 9.0 and later: `[{stream, eventName, args, origin}]`.
    Object = 2,
}

/// What this process knows of the others.
#[derive(Debug)]
pub(in crate::streams) struct Relay {
    /// The id by which it skips its own events.
    origin: Box<str>,
    /// The form that another node used last; 0 before any did.
    heard: AtomicU8,
}

/// An event of another node.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::streams) struct Relayed {
    pub(in crate::streams) stream: Stream,
    pub(in crate::streams) event_name: String,
    /// A JSON array.
    pub(in crate::streams) args: String,
}

impl Relay {
    pub(in crate::streams) fn new(origin: &str) -> Self {
        Self {
            origin: origin.into(),
            heard: AtomicU8::new(0),
        }
    }

    /// The form to write in: one that was heard wins, since whoever spoke so understands it.
    fn form(&self, cores: Listed) -> Form {
        match self.heard.load(Ordering::Relaxed) {
            1 => Form::Array,
            2 => Form::Object,
            _ => match cores {
                Listed::All | Listed::Mixed => Form::Object,
                Listed::None | Listed::Unknown => Form::Array,
            },
        }
    }

    /// The arguments of the event `stream`; `cores` says whether they listen to it.
    pub(in crate::streams) fn write(
        &self,
        cores: Listed,
        stream: Stream,
        event_name: &str,
        args: &str,
    ) -> String {
        let (name, event_name) = (stream.name(), quoted(event_name));
        match self.form(cores) {
            Form::Array => format!(r#"[["{name}",{event_name},{args}]]"#),
            Form::Object => format!(
                r#"[{{"stream":"{name}","eventName":{event_name},"args":{args},"origin":{}}}]"#,
                quoted(&self.origin)
            ),
        }
    }

    /// Reads the arguments of the event `stream`; `None` for an own event, and for what is none at all.
    pub(in crate::streams) fn read(&self, data: &RawValue) -> Option<Relayed> {
        let data = ejson::first(data, 1)?;
        let first = *data.first()?;
        let (form, name, event_name, args) = match RawObject::of(first) {
            Some(object) => {
                if object.text("origin").as_deref() == Some(&*self.origin) {
                    return None;
                }
                let args = object.get("args")?.get().to_owned();
                let text = |key| object.text(key).map(String::from);
                (Form::Object, text("stream")?, text("eventName")?, args)
            }
            None => {
                let parts = ejson::first(first, 3)?;
                let [name, event_name, args, ..] = parts.as_slice() else {
                    return None;
                };
                let text = |raw: &RawValue| ejson::text(raw).map(String::from);
                (
                    Form::Array,
                    text(name)?,
                    text(event_name)?,
                    args.get().to_owned(),
                )
            }
        };
        let stream = Stream::named(&name)?;
        if !args.starts_with('[') || event_name.is_empty() {
            return None;
        }
        self.heard.store(form as u8, Ordering::Relaxed);
        Some(Relayed {
            stream,
            event_name,
            args,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        ejson::raw(json.into()).unwrap()
    }

    fn write(relay: &Relay, cores: Listed) -> String {
        relay.write(cores, Stream::NotifyRoom, "r\"/user-activity", "[1]")
    }

    const ARRAY: &str = r#"[["notify-room","r\"/user-activity",[1]]]"#;
    const OBJECT: &str =
        r#"[{"stream":"notify-room","eventName":"r\"/user-activity","args":[1],"origin":"me"}]"#;

    // contract: streams/write/form
    #[test]
    fn the_form_that_was_heard_wins() {
        let relay = Relay::new("me");
        for (cores, expected) in [
            (Listed::Unknown, ARRAY),
            (Listed::None, ARRAY),
            (Listed::All, OBJECT),
            (Listed::Mixed, OBJECT),
        ] {
            assert_eq!(write(&relay, cores), expected);
        }
        assert!(relay.read(&raw(ARRAY)).is_some());
        assert_eq!(write(&relay, Listed::All), ARRAY);
        assert!(
            relay
                .read(&raw(&OBJECT.replace("\"me\"", "\"other\"")))
                .is_some()
        );
        assert_eq!(write(&relay, Listed::None), OBJECT);
    }

    // contract: streams/write/own
    #[test]
    fn own_events_are_skipped_and_teach_nothing() {
        let relay = Relay::new("me");
        assert_eq!(relay.read(&raw(OBJECT)), None);
        assert_eq!(write(&relay, Listed::None), ARRAY);
    }

    #[test]
    fn both_forms_say_the_same() {
        let relay = Relay::new("me");
        let expected = Relayed {
            stream: Stream::NotifyRoom,
            event_name: "r\"/user-activity".into(),
            args: "[1]".into(),
        };
        assert_eq!(relay.read(&raw(ARRAY)).as_ref(), Some(&expected));
        for origin in [r#","origin":"other""#, r#","origin":null"#, ""] {
            let object = OBJECT.replace(r#","origin":"me""#, origin);
            assert_eq!(relay.read(&raw(&object)).as_ref(), Some(&expected));
        }
    }

    #[test]
    fn malformed_events_are_none() {
        let relay = Relay::new("me");
        for bad in [
            "null",
            "[]",
            "{}",
            "[null]",
            "[[]]",
            r#"["notify-all","x",[]]"#,
            r#"[["notify-all","x"]]"#,
            r#"[["notify-all","x",null]]"#,
            r#"[["notify-all","x",{}]]"#,
            r#"[["notify-all","",[]]]"#,
            r#"[["no-such-stream","x",[]]]"#,
            r#"[[{"$ne":""},"x",[]]]"#,
            r#"[{"stream":"notify-all","eventName":"x"}]"#,
            r#"[{"stream":"notify-all","eventName":1,"args":[]}]"#,
            r#"[{"stream":"notify-all","eventName":"x","args":"[]"}]"#,
        ] {
            assert_eq!(relay.read(&raw(bad)), None, "{bad}");
        }
        assert_eq!(write(&relay, Listed::All), OBJECT, "nothing was learnt");
    }
}
