//! The error object that a client sees in `result` and `nosub`.

use std::fmt;

use serde_json::value::RawValue;

use crate::ejson::write_text;

/// The `error` field of a DDP error: clients compare it, so numbers stay numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A number such as 403.
    Number(i64),
    /// A word such as `not-allowed` or `totp-required`.
    Text(String),
}

impl Code {
    /// Reads a code as errors carry it in brackets: a number when it is one, else a word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Text(text.to_owned()), Self::Number)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A Meteor error for a client (reference/mesh.md, "Errors coming back").
#[derive(Debug, Clone)]
pub struct DdpError {
    /// What clients compare.
    pub code: Code,
    /// A sentence for people.
    pub reason: Option<String>,
    /// Whatever the core adds.
    pub details: Option<Box<RawValue>>,
    /// As the core says; `true` where it does not.
    pub is_client_safe: bool,
}

impl DdpError {
    /// An error with a numeric code.
    #[must_use]
    pub fn number(code: i64, reason: &str) -> Self {
        Self {
            code: Code::Number(code),
            reason: Some(reason.to_owned()),
            details: None,
            is_client_safe: true,
        }
    }

    /// An error that is a word only, such as `not-allowed`.
    #[must_use]
    pub fn word(word: &str) -> Self {
        Self {
            code: Code::Text(word.to_owned()),
            reason: None,
            details: None,
            is_client_safe: true,
        }
    }

    /// What a client sees of every error that is not meant for it.
    #[must_use]
    pub fn internal() -> Self {
        Self::number(500, "Internal server error")
    }

    /// The refusal of a rule.
    #[must_use]
    pub fn not_allowed() -> Self {
        Self::word("not-allowed")
    }

    /// More requests or publications than one session may have.
    #[must_use]
    pub fn too_many_requests() -> Self {
        Self::number(429, "too-many-requests")
    }

    /// More sessions than one user may have.
    #[must_use]
    pub fn too_many_sessions() -> Self {
        Self::number(429, "too-many-sessions")
    }

    /// `<reason> [<code>]`, as Meteor writes it.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{reason} [{}]", self.code),
            None => format!("[{}]", self.code),
        }
    }

    /// Appends the error object as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let safe: &[u8] = if self.is_client_safe {
            b"true"
        } else {
            b"false"
        };
        out.extend_from_slice(br#"{"isClientSafe":"#);
        out.extend_from_slice(safe);
        out.extend_from_slice(br#","error":"#);
        match &self.code {
            Code::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Code::Text(text) => write_text(out, text),
        }
        if let Some(reason) = &self.reason {
            out.extend_from_slice(br#","reason":"#);
            write_text(out, reason);
        }
        out.extend_from_slice(br#","message":"#);
        write_text(out, &self.message());
        if let Some(details) = &self.details {
            out.extend_from_slice(br#","details":"#);
            out.extend_from_slice(details.get().as_bytes());
        }
        out.extend_from_slice(br#","errorType":"Meteor.Error"}"#);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(error: &DdpError) -> String {
        let mut out = Vec::new();
        error.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_forms_of_the_reference() {
        assert_eq!(
            json(&DdpError::not_allowed()),
            r#"{"isClientSafe":true,"error":"not-allowed","message":"[not-allowed]","errorType":"Meteor.Error"}"#
        );
        assert_eq!(
            json(&DdpError::internal()),
            r#"{"isClientSafe":true,"error":500,"reason":"Internal server error","message":"Internal server error [500]","errorType":"Meteor.Error"}"#
        );
    }

    #[test]
    fn codes_keep_their_type() {
        assert_eq!(Code::parse("403"), Code::Number(403));
        assert_eq!(
            Code::parse("totp-required"),
            Code::Text("totp-required".into())
        );
        assert_eq!(Code::parse("4e2"), Code::Text("4e2".into()));
    }
}
