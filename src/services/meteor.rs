//! `meteor`: the core itself (reference/methods.md).

use serde_json::value::RawValue;

use super::{Calls, ServiceError, text_or_null};
use crate::ejson::{self, RawObject, quoted};

/// The core.
#[derive(Clone)]
pub struct Meteor(pub(super) Calls);

impl Meteor {
    /// `callMethodWithToken`: any method of the core, as a user or anonymously; answers what the method returned.
    ///
    /// # Errors
    /// The method's own error, or that nobody answers.
    pub async fn call_method(
        &self,
        uid: Option<&str>,
        hashed_token: Option<&str>,
        method: &str,
        params: &RawValue,
    ) -> Result<Option<Box<RawValue>>, ServiceError> {
        const ACTION: &str = "meteor.callMethodWithToken";
        let (uid, token, method) = (
            text_or_null(uid),
            text_or_null(hashed_token),
            quoted(method),
        );
        let Some(answer) = self
            .0
            .tell(ACTION, &[&uid, &token, &method, params.get()])
            .await?
        else {
            return Ok(None);
        };
        if ejson::is_null(&answer) {
            return Ok(None);
        }
        let answer = RawObject::of(&answer).ok_or(ServiceError::Unexpected(ACTION))?;
        Ok(answer.get("result").map(ToOwned::to_owned))
    }

    /// `getLoginServiceConfiguration`: a JSON array of records.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn login_services(&self) -> Result<Box<RawValue>, ServiceError> {
        const ACTION: &str = "meteor.getLoginServiceConfiguration";
        self.0
            .ask(ACTION, &[])
            .await?
            .ok_or(ServiceError::Unexpected(ACTION))
    }

    /// `getAutoUpdateClientVersions`: a JSON object of records by architecture.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn client_versions(&self) -> Result<Box<RawValue>, ServiceError> {
        const ACTION: &str = "meteor.getAutoUpdateClientVersions";
        self.0
            .ask(ACTION, &[])
            .await?
            .ok_or(ServiceError::Unexpected(ACTION))
    }

    /// `notifyGuestStatusChanged`: a livechat visitor went offline.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn guest_offline(&self, token: &str) -> Result<(), ServiceError> {
        self.0
            .tell(
                "meteor.notifyGuestStatusChanged",
                &[&quoted(token), "\"offline\""],
            )
            .await
            .map(drop)
    }
}
