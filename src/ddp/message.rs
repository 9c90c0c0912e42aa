//! Messages: what a client may send, and what the server says (reference/ddp.md, "Messages").

use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::close::Close;
use super::error::DdpError;
use crate::ejson::{self, write_text};

/// The versions of DDP that are spoken here.
pub const VERSIONS: [&str; 3] = ["1", "pre2", "pre1"];

/// What a client sent.
#[derive(Debug)]
pub enum ClientMessage {
    /// The handshake; `known` says whether its version is spoken here.
    Connect {
        /// Whether the version is one of [`VERSIONS`].
        known: bool,
    },
    /// Answered at once with [`pong`].
    Ping(Option<Box<RawValue>>),
    /// An answer to our ping.
    Pong,
    /// One of the two that are answered strictly in order.
    Request(Request),
    /// The end of a publication: overtakes the requests that wait.
    Unsub {
        /// The publication's id.
        id: String,
    },
    /// An object without `msg`: silence.
    Silence,
    /// An unknown `msg`: answered with [`error`].
    Unknown,
}

/// What is answered in the order in which it came.
#[derive(Debug)]
pub enum Request {
    /// A method call.
    Method(MethodCall),
    /// A new publication.
    Sub(Subscription),
}

/// A method call.
#[derive(Debug)]
pub struct MethodCall {
    /// The client's id of the call.
    pub id: String,
    /// The method.
    pub method: String,
    /// A JSON array.
    pub params: Box<RawValue>,
}

/// A request for a publication.
#[derive(Debug)]
pub struct Subscription {
    /// The client's id of the publication.
    pub id: String,
    /// The publication, such as `stream-room-messages`.
    pub name: String,
    /// A JSON array.
    pub params: Box<RawValue>,
}

impl Request {
    /// How many bytes it holds while it waits.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Method(call) => call.id.len() + call.method.len() + call.params.get().len(),
                Self::Sub(sub) => sub.id.len() + sub.name.len() + sub.params.get().len(),
            }
    }

    /// The messages that refuse this request with an error.
    #[must_use]
    pub fn refusal(&self, error: &DdpError) -> Vec<Vec<u8>> {
        self.receipt().refusal(error)
    }

    /// What to remember of it while somebody else works on it.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        match self {
            Self::Method(call) => Receipt::Method(call.id.clone()),
            Self::Sub(sub) => Receipt::Sub(sub.id.clone()),
        }
    }
}

/// What kind of request it was, and the client's id of it: enough to refuse it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// A method call.
    Method(String),
    /// A request for a publication.
    Sub(String),
}

impl Receipt {
    /// The messages that refuse the request with an error.
    #[must_use]
    pub fn refusal(&self, error: &DdpError) -> Vec<Vec<u8>> {
        match self {
            Self::Method(id) => vec![result_error(id, error), updated(id)],
            Self::Sub(id) => vec![nosub(id, Some(error))],
        }
    }
}

impl ClientMessage {
    /// Reads one message.
    ///
    /// # Errors
    /// The close that the reference demands: 1007 for what is no JSON object, nests too deep, or holds a value that no reader takes, 1002 for a request without its id or name.
    pub fn parse(json: &str) -> Result<Self, Close> {
        if ejson::too_deep(json) {
            return Err(Close::UnsupportedData);
        }
        let fields: Fields<'_> = serde_json::from_str(json).map_err(|_| Close::UnsupportedData)?;
        if !ejson::is_readable(json) {
            return Err(Close::UnsupportedData);
        }
        let Some(msg) = fields.msg else {
            return Ok(Self::Silence);
        };
        Ok(match ejson::text(msg).as_deref() {
            Some("connect") => Self::Connect {
                known: fields
                    .version
                    .and_then(ejson::text)
                    .is_some_and(|version| VERSIONS.contains(&&*version)),
            },
            Some("ping") => Self::Ping(fields.id.map(ToOwned::to_owned)),
            Some("pong") => Self::Pong,
            Some("method") => Self::Request(Request::Method(MethodCall {
                id: required(fields.id)?,
                method: required(fields.method)?,
                params: params(fields.params),
            })),
            Some("sub") => Self::Request(Request::Sub(Subscription {
                id: required(fields.id)?,
                name: required(fields.name)?,
                params: params(fields.params),
            })),
            Some("unsub") => Self::Unsub {
                id: required(fields.id)?,
            },
            _ => Self::Unknown,
        })
    }
}

/// What a message may have that means something here. A field that comes twice counts by its last value. The others are
/// not kept: a few bytes may be a field each.
#[derive(Default)]
struct Fields<'a> {
    msg: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    version: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = map.next_key::<&RawValue>()? {
                    let field = match ejson::text(key).as_deref() {
                        Some("msg") => &mut fields.msg,
                        Some("id") => &mut fields.id,
                        Some("method") => &mut fields.method,
                        Some("name") => &mut fields.name,
                        Some("params") => &mut fields.params,
                        Some("version") => &mut fields.version,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *field = Some(map.next_value()?);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// An id or a name: text, and not the empty one.
fn required(field: Option<&RawValue>) -> Result<String, Close> {
    let text = field.and_then(ejson::text).map(String::from);
    text.filter(|text| !text.is_empty())
        .ok_or(Close::ProtocolError)
}

/// A missing `params` is `[]`; so is `null`, which some clients write for it. Whatever else is no array is kept as it
/// is: the method or publication refuses it.
fn params(field: Option<&RawValue>) -> Box<RawValue> {
    field
        .filter(|params| !ejson::is_null(params))
        .unwrap_or(&EMPTY)
        .to_owned()
}

static EMPTY: std::sync::LazyLock<Box<RawValue>> = std::sync::LazyLock::new(|| {
    serde_json::value::to_raw_value::<[(); 0]>(&[]).unwrap_or_else(|_| RawValue::NULL.to_owned())
});

/// The greeting of every session.
pub const GREETING: &[u8] = br#"{"server_id":"0"}"#;
/// The server's ping.
pub const PING: &[u8] = br#"{"msg":"ping"}"#;
/// The answer to an unknown version.
pub const FAILED: &[u8] = br#"{"msg":"failed","version":"1"}"#;

/// `connected`.
#[must_use]
pub fn connected(session: &str) -> Vec<u8> {
    with_text(br#"{"msg":"connected","session":"#, session, b"}")
}

/// `pong`, with the id of the ping when it had one.
#[must_use]
pub fn pong(id: Option<&RawValue>) -> Vec<u8> {
    let mut out = br#"{"msg":"pong""#.to_vec();
    if let Some(id) = id {
        out.extend_from_slice(br#","id":"#);
        out.extend_from_slice(id.get().as_bytes());
    }
    out.push(b'}');
    out
}

/// The result of a method; `None` is a method that returned nothing.
#[must_use]
pub fn result(id: &str, value: Option<&RawValue>) -> Vec<u8> {
    let mut out = with_text(br#"{"msg":"result","id":"#, id, b"");
    if let Some(value) = value {
        out.extend_from_slice(br#","result":"#);
        out.extend_from_slice(value.get().as_bytes());
    }
    out.push(b'}');
    out
}

/// The error of a method.
#[must_use]
pub fn result_error(id: &str, error: &DdpError) -> Vec<u8> {
    let mut out = with_text(br#"{"msg":"result","id":"#, id, br#","error":"#);
    error.write(&mut out);
    out.push(b'}');
    out
}

/// `updated`: the method's writes are visible.
#[must_use]
pub fn updated(id: &str) -> Vec<u8> {
    with_text(br#"{"msg":"updated","methods":["#, id, b"]}")
}

/// `ready`.
#[must_use]
pub fn ready(id: &str) -> Vec<u8> {
    with_text(br#"{"msg":"ready","subs":["#, id, b"]}")
}

/// `nosub`: a publication ended, or was refused.
#[must_use]
pub fn nosub(id: &str, error: Option<&DdpError>) -> Vec<u8> {
    let mut out = with_text(br#"{"msg":"nosub","id":"#, id, b"");
    if let Some(error) = error {
        out.extend_from_slice(br#","error":"#);
        error.write(&mut out);
    }
    out.push(b'}');
    out
}

/// `error`: a message that is not understood; `offending` is what came, verbatim.
#[must_use]
pub fn error(reason: &str, offending: &str) -> Vec<u8> {
    let mut out = with_text(
        br#"{"msg":"error","reason":"#,
        reason,
        br#","offendingMessage":"#,
    );
    out.extend_from_slice(offending.trim().as_bytes());
    out.push(b'}');
    out
}

/// What happened to a published document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is there now.
    Added,
    /// Some of its fields are new.
    Changed,
    /// It is gone.
    Removed,
}

/// `added`, `changed` or `removed`; `fields` is a JSON object.
#[must_use]
pub fn document(change: Change, collection: &str, id: &str, fields: Option<&str>) -> Vec<u8> {
    let word: &[u8] = match change {
        Change::Added => br#"{"msg":"added","collection":"#,
        Change::Changed => br#"{"msg":"changed","collection":"#,
        Change::Removed => br#"{"msg":"removed","collection":"#,
    };
    let mut out = with_text(word, collection, br#","id":"#);
    write_text(&mut out, id);
    if let Some(fields) = fields {
        out.extend_from_slice(br#","fields":"#);
        out.extend_from_slice(fields.as_bytes());
    }
    out.push(b'}');
    out
}

/// A stream event; `stream` is the name without `stream-`, `args` a JSON array.
#[must_use]
pub fn stream_event(stream: &str, event_name: &str, args: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(args.len() + stream.len() + event_name.len() + 96);
    out.extend_from_slice(br#"{"msg":"changed","collection":"stream-"#);
    out.extend_from_slice(stream.as_bytes());
    out.extend_from_slice(br#"","id":"id","fields":{"eventName":"#);
    write_text(&mut out, event_name);
    out.extend_from_slice(br#","args":"#);
    out.extend_from_slice(args.as_bytes());
    out.extend_from_slice(b"}}");
    out
}

fn with_text(before: &[u8], text: &str, after: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(before.len() + text.len() + after.len() + 8);
    out.extend_from_slice(before);
    write_text(&mut out, text);
    out.extend_from_slice(after);
    out
}

#[cfg(test)]
mod tests;
