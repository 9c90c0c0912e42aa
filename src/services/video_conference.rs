//! `video-conference` and `media-call` (reference/streams.md, the write rules of `notify-user`).

use serde_json::value::RawValue;

use super::calls::{Calls, ServiceError};
use crate::ejson::quoted;

/// The services behind calls.
#[derive(Clone)]
pub struct VideoConference(pub(super) Calls);

impl VideoConference {
    /// `validateAction`; `params` is `{callId, uid, rid}`.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn validate_action(
        &self,
        action: &str,
        uid: &str,
        params: &RawValue,
    ) -> Result<bool, ServiceError> {
        self.0
            .check(
                "video-conference.validateAction",
                &[&quoted(action), &quoted(uid), params.get()],
            )
            .await
    }

    /// `canAccessConference`; `call` is `{users, rid, discussionRid}`.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn can_access(&self, call: &RawValue, uid: &str) -> Result<bool, ServiceError> {
        self.0
            .check(
                "authorization.canAccessConference",
                &[call.get(), &quoted(uid)],
            )
            .await
    }

    /// `media-call.processSerializedSignal`.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn process_media_signal(&self, uid: &str, signal: &str) -> Result<(), ServiceError> {
        self.0
            .tell(
                "media-call.processSerializedSignal",
                &[&quoted(uid), &quoted(signal)],
            )
            .await
            .map(drop)
    }
}
