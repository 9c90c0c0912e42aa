//! `settings`: the workspace's settings as the core holds them (reference/streams.md, "Further facts of 8.x"); `ee-settings`:
//! the value of an enterprise setting under the workspace's licence (reference/events.md, "Settings").

use serde_json::value::RawValue;
use tracing::debug;

use super::calls::{Calls, ServiceError};
use crate::ejson::{self, quoted};
use crate::mesh::CallError;

/// Moleculer's type of the error for a service that is gone: here, or on the node that was asked.
const NO_SUCH_SERVICE: &str = "SERVICE_NOT_FOUND";

/// The workspace's settings, where a core of 8.x offers them. It is never waited for.
#[derive(Clone)]
pub struct WorkspaceSettings(pub(super) Calls);

impl WorkspaceSettings {
    /// `get`: a setting's value, which is nothing where there is no such setting; `None` where nobody tells.
    pub async fn get(&self, id: &str) -> Option<Option<Box<RawValue>>> {
        const ACTION: &str = "settings.get";
        if !self.0.mesh.offers(ACTION) {
            return None;
        }
        match self.0.ask(ACTION, &[&quoted(id)]).await {
            Ok(value) => Some(value.filter(|value| !ejson::is_null(value))),
            Err(error) => {
                debug!(%error, id, "the core did not tell a setting");
                None
            }
        }
    }
}

/// The service, where the mesh has it. It is never waited for.
#[derive(Clone)]
pub struct EnterpriseSettings(pub(super) Calls);

/// What the licence makes of a setting.
#[derive(Debug)]
pub enum SettingValue {
    /// The setting's own value holds: there is no such service, or it had nothing to say.
    Unchanged,
    /// This value takes its place.
    Replaced(Box<RawValue>),
    /// The service was there and failed: the setting's `invalidValue` holds.
    Invalid,
}

impl EnterpriseSettings {
    /// `changeSettingValue`; never fails, since each failure has its meaning.
    pub async fn value_of(&self, setting: &RawValue) -> SettingValue {
        const ACTION: &str = "ee-settings.changeSettingValue";
        if !self.0.mesh.offers(ACTION) {
            return SettingValue::Unchanged;
        }
        match self.0.ask(ACTION, &[setting.get()]).await {
            Ok(Some(value)) => SettingValue::Replaced(value),
            Ok(None) => SettingValue::Unchanged,
            Err(ServiceError::Call(error)) if error.type_() == NO_SUCH_SERVICE => {
                SettingValue::Unchanged
            }
            // It left between the question whether it is there and the call.
            Err(ServiceError::Call(CallError::ServiceNotAvailable { .. })) => {
                SettingValue::Unchanged
            }
            Err(_) => SettingValue::Invalid,
        }
    }
}
