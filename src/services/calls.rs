//! A call with its arguments, and how its answer is read.

use serde_json::value::RawValue;
use thiserror::Error;

use crate::ejson;
use crate::mesh::{Call, CallError, Mesh};

/// Every action that is called.
pub const ACTIONS: &[&str] = &[
    "accounts.login",
    "accounts.logout",
    "authorization.canAccessConference",
    "authorization.canAccessRoom",
    "authorization.canAccessRoomId",
    "authorization.canReadRoom",
    "authorization.hasAtLeastOnePermission",
    "authorization.hasPermission",
    "ee-settings.changeSettingValue",
    "license.hasValidLicense",
    "media-call.processSerializedSignal",
    "meteor.callMethodWithToken",
    "meteor.getAutoUpdateClientVersions",
    "meteor.getLoginServiceConfiguration",
    "meteor.notifyGuestStatusChanged",
    "presence.newConnection",
    "presence.removeConnection",
    "presence.setConnectionStatus",
    "presence.setStatus",
    "presence.updateConnection",
    "settings.get",
    "status-visibility.getHiddenFrom",
    "status-visibility.getRestrictedUsers",
    "status-visibility.refresh",
    "video-conference.validateAction",
];

/// The services that clients cannot do without.
pub const NEEDED: &[&str] = &["accounts", "authorization", "license", "meteor", "presence"];

/// Why a service did not answer.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The call failed, or the service answered with an error.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The answer was of another form than documented.
    #[error("{0} answered something unexpected")]
    Unexpected(&'static str),
}

/// What a service answers; `None` is nothing at all.
pub type Answer = Result<Option<Box<RawValue>>, ServiceError>;

/// Calls over the mesh with arguments as ready JSON texts.
#[derive(Clone)]
pub(super) struct Calls {
    pub(super) mesh: Mesh,
}

impl Calls {
    pub(super) fn new(mesh: &Mesh) -> Self {
        Self { mesh: mesh.clone() }
    }

    /// A check or a read: may be retried.
    pub(super) async fn ask(&self, action: &'static str, args: &[&str]) -> Answer {
        self.call(action, args, true).await
    }

    /// Something that is done by being asked: never retried.
    pub(super) async fn tell(&self, action: &'static str, args: &[&str]) -> Answer {
        self.call(action, args, false).await
    }

    pub(super) async fn call(
        &self,
        action: &'static str,
        args: &[&str],
        repeatable: bool,
    ) -> Answer {
        self.call_with(action, &ejson::join(args), repeatable).await
    }

    /// `params` is the whole JSON array of the arguments.
    pub(super) async fn call_with(
        &self,
        action: &'static str,
        params: &str,
        repeatable: bool,
    ) -> Answer {
        debug_assert!(ACTIONS.contains(&action), "{action} has no row");
        Ok(self
            .mesh
            .call(Call {
                repeatable,
                ..Call::new(action, params)
            })
            .await?)
    }

    /// A check whose answer is `true` or `false`; nothing at all is `false`.
    pub(super) async fn check(
        &self,
        action: &'static str,
        args: &[&str],
    ) -> Result<bool, ServiceError> {
        match self.ask(action, args).await?.as_deref().map(RawValue::get) {
            Some("true") => Ok(true),
            Some("false" | "null") | None => Ok(false),
            Some(_) => Err(ServiceError::Unexpected(action)),
        }
    }
}
