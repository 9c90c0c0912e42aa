//! An error as it travels: what a callee puts into `RES.error`, and what becomes of it here.
//!
//! Rocket.Chat's errors that are meant for the client (`errorType` `Meteor.Error`) lose their code on the wire; it is
//! restored from the bracketed end of the message, since clients compare it.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::ejson::{RawObject, well_formed};

/// A number or a text, as error codes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// Such as 403.
    Number(i64),
    /// Such as `totp-required`.
    Text(String),
}

impl Code {
    /// The code in a message's brackets: a number when it reads as one.
    fn from_text(text: &str) -> Self {
        match text.parse::<i64>() {
            // "007" and "+7" stay text: writing the number would not give them back.
            Ok(number) if number.to_string() == text => Self::Number(number),
            _ => Self::Text(text.to_owned()),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// An error as a callee sent it. Absent fields stay absent; one of another type than expected counts as absent.
#[derive(Debug, Clone, Default)]
pub struct RemoteError {
    /// The class, such as `Error` or `ServiceNotFoundError`.
    pub name: String,
    /// Text, with the code of a Meteor error in brackets at its end.
    pub message: String,
    /// Moleculer's code.
    pub code: Option<Code>,
    /// The code of a Meteor error, where the wire carries it: the plain broker's does, Moleculer's does not.
    pub error: Option<Code>,
    /// Moleculer's type, such as `SERVICE_NOT_FOUND`.
    pub type_: Option<String>,
    /// Where it was thrown.
    pub node_id: Option<String>,
    /// For the log, never for a client.
    pub stack: Option<String>,
    /// The same call may succeed later.
    pub retryable: bool,
    /// Whatever Moleculer added, raw JSON.
    pub data: Option<Box<RawValue>>,
    /// Meant for the client: unless it says that it is not.
    pub is_client_safe: bool,
    /// `Meteor.Error` for errors that are meant for the client.
    pub error_type: Option<String>,
    /// The text without the code.
    pub reason: Option<String>,
    /// Whatever the thrower added, raw JSON.
    pub details: Option<Box<RawValue>>,
}

/// What a client may see of an error, with its code restored.
#[derive(Debug, Clone)]
pub struct MeteorError {
    /// As the wire carries it, else the innermost of the run of brackets that ends the message; 500 when there is none.
    pub code: Code,
    /// The text without the code.
    pub reason: Option<String>,
    /// `<reason> [<code>]`.
    pub message: String,
    /// Raw JSON.
    pub details: Option<Box<RawValue>>,
    /// As it was sent; `true` where it does not say.
    pub is_client_safe: bool,
}

/// `errorType` of errors that are meant for the client.
const METEOR_ERROR: &str = "Meteor.Error";

impl RemoteError {
    /// An error for the client, as Rocket.Chat's services throw it.
    pub fn from_meteor(code: Code, reason: Option<String>, details: Option<Box<RawValue>>) -> Self {
        Self {
            name: "Error".to_owned(),
            message: compose(reason.as_deref(), &code),
            is_client_safe: true,
            error_type: Some(METEOR_ERROR.to_owned()),
            reason,
            details,
            ..Self::default()
        }
    }

    /// An error that is nobody's business but the log's.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            name: "Error".to_owned(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// What the client may see; `None` when it is not meant for it.
    pub fn meteor(&self) -> Option<MeteorError> {
        if self.error_type.as_deref() != Some(METEOR_ERROR) {
            return None;
        }
        let code = match &self.error {
            Some(code) => code.clone(),
            None => bracketed(&self.message).map_or(Code::Number(500), Code::from_text),
        };
        let message = compose(self.reason.as_deref(), &code);
        Some(MeteorError {
            code,
            reason: self.reason.clone(),
            message,
            details: self.details.clone(),
            is_client_safe: self.is_client_safe,
        })
    }

    /// The code as a number, 500 when it is none.
    pub(crate) fn status(&self) -> i64 {
        match self.code {
            Some(Code::Number(number)) => number,
            _ => 500,
        }
    }

    /// Reads `RES.error`. Whatever it is, an error comes out: a failed call must never look like anything else.
    pub(crate) fn read(raw: Option<&RawValue>) -> Self {
        Self::read_or(raw, "Unknown error")
    }

    /// The same, with what to say where it has no message.
    pub(crate) fn read_or(raw: Option<&RawValue>, message: &str) -> Self {
        let fields = raw.and_then(RawObject::of).unwrap_or_default();
        let text = |name: &str| fields.text(name).map(Cow::into_owned);
        let flag = |name: &str| fields.get(name).is_some_and(|raw| raw.get() == "true");
        let kept = |name: &str| fields.get(name).map(ToOwned::to_owned);
        let code = |name: &str| {
            let raw = fields.get(name)?;
            serde_json::from_str::<i64>(raw.get())
                .map(Code::Number)
                .ok()
                .or_else(|| text(name).map(Code::Text))
        };
        Self {
            name: text("name").unwrap_or_else(|| "Error".to_owned()),
            message: text("message").unwrap_or_else(|| message.to_owned()),
            code: code("code"),
            error: code("error"),
            type_: text("type"),
            node_id: text("nodeID"),
            stack: text("stack"),
            retryable: flag("retryable"),
            data: kept("data"),
            is_client_safe: fields
                .get("isClientSafe")
                .is_none_or(|raw| raw.get() != "false"),
            error_type: text("errorType"),
            reason: text("reason"),
            details: kept("details"),
        }
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, well_formed(&self.message))?;
        if let Some(node) = &self.node_id {
            write!(f, " (on {node})")?;
        }
        Ok(())
    }
}

fn compose(reason: Option<&str>, code: &Code) -> String {
    match reason {
        Some(reason) if !reason.is_empty() => format!("{reason} [{code}]"),
        _ => format!("[{code}]"),
    }
}

/// The innermost of the run of brackets that ends the text: `a [b [403]]` gives `403`.
fn bracketed(message: &str) -> Option<&str> {
    let inner = message.trim_end().trim_end_matches(']');
    if inner.len() == message.trim_end().len() {
        return None;
    }
    inner.rfind('[').map(|at| &inner[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: ddp/message/lone-surrogates
    #[test]
    fn half_a_surrogate_pair_costs_no_error_its_code() {
        let json = r#"{"name":"Error","message":"Hello \ud83d [totp-required]","errorType":"Meteor.Error","reason":"Hello \ud83d","\ud83d":1}"#;
        let raw = crate::ejson::raw(json.to_owned()).unwrap();
        let error = RemoteError::read(Some(&raw));
        let meteor = error.meteor().unwrap();
        assert_eq!(meteor.code, Code::Text("totp-required".to_owned()));
        assert_eq!(
            meteor.reason.as_deref().map(crate::ejson::quoted),
            Some(r#""Hello \ud83d""#.to_owned())
        );
        assert_eq!(error.to_string(), "Error: Hello \u{fffd} [totp-required]");
    }

    fn meteor(message: &str, reason: Option<&str>) -> MeteorError {
        RemoteError {
            message: message.to_owned(),
            reason: reason.map(str::to_owned),
            error_type: Some("Meteor.Error".to_owned()),
            ..RemoteError::default()
        }
        .meteor()
        .unwrap()
    }

    // contract: mesh/error/code
    #[test]
    fn the_code_is_restored_from_the_brackets() {
        let rows = [
            ("Your session has expired [403]", Code::Number(403)),
            (
                "Need it [totp-required]",
                Code::Text("totp-required".into()),
            ),
            ("Outer [Inner [403]]", Code::Number(403)),
            (
                "a [b [error-not-allowed]]",
                Code::Text("error-not-allowed".into()),
            ),
            ("see [docs] first [x] [404]", Code::Number(404)),
            ("[401]", Code::Number(401)),
            ("odd [007]", Code::Text("007".into())),
            ("none", Code::Number(500)),
            ("]]", Code::Number(500)),
            ("empty []", Code::Text(String::new())),
        ];
        for (message, code) in rows {
            assert_eq!(meteor(message, None).code, code, "{message}");
        }
    }

    // contract: mesh/error/code
    #[test]
    fn the_message_is_reason_and_code() {
        assert_eq!(
            meteor("Outer [Inner [403]]", Some("Inner")).message,
            "Inner [403]"
        );
        assert_eq!(meteor("[403]", None).message, "[403]");
    }

    // contract: mesh/error/client-safe
    #[test]
    fn what_is_not_for_the_client_is_said_so() {
        let read = |fields: &str| {
            let raw = format!(r#"{{"message":"No [1]","errorType":"Meteor.Error"{fields}}}"#);
            let raw = RawValue::from_string(raw).unwrap();
            RemoteError::read(Some(&raw))
                .meteor()
                .unwrap()
                .is_client_safe
        };
        assert!(read(""));
        assert!(read(r#","isClientSafe":true"#));
        assert!(!read(r#","isClientSafe":false"#));
    }

    // contract: mesh/error/other
    #[test]
    fn other_errors_are_not_for_the_client() {
        let raw = RawValue::from_string(
            r#"{"name":"TypeError","message":"x [403]","reason":"x"}"#.into(),
        )
        .unwrap();
        assert!(RemoteError::read(Some(&raw)).meteor().is_none());
    }

    #[test]
    fn whatever_the_error_is_an_error_comes_out() {
        for text in [
            "null",
            "7",
            "\"x\"",
            "[]",
            r#"{"message":{"a":1},"name":7,"code":[],"details":null}"#,
        ] {
            let raw = RawValue::from_string(text.into()).unwrap();
            assert_eq!(
                RemoteError::read(Some(&raw)).message,
                "Unknown error",
                "{text}"
            );
        }
        assert_eq!(RemoteError::read(None).name, "Error");
    }
}
