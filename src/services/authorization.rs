//! `authorization`: permissions and room access (reference/streams.md, "Rules").

use serde_json::value::RawValue;

use super::calls::{Calls, ServiceError};
use crate::ejson::{self, join, quoted};

/// The authorization service.
#[derive(Clone)]
pub struct Authorization(pub(super) Calls);

/// The action that 8.x adds.
const CAN_READ_ROOM: &str = "authorization.canReadRoom";

impl Authorization {
    /// Waits until the service is there again: after an outage its nodes come back later than NATS.
    pub async fn seen_again(&self) {
        self.0.mesh.seen_again("authorization").await;
    }

    /// The user of a question: `{_id}`; an anonymous session asks as `{_id: ""}`.
    #[must_use]
    pub fn user(uid: Option<&str>) -> Box<RawValue> {
        let user = format!(r#"{{"_id":{}}}"#, quoted(uid.unwrap_or_default()));
        ejson::raw(user).unwrap_or_else(|_| ejson::NULL.to_owned())
    }

    /// `canAccessRoom`: `room` whole and `user` (`{_id}` or `{_id, roles}`), as EJSON.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn can_access_room(
        &self,
        room: &RawValue,
        user: &RawValue,
        extra: Option<&RawValue>,
    ) -> Result<bool, ServiceError> {
        let extra = extra.map_or("null", RawValue::get);
        self.0
            .check(
                "authorization.canAccessRoom",
                &[room.get(), user.get(), extra],
            )
            .await
    }

    /// `canAccessRoomId`.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn can_access_room_id(&self, rid: &str, uid: &str) -> Result<bool, ServiceError> {
        self.0
            .check(
                "authorization.canAccessRoomId",
                &[&quoted(rid), &quoted(uid)],
            )
            .await
    }

    /// Whether some node offers `canReadRoom`.
    #[must_use]
    pub fn offers_can_read_room(&self) -> bool {
        self.0.mesh.offers(CAN_READ_ROOM)
    }

    /// `canReadRoom`: `user` is `{_id, roles}` as EJSON, `None` for an anonymous session.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn can_read_room(
        &self,
        room: &RawValue,
        user: Option<&RawValue>,
        extra: Option<&RawValue>,
    ) -> Result<bool, ServiceError> {
        let null_or = |value: Option<&RawValue>| value.map_or("null", RawValue::get).to_owned();
        self.0
            .check(
                CAN_READ_ROOM,
                &[room.get(), &null_or(user), &null_or(extra)],
            )
            .await
    }

    /// `hasPermission`.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn has_permission(&self, uid: &str, permission: &str) -> Result<bool, ServiceError> {
        self.0
            .check(
                "authorization.hasPermission",
                &[&quoted(uid), &quoted(permission)],
            )
            .await
    }

    /// `hasAtLeastOnePermission`.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn has_at_least_one_permission(
        &self,
        uid: &str,
        permissions: &[&str],
    ) -> Result<bool, ServiceError> {
        let list = join(permissions.iter().map(|permission| quoted(permission)));
        self.0
            .check(
                "authorization.hasAtLeastOnePermission",
                &[&quoted(uid), &list],
            )
            .await
    }
}
