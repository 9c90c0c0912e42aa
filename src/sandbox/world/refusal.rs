//! Errors that are meant for the client, as the core's methods throw them.

use serde_json::{Value, json};

use crate::mesh::{Code, RemoteError};

/// A `Meteor.Error`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Refusal {
    pub(in crate::sandbox) code: Code,
    pub(in crate::sandbox) reason: String,
    pub(in crate::sandbox) details: Option<Value>,
}

impl Refusal {
    /// With a code such as `error-not-allowed`; `method` is told in the details.
    pub(in crate::sandbox) fn new(code: &str, reason: impl Into<String>, method: &str) -> Self {
        Self {
            code: Code::Text(code.to_owned()),
            reason: reason.into(),
            details: Some(json!({ "method": method })),
        }
    }

    /// The usual one.
    pub(in crate::sandbox) fn not_allowed(method: &str) -> Self {
        Self::new("error-not-allowed", "Not allowed", method)
    }

    /// Nobody is logged in, or the user is gone.
    pub(in crate::sandbox) fn invalid_user(method: &str) -> Self {
        Self::new("error-invalid-user", "Invalid user", method)
    }

    /// No such method.
    pub(in crate::sandbox) fn unknown_method(method: &str) -> Self {
        Self {
            code: Code::Number(404),
            reason: format!("Method '{method}' not found"),
            details: None,
        }
    }

    /// Arguments that are not of the right form, as Meteor's `check` throws.
    pub(in crate::sandbox) fn match_failed() -> Self {
        Self {
            code: Code::Number(400),
            reason: "Match failed".to_owned(),
            details: None,
        }
    }
}

impl From<Refusal> for Box<RemoteError> {
    fn from(refusal: Refusal) -> Self {
        let details = refusal
            .details
            .and_then(|details| serde_json::value::to_raw_value(&details).ok());
        Self::new(RemoteError::from_meteor(
            refusal.code,
            Some(refusal.reason),
            details,
        ))
    }
}
