//! What comes back: the answer to a call, an error with its two headers, or the server's word that nobody listens.

use async_nats::{HeaderMap, Message, StatusCode};
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::mesh::error::CallError;
use crate::mesh::remote_error::{Code, RemoteError};
use crate::mesh::shared::json::Writer;
use crate::mesh::shared::pending::Reply;

/// Headers of an error. What the first one says does not matter: all failures of Rocket.Chat's services are 500.
const ERROR_CODE: &str = "Nats-Service-Error-Code";
const ERROR: &str = "Nats-Service-Error";
/// Longest text in a header, in characters.
const MAX_HEADER_TEXT: usize = 200;

/// Tells that nobody listens to what was asked. The server says no more than that: with a body it is somebody's answer.
pub(super) fn is_unreached(message: &Message) -> bool {
    message.status == Some(StatusCode::NO_RESPONDERS) && message.payload.is_empty()
}

/// What an answer to a call says.
pub(super) fn read(message: &Message) -> Reply {
    if is_unreached(message) {
        return Reply::Unreached;
    }
    let header = |name| {
        let headers = message.headers.as_ref()?;
        headers.get(name).map(async_nats::HeaderValue::as_str)
    };
    if header(ERROR_CODE).is_some() {
        let description = header(ERROR).unwrap_or("service error");
        // A handler that broke at once answers with the headers alone.
        let body = serde_json::from_slice::<&RawValue>(&message.payload).ok();
        return Reply::Error(Box::new(RemoteError::read_or(body, description)));
    }
    if message.payload.is_empty() {
        return Reply::Data(None);
    }
    match serde_json::from_slice::<&RawValue>(&message.payload) {
        Ok(data) => Reply::Data(Some(data.to_owned())),
        Err(_) => Reply::Bad("the answer is not JSON"),
    }
}

/// The headers and the body of an error of an own method.
pub(super) fn write(error: &CallError) -> (HeaderMap, Bytes) {
    let mut out = Writer::default();
    out.open();
    let message = match error {
        CallError::Remote(remote) => match remote.meteor() {
            Some(meteor) => {
                out.flag("isClientSafe", meteor.is_client_safe);
                out.text("errorType", "Meteor.Error");
                match &meteor.code {
                    Code::Number(number) => out.number("error", *number),
                    Code::Text(text) => out.text("error", text),
                }
                if let Some(reason) = &meteor.reason {
                    out.text("reason", reason);
                }
                out.text("message", &meteor.message);
                if let Some(details) = &meteor.details {
                    out.raw("details", details.get());
                }
                meteor.message
            }
            None => {
                out.text("message", &remote.message);
                if let Some(stack) = &remote.stack {
                    out.text("stack", stack);
                }
                remote.message.clone()
            }
        },
        other => {
            let message = other.to_string();
            out.text("message", &message);
            message
        }
    };
    out.close();
    (headers(&message), Bytes::from(out.finish()))
}

fn headers(message: &str) -> HeaderMap {
    // A line end in a header would be read as protocol.
    let words: Vec<&str> = message
        .split(|c: char| c.is_whitespace() || c.is_control())
        .collect();
    let text: String = words
        .join(" ")
        .trim()
        .chars()
        .take(MAX_HEADER_TEXT)
        .collect();
    let mut headers = HeaderMap::new();
    headers.insert(ERROR_CODE, "500");
    headers.insert(
        ERROR,
        if text.is_empty() {
            "service error"
        } else {
            &text
        },
    );
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &[u8], headers: Option<HeaderMap>) -> Message {
        Message {
            subject: "inbox.x".into(),
            reply: None,
            payload: Bytes::copy_from_slice(payload),
            headers,
            status: None,
            description: None,
            length: payload.len(),
        }
    }

    fn error_of(body: &str) -> RemoteError {
        match read(&message(body.as_bytes(), Some(headers("boom")))) {
            Reply::Error(error) => *error,
            other => panic!("{other:?}"),
        }
    }

    // contract: mesh/broker/results
    #[test]
    fn results() {
        let data = |payload: &[u8]| match read(&message(payload, None)) {
            Reply::Data(data) => data.map(|data| data.get().to_owned()),
            other => panic!("{other:?}"),
        };
        assert_eq!(data(b""), None);
        assert_eq!(data(b"null").as_deref(), Some("null"));
        assert_eq!(
            data(br#"{"a":{"$date":0}}"#).as_deref(),
            Some(r#"{"a":{"$date":0}}"#)
        );
        assert!(matches!(read(&message(b"{", None)), Reply::Bad(_)));
        let nobody = Message {
            status: Some(StatusCode::NO_RESPONDERS),
            ..message(b"", None)
        };
        assert!(matches!(read(&nobody), Reply::Unreached));
        let somebody = Message {
            payload: Bytes::from_static(b"1"),
            ..nobody
        };
        assert!(matches!(read(&somebody), Reply::Data(Some(_))));
    }

    // contract: mesh/broker/errors
    #[test]
    fn the_code_of_an_error_is_on_this_wire() {
        let rows = [
            ("403", Code::Number(403)),
            (r#""totp-required""#, Code::Text("totp-required".to_owned())),
        ];
        for (code, expected) in rows {
            let body = format!(
                r#"{{"isClientSafe":true,"errorType":"Meteor.Error","error":{code},"reason":"No [1]","message":"No [1] [2]","details":{{"a":1}}}}"#
            );
            let meteor = error_of(&body).meteor().unwrap();
            assert_eq!(meteor.message, format!("No [1] [{expected}]"));
            assert_eq!(meteor.code, expected);
            assert_eq!(meteor.details.unwrap().get(), r#"{"a":1}"#);
        }
    }

    #[test]
    fn whatever_the_body_is_an_error_comes_out() {
        for body in ["", "null", "{", "[1]", r#"{"message":7}"#] {
            let error = error_of(body);
            assert_eq!(error.message, "boom", "{body}");
            assert!(error.meteor().is_none());
        }
        let plain = error_of(r#"{"message":"plain","stack":"at x"}"#);
        assert_eq!(
            (plain.message.as_str(), plain.stack.as_deref()),
            ("plain", Some("at x"))
        );
    }

    #[test]
    fn own_errors_come_back_as_they_were() {
        let sent =
            RemoteError::from_meteor(Code::Text("no".into()), Some("Not\r\nallowed".into()), None);
        let (headers, body) = write(&sent.into());
        assert_eq!(headers.get(ERROR).unwrap().as_str(), "Not  allowed [no]");
        match read(&message(&body, Some(headers))) {
            Reply::Error(error) => {
                let meteor = error.meteor().unwrap();
                assert_eq!(meteor.code, Code::Text("no".into()));
                assert_eq!(meteor.reason.as_deref(), Some("Not\r\nallowed"));
            }
            other => panic!("{other:?}"),
        }
    }
}
