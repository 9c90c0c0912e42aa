//! What a method answers, and what a client sees of a call that failed (reference/mesh.md, "Errors coming back").

use std::time::Duration;

use serde_json::value::RawValue;
use tracing::{debug, error, warn};

use crate::ddp::{Code, DdpError};
use crate::mesh::{self, CallError};
use crate::services::ServiceError;
use crate::telemetry::limit::Limited;

/// What a method answers.
pub(super) type Answer = Result<Option<Box<RawValue>>, DdpError>;

/// A fault of the core is logged at most so often: clients decide how often they call.
const FAULTS: Duration = Duration::from_secs(1);
static FAULT: Limited = Limited::every(FAULTS);
static UNAVAILABLE: Limited = Limited::every(FAULTS);

/// The error for a client. What is meant for it goes through with its code; of what happened between the nodes it
/// learns the kind; everything else is the log's business.
pub(super) fn for_client(error: &ServiceError) -> DdpError {
    let error = match error {
        ServiceError::Call(error) => error,
        unexpected @ ServiceError::Unexpected(_) => {
            FAULT.log(|left_out| error!(error = %unexpected, left_out, "the core answered what cannot be read"));
            return DdpError::internal();
        }
    };
    match error {
        CallError::Remote(remote) => match remote.meteor() {
            Some(meteor) => {
                debug!(error = %remote, "the core refused a call");
                meteor_error(meteor)
            }
            None => {
                let stack = remote.stack.as_deref().unwrap_or_default();
                FAULT.log(|left_out| error!(error = %remote, stack, left_out, "the core failed in a call"));
                DdpError::internal()
            }
        },
        CallError::BadAnswer { .. } => {
            FAULT.log(|left_out| error!(%error, left_out, "the core answered what cannot be read"));
            DdpError::internal()
        }
        CallError::TooLarge { .. } => {
            debug!(%error, "a client's call is too large for the mesh");
            DdpError::number(413, "Request too large")
        }
        CallError::QueueFull { .. } => {
            unavailable(error);
            DdpError::too_many_requests()
        }
        CallError::Timeout { .. } => {
            unavailable(error);
            DdpError::number(504, "Request timed out")
        }
        CallError::ServiceNotFound { .. }
        | CallError::ServiceNotAvailable { .. }
        | CallError::MeshAway { .. }
        | CallError::NodeLost { .. }
        | CallError::Cancelled { .. } => {
            unavailable(error);
            DdpError::number(503, "Service unavailable")
        }
    }
}

/// Whether a login was refused for its credentials. Where a second factor is asked for, the first was right.
pub(super) fn refuses_login(error: &ServiceError) -> bool {
    let ServiceError::Call(CallError::Remote(remote)) = error else {
        return false;
    };
    let asks_more = |code| matches!(code, mesh::Code::Text(word) if word == "totp-required");
    remote
        .meteor()
        .is_some_and(|meteor| !asks_more(meteor.code))
}

fn unavailable(error: &CallError) {
    UNAVAILABLE.log(|left_out| warn!(%error, left_out, "a client's call was not answered"));
}

fn meteor_error(meteor: mesh::MeteorError) -> DdpError {
    DdpError {
        code: match meteor.code {
            mesh::Code::Number(number) => Code::Number(number),
            mesh::Code::Text(text) => Code::Text(text),
        },
        reason: meteor.reason,
        details: meteor.details,
        is_client_safe: meteor.is_client_safe,
    }
}
