//! What the rules ask the services and the store, and what of it is asked once.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::value::RawValue;

use super::reuse::Found;
use super::sources::Rules;
use super::unasked::{Unasked, unasked};
use crate::client::UserId;
use crate::ejson::{self, RawObject};
use crate::services::Authorization;
use crate::store::Document;

/// A question about access whose granted answer is known for a while. The fields are all that the answer depends on,
/// but for what the events of [`super::ground::Grounds`] tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::streams) enum Question {
    /// `canAccessRoom`; a room that does not exist is no access.
    AccessRoom {
        rid: Box<str>,
        user: Option<UserId>,
        extra: Option<Box<str>>,
    },
    /// `canAccessRoom` with the user's roles.
    AccessRoomWithRoles { rid: Box<str>, user: UserId },
    /// `canAccessRoomId`.
    AccessRoomId { rid: Box<str>, user: UserId },
    /// `canReadRoom`, or what older releases have instead.
    ReadRoom {
        rid: Box<str>,
        user: Option<UserId>,
        extra: Option<Box<str>>,
    },
    /// A subscription to the room.
    Member { rid: Box<str>, user: UserId },
    /// `hasPermission`.
    Permission {
        user: UserId,
        permission: &'static str,
    },
    /// `hasAtLeastOnePermission`.
    AnyPermission {
        user: UserId,
        permissions: &'static [&'static str],
    },
}

impl Question {
    fn rid(&self) -> Option<&str> {
        match self {
            Self::AccessRoom { rid, .. }
            | Self::AccessRoomWithRoles { rid, .. }
            | Self::AccessRoomId { rid, .. }
            | Self::ReadRoom { rid, .. }
            | Self::Member { rid, .. } => Some(rid),
            Self::Permission { .. } | Self::AnyPermission { .. } => None,
        }
    }

    fn uid(&self) -> Option<&str> {
        match self {
            Self::AccessRoom { user, .. } | Self::ReadRoom { user, .. } => {
                user.as_ref().map(UserId::as_str)
            }
            Self::AccessRoomWithRoles { user, .. }
            | Self::AccessRoomId { user, .. }
            | Self::Member { user, .. }
            | Self::Permission { user, .. }
            | Self::AnyPermission { user, .. } => Some(user.as_str()),
        }
    }
}

impl Rules {
    /// Whether it is so; known answers and questions in flight are shared.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(in crate::streams) async fn may(
        self: &Arc<Self>,
        question: Question,
    ) -> Result<bool, Unasked> {
        let mark = self.grounds.mark(question.rid(), question.uid());
        let (rules, asked) = (self.clone(), question.clone());
        let granted = self
            .grants
            .ask(question, mark, &self.grounds, || {
                async move { Ok(rules.ask(&asked).await?.then_some(())) }.boxed()
            })
            .await?;
        Ok(granted.is_some())
    }

    /// The room's document; known ones and reads in flight are shared.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(in crate::streams) async fn room(self: &Arc<Self>, rid: &str) -> Found<Document> {
        let mark = self.grounds.mark(Some(rid), None);
        let (rules, id) = (self.clone(), Box::<str>::from(rid));
        self.rooms
            .ask(rid.into(), mark, &self.grounds, || {
                async move { rules.read_room_document(&id).await }.boxed()
            })
            .await
    }

    async fn read_room_document(&self, rid: &str) -> Found<Document> {
        let found = self.store.room(rid).await;
        let found = found.map_err(|cause| unasked("room", &cause))?;
        // The event may come after it, and tell what is known then: who asks with the former document is to ask again.
        if let Some(room) = &found
            && self.looks.read(rid, room)
        {
            self.grounds.room_moved(rid);
        }
        Ok(found)
    }

    /// Whether a room's event can change who may access it: it cannot where all that access depends on is as it was
    /// when the room was last read. A room that nobody read, or that lacks something now, may be another one.
    pub(in crate::streams) fn has_moved(&self, rid: &str, room: &RawObject<'_>) -> bool {
        self.looks.differs(rid, room)
    }

    /// The room's type, where the room was read lately.
    pub(in crate::streams) fn known_type(&self, rid: &str) -> Option<String> {
        room_type(&self.rooms.last(rid)?)
    }

    async fn ask(self: &Arc<Self>, question: &Question) -> Result<bool, Unasked> {
        let authorization = &self.services.authorization;
        let answer = match question {
            Question::AccessRoom { rid, user, extra } => {
                let Some(room) = self.room(rid).await? else {
                    return Ok(false);
                };
                return self.access(&room, user.as_ref(), extra.as_deref()).await;
            }
            Question::AccessRoomWithRoles { rid, user } => {
                let (Some(room), Some(user)) = (self.room(rid).await?, self.roles(user).await?)
                else {
                    return Ok(false);
                };
                authorization.can_access_room(&room, &user, None).await
            }
            Question::ReadRoom { rid, user, extra } => {
                let Some(room) = self.room(rid).await? else {
                    return Ok(false);
                };
                return self.read_room(&room, user.as_ref(), extra.as_deref()).await;
            }
            Question::Member { rid, user } => {
                return self
                    .store
                    .is_member(rid, user.as_str())
                    .await
                    .map_err(|cause| unasked("member", &cause));
            }
            Question::AccessRoomId { rid, user } => {
                authorization.can_access_room_id(rid, user.as_str()).await
            }
            Question::Permission { user, permission } => {
                authorization
                    .has_permission(user.as_str(), permission)
                    .await
            }
            Question::AnyPermission { user, permissions } => {
                authorization
                    .has_at_least_one_permission(user.as_str(), permissions)
                    .await
            }
        };
        answer.map_err(|cause| unasked("authorization", &cause))
    }

    async fn access(
        &self,
        room: &RawValue,
        user: Option<&UserId>,
        extra: Option<&str>,
    ) -> Result<bool, Unasked> {
        let extra = extra_json(extra)?;
        let user = Authorization::user(user.map(UserId::as_str));
        self.services
            .authorization
            .can_access_room(room, &user, extra)
            .await
            .map_err(|cause| unasked("canAccessRoom", &cause))
    }

    /// `canReadRoom` where it is offered; else access, or a public channel and the permission to look into it first.
    async fn read_room(
        &self,
        room: &RawValue,
        user: Option<&UserId>,
        extra: Option<&str>,
    ) -> Result<bool, Unasked> {
        let authorization = &self.services.authorization;
        if authorization.offers_can_read_room() {
            let document = match user {
                None => None,
                Some(user) => match self.roles(user).await? {
                    // A user that is gone reads nothing, and asks for nothing as an anonymous session either.
                    None => return Ok(false),
                    found => found,
                },
            };
            return authorization
                .can_read_room(room, document.as_deref(), extra_json(extra)?)
                .await
                .map_err(|cause| unasked("canReadRoom", &cause));
        }
        if self.access(room, user, extra).await? {
            return Ok(true);
        }
        match user {
            Some(user) if room_type(room).as_deref() == Some("c") => authorization
                .has_permission(user.as_str(), PREVIEW)
                .await
                .map_err(|cause| unasked("hasPermission", &cause)),
            _ => Ok(false),
        }
    }

    /// The rooms that a user is subscribed to.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(in crate::streams) async fn subscribed_rooms(
        &self,
        uid: &str,
    ) -> Result<Vec<String>, Unasked> {
        self.store
            .subscribed_rooms(uid)
            .await
            .map_err(|cause| unasked("subscribed rooms", &cause))
    }

    async fn roles(&self, user: &UserId) -> Found<Document> {
        self.store
            .user_roles(user.as_str())
            .await
            .map_err(|cause| unasked("roles", &cause))
    }

    /// Whether a setting is on.
    ///
    /// # Errors
    /// When it is not known and the store does not answer.
    pub(super) async fn is_on(&self, setting: &'static str) -> Result<bool, Unasked> {
        Ok(self.switch(setting).await? == Some(true))
    }

    /// Whether OTR is on: a setting that may be a text.
    ///
    /// # Errors
    /// When it is not known and the store does not answer.
    pub(super) async fn otr_is_on(&self) -> Result<bool, Unasked> {
        let value = self.setting("OTR_Enable").await?;
        Ok(value.is_some_and(|value| matches!(value.get(), "true" | "\"true\"")))
    }

    async fn setting(&self, setting: &'static str) -> Result<Option<Document>, Unasked> {
        self.settings
            .get(setting)
            .await
            .map_err(|cause| unasked(setting, &cause))
    }

    /// A setting that is on or off; `None` when it is missing. What is no boolean is off.
    ///
    /// # Errors
    /// When it is not known and the store does not answer.
    pub(in crate::streams) async fn switch(
        &self,
        setting: &'static str,
    ) -> Result<Option<bool>, Unasked> {
        let value = self.setting(setting).await?;
        Ok(value
            .filter(|value| !ejson::is_null(value))
            .map(|value| value.get() == "true"))
    }

    /// Whether `token` is that of the visitor whose omnichannel room it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn is_visitor(&self, rid: &str, token: &str) -> Result<bool, Unasked> {
        let room = self
            .store
            .room_visitor(rid)
            .await
            .map_err(|cause| unasked("room", &cause))?;
        Ok(room.is_some_and(|room| {
            room.t.as_deref() == Some("l")
                && !token.is_empty()
                && room.visitor_token.as_deref() == Some(token)
        }))
    }
}

/// Lets a user look into public channels, where `canReadRoom` is not offered.
pub(super) const PREVIEW: &str = "preview-c-room";

/// A room's type.
fn room_type(room: &RawValue) -> Option<String> {
    RawObject::of(room)?.text("t").map(String::from)
}

fn extra_json(extra: Option<&str>) -> Result<Option<&RawValue>, Unasked> {
    extra
        .map(|json| serde_json::from_str(json).map_err(|cause| unasked("extra", &cause)))
        .transpose()
}
