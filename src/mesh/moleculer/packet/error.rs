//! `RES.error`, as it is written.

use serde_json::value::RawValue;

use crate::mesh::error::CallError;
use crate::mesh::node_id::NodeId;
use crate::mesh::remote_error::{Code, RemoteError};
use crate::mesh::shared::json::Writer;

/// Why a call brought no result.
pub(super) fn write_error(error: &CallError, own: &NodeId, out: &mut Writer) {
    if let CallError::Remote(remote) = error {
        return write_remote(remote, own, out);
    }
    let action = match error {
        CallError::ServiceNotFound { action, .. }
        | CallError::ServiceNotAvailable { action }
        | CallError::MeshAway { action }
        | CallError::Timeout { action, .. }
        | CallError::TooLarge { action, .. }
        | CallError::NodeLost { action, .. }
        | CallError::QueueFull { action }
        | CallError::BadAnswer { action, .. }
        | CallError::Cancelled { action } => action.as_str(),
        CallError::Remote(_) => "",
    };
    let mut data = Writer::default();
    data.open();
    data.text("action", action);
    data.text("nodeID", own.as_str());
    data.close();
    let data = String::from_utf8(data.finish())
        .ok()
        .and_then(|json| RawValue::from_string(json).ok());
    let remote = RemoteError {
        name: error.name().to_owned(),
        message: error.to_string(),
        code: Some(Code::Number(error.code())),
        type_: Some(error.type_().to_owned()),
        retryable: error.retryable(),
        data,
        ..RemoteError::default()
    };
    write_remote(&remote, own, out);
}

/// Writes `RES.error` with the keys in the order in which Rocket.Chat's nodes send them.
fn write_remote(error: &RemoteError, own: &NodeId, out: &mut Writer) {
    out.open();
    out.text("name", &error.name);
    out.text("message", &error.message);
    out.text("nodeID", error.node_id.as_deref().unwrap_or(own.as_str()));
    match &error.code {
        Some(Code::Number(number)) => out.number("code", *number),
        Some(Code::Text(text)) => out.text("code", text),
        None => {}
    }
    if let Some(type_) = &error.type_ {
        out.text("type", type_);
    }
    if error.retryable || error.code.is_some() {
        out.flag("retryable", error.retryable);
    }
    if let Some(stack) = &error.stack {
        out.text("stack", stack);
    }
    if let Some(data) = &error.data {
        out.raw("data", data.get());
    }
    if let Some(error_type) = &error.error_type {
        out.flag("isClientSafe", error.is_client_safe);
        out.text("errorType", error_type);
    }
    if let Some(reason) = &error.reason {
        out.text("reason", reason);
    }
    if let Some(details) = &error.details {
        out.raw("details", details.get());
    }
    out.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_for_the_client_comes_back_as_it_was() {
        let details = RawValue::from_string(r#"{"a":1}"#.into()).unwrap();
        let sent = RemoteError::from_meteor(
            Code::Number(403),
            Some("Your session has expired".into()),
            Some(details),
        );
        let mut out = Writer::default();
        write_remote(&sent, &NodeId::new("core-1").unwrap(), &mut out);
        let text = out.finish();
        let raw: &RawValue = serde_json::from_slice(&text).unwrap();
        let got = RemoteError::read(Some(raw)).meteor().unwrap();
        assert_eq!(
            (got.code, got.message.as_str()),
            (Code::Number(403), "Your session has expired [403]")
        );
        assert_eq!(got.details.unwrap().get(), r#"{"a":1}"#);
    }
}
