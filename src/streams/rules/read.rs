//! The read rules.

use std::sync::Arc;

use super::asker::Asker;
use super::ground::Mark;
use super::params::{Field, RuleArgs, id_and_what};
use super::questions::{PREVIEW, Question};
use super::sources::{Era, Rules};
use super::unasked::{Unasked, unasked};
use crate::streams::catalog::{MY_MESSAGES, ReadRule, Stream};

/// A read rule's answer, as far as it can be given without asking anybody.
enum AtOnce {
    Granted,
    Refused,
    /// The room's visitor, by its token.
    AskVisitor(String),
    Ask,
}

/// What a read rule asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::streams) enum Asks<'a> {
    /// A room.
    Room(&'a str),
    /// One of these permissions.
    Permissions(&'static [&'static str]),
    /// Nothing that is taken away by an event.
    Other,
}

impl Rules {
    /// What a publication stands on, now: the room that the event name names, and the user who asks.
    pub(in crate::streams) fn mark(&self, stream: Stream, event_name: &str, asker: &Asker) -> Mark {
        let room = match stream.row().read {
            ReadRule::Room => id_and_what(event_name).map(|(rid, _)| rid),
            ReadRule::Messages | ReadRule::RoomData | ReadRule::Visitor => Some(event_name),
            _ => None,
        };
        self.grounds.mark_moves(room, asker.uid())
    }

    /// What the rule of a publication asks about, and a change may take away.
    pub(in crate::streams) fn asks(stream: Stream, event_name: &str) -> Asks<'_> {
        match &stream.row().read {
            ReadRule::Room => {
                id_and_what(event_name).map_or(Asks::Other, |(rid, _)| Asks::Room(rid))
            }
            ReadRule::Messages if event_name == MY_MESSAGES => Asks::Other,
            ReadRule::Messages | ReadRule::RoomData | ReadRule::Visitor => Asks::Room(event_name),
            ReadRule::LoggedBut {
                event_name: but,
                permissions,
            } if event_name == *but => Asks::Permissions(permissions),
            ReadRule::AnyPermission(permissions) => Asks::Permissions(permissions),
            ReadRule::Permission(permission)
            | ReadRule::SettingAndPermission { permission, .. } => {
                Asks::Permissions(std::slice::from_ref(permission))
            }
            _ => Asks::Other,
        }
    }

    /// Whether the rule of a publication asks a permission: this one, or any.
    pub(in crate::streams) fn asks_permission(
        &self,
        stream: Stream,
        event_name: &str,
        permission: Option<&str>,
    ) -> bool {
        let is_asked = |asked: &[&str]| permission.is_none_or(|one| asked.contains(&one));
        match Self::asks(stream, event_name) {
            Asks::Permissions(asked) => is_asked(asked),
            Asks::Room(_) => {
                stream == Stream::RoomMessages
                    && !self.services.authorization.offers_can_read_room()
                    && is_asked(&[PREVIEW])
            }
            Asks::Other => false,
        }
    }

    /// The answer, when nobody needs to be asked for it.
    pub(in crate::streams) fn decided(
        &self,
        stream: Stream,
        event_name: &str,
        asker: &Asker,
        args: &RuleArgs,
    ) -> Option<bool> {
        match self.at_once(stream, event_name, asker, args) {
            AtOnce::Granted => Some(true),
            AtOnce::Refused => Some(false),
            AtOnce::AskVisitor(_) | AtOnce::Ask => None,
        }
    }

    /// Whether the rule can answer otherwise when the release does.
    pub(in crate::streams) fn depends_on_release(stream: Stream, event_name: &str) -> bool {
        let row = stream.row();
        let what = id_and_what(event_name).map(|(_, what)| what);
        row.gone_in_8
            || matches!(
                (row.read, what),
                (ReadRule::Room, Some("webrtc")) | (ReadRule::OwnUser, Some("webrtc" | "otr"))
            )
    }

    fn at_once(&self, stream: Stream, event_name: &str, asker: &Asker, args: &RuleArgs) -> AtOnce {
        let when = |granted: bool| match granted {
            true => AtOnce::Granted,
            false => AtOnce::Refused,
        };
        let logged = asker.uid().is_some();
        let ask_when = |possible: bool| match possible {
            true => AtOnce::Ask,
            false => AtOnce::Refused,
        };
        match stream.row().read {
            ReadRule::All => AtOnce::Granted,
            ReadRule::Nobody => AtOnce::Refused,
            ReadRule::Logged => when(logged),
            ReadRule::LoggedBut {
                event_name: but, ..
            } => match event_name == but {
                true => ask_when(logged),
                false => when(logged),
            },
            ReadRule::Permission(_)
            | ReadRule::AnyPermission(_)
            | ReadRule::SettingAndPermission { .. } => ask_when(logged),
            ReadRule::Room => self.room_at_once(event_name, logged, args),
            ReadRule::OwnUser => self.own_user_at_once(event_name, asker),
            ReadRule::Messages => match event_name == MY_MESSAGES {
                true => AtOnce::Granted,
                false => ask_when(args.extra().is_ok()),
            },
            ReadRule::RoomData => ask_when(logged),
            ReadRule::Visitor => match args.field("visitorToken") {
                Field::Text(token) => AtOnce::AskVisitor(token),
                Field::Absent | Field::Foreign => AtOnce::Refused,
            },
            ReadRule::Conference => ask_when(
                logged && id_and_what(event_name).is_some_and(|(_, what)| what == "updated"),
            ),
        }
    }

    fn room_at_once(&self, event_name: &str, logged: bool, args: &RuleArgs) -> AtOnce {
        let Some((_, what)) = id_and_what(event_name) else {
            return AtOnce::Refused;
        };
        if what == "webrtc" && self.era() == Era::Old {
            return AtOnce::Granted;
        }
        match args.field("token") {
            Field::Text(token) => AtOnce::AskVisitor(token),
            Field::Absent if logged => AtOnce::Ask,
            Field::Absent | Field::Foreign => AtOnce::Refused,
        }
    }

    fn own_user_at_once(&self, event_name: &str, asker: &Asker) -> AtOnce {
        let Some((uid, what)) = id_and_what(event_name) else {
            return AtOnce::Refused;
        };
        let era = self.era();
        if what == "webrtc" && era == Era::Old {
            return AtOnce::Granted;
        }
        match asker.uid() == Some(uid) {
            false => AtOnce::Refused,
            true if what == "otr" && era != Era::New => AtOnce::Ask,
            true => AtOnce::Granted,
        }
    }

    /// Asks the rule.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(in crate::streams) async fn read(
        self: &Arc<Self>,
        stream: Stream,
        event_name: &str,
        asker: &Asker,
        args: &RuleArgs,
    ) -> Result<bool, Unasked> {
        let rid_of = |event_name: &str| match stream.row().read {
            ReadRule::Room => id_and_what(event_name).map_or("", |(rid, _)| rid).into(),
            _ => Box::<str>::from(event_name),
        };
        match self.at_once(stream, event_name, asker, args) {
            AtOnce::Granted => return Ok(true),
            AtOnce::Refused => return Ok(false),
            AtOnce::AskVisitor(token) => return self.is_visitor(&rid_of(event_name), &token).await,
            AtOnce::Ask => {}
        }
        if stream.row().read == ReadRule::Messages {
            let Ok(extra) = args.extra() else {
                return Ok(false);
            };
            return self
                .may(Question::ReadRoom {
                    rid: event_name.into(),
                    user: asker.user().cloned(),
                    extra: extra.map(|extra| extra.get().into()),
                })
                .await;
        }
        // All rules below are for users.
        let Some(user) = asker.user().cloned() else {
            return Ok(false);
        };
        match stream.row().read {
            ReadRule::LoggedBut { permissions, .. } | ReadRule::AnyPermission(permissions) => {
                self.may(Question::AnyPermission { user, permissions })
                    .await
            }
            ReadRule::Permission(permission) => {
                self.may(Question::Permission { user, permission }).await
            }
            ReadRule::SettingAndPermission {
                setting,
                permission,
            } => Ok(self.is_on(setting).await?
                && self.may(Question::Permission { user, permission }).await?),
            ReadRule::Room => {
                let rid = rid_of(event_name);
                let access = match self.era() {
                    Era::New => Question::AccessRoomWithRoles { rid, user },
                    Era::Old | Era::Both if self.room(&rid).await?.is_some() => {
                        Question::AccessRoomId { rid, user }
                    }
                    Era::Old | Era::Both => return Ok(false),
                };
                self.may(access).await
            }
            ReadRule::RoomData => {
                self.may(Question::AccessRoom {
                    rid: event_name.into(),
                    user: Some(user),
                    extra: None,
                })
                .await
            }
            ReadRule::OwnUser => self.otr_is_on().await,
            ReadRule::Conference => self.conference(event_name, user.as_str()).await,
            ReadRule::All
            | ReadRule::Nobody
            | ReadRule::Logged
            | ReadRule::Messages
            | ReadRule::Visitor => Ok(false),
        }
    }

    async fn conference(&self, event_name: &str, uid: &str) -> Result<bool, Unasked> {
        let Some((call, _)) = id_and_what(event_name) else {
            return Ok(false);
        };
        let conference = self
            .store
            .video_conference(call)
            .await
            .map_err(|cause| unasked("video conference", &cause))?;
        match conference {
            None => Ok(false),
            Some(conference) => self
                .services
                .video_conference
                .can_access(&conference, uid)
                .await
                .map_err(|cause| unasked("canAccessConference", &cause)),
        }
    }
}
