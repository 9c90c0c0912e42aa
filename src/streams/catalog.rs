//! Every stream, one row each (reference/streams.md, "Rules"): what is not in this table does not exist.
//!
//! Rules are data here; `rules` knows what they mean. The two published collections share the hub with the streams:
//! their channels follow those of the streams.

use super::listening::hub::Channel;
use crate::services::Release;

/// A stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Stream {
    /// `notify-all`
    NotifyAll,
    /// `notify-logged`
    NotifyLogged,
    /// `notify-room`
    NotifyRoom,
    /// `notify-room-users`
    NotifyRoomUsers,
    /// `notify-user`
    NotifyUser,
    /// `room-messages`
    RoomMessages,
    /// `room-data`
    RoomData,
    /// `user-presence`
    UserPresence,
    /// `roles`
    Roles,
    /// `importers`
    Importers,
    /// `apps`
    Apps,
    /// `apps-engine`
    AppsEngine,
    /// `local`
    Local,
    /// `canned-responses`
    CannedResponses,
    /// `integrationHistory`
    IntegrationHistory,
    /// `livechat-room`
    LivechatRoom,
    /// `livechat-inquiry-queue-observer`
    LivechatInquiries,
    /// `stdout`
    Stdout,
    /// `video-conference`
    VideoConference,
}

/// Who may read. Every rule that names a permission, a room of one's own or a setting also asks for a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadRule {
    /// Everybody.
    All,
    /// Nobody.
    Nobody,
    /// Everybody who is logged in.
    Logged,
    /// Everybody who is logged in; one event name asks for one of these permissions.
    LoggedBut {
        /// The event name.
        event_name: &'static str,
        /// The permissions.
        permissions: &'static [&'static str],
    },
    /// Who has a permission.
    Permission(&'static str),
    /// Who has one of several permissions.
    AnyPermission(&'static [&'static str]),
    /// Who has a permission, while a setting is on.
    SettingAndPermission {
        /// The setting.
        setting: &'static str,
        /// The permission.
        permission: &'static str,
    },
    /// `<rid>/<what>`: who may access the room, or holds its visitor's token.
    Room,
    /// `<uid>/<what>`: the user.
    OwnUser,
    /// `<rid>`: who may read the room; `__my_messages__`: everybody, since each message is asked for.
    Messages,
    /// `<rid>`: who is logged in and may access the room.
    RoomData,
    /// `<rid>`: who holds the token of the room's visitor.
    Visitor,
    /// `<callId>/updated`: who may access the conference.
    Conference,
}

impl ReadRule {
    /// Whether it asks about something that an event may take away: a room, or a permission.
    #[must_use]
    pub fn can_be_lost(self) -> bool {
        match self {
            Self::LoggedBut { .. }
            | Self::Permission(_)
            | Self::AnyPermission(_)
            | Self::SettingAndPermission { .. }
            | Self::Room
            | Self::Messages
            | Self::RoomData
            | Self::Visitor => true,
            Self::All | Self::Nobody | Self::Logged | Self::OwnUser | Self::Conference => false,
        }
    }

    /// Whether it looks at the arguments of a publication, which are kept then: it may be asked again.
    #[must_use]
    pub fn has_args(self) -> bool {
        matches!(self, Self::Room | Self::Messages | Self::Visitor)
    }
}

/// Who may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteRule {
    /// Nobody.
    Nobody,
    /// `<rid>/user-activity` in the own name.
    Activity,
    /// Always refused, but relayed to the other members of the room first.
    RoomUsers,
    /// To `notify-user`: calls, and on older releases more.
    User,
}

/// A stream's row.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The stream.
    pub stream: Stream,
    /// Its name without `stream-`.
    pub name: &'static str,
    /// Whether what a client writes goes to the mesh.
    pub retransmits: bool,
    /// Who may read.
    pub read: ReadRule,
    /// Who may write.
    pub write: WriteRule,
    /// Whether 8.x has it no more.
    pub gone_in_8: bool,
}

const fn row(
    stream: Stream,
    name: &'static str,
    retransmits: bool,
    read: ReadRule,
    write: WriteRule,
) -> Row {
    Row {
        stream,
        name,
        retransmits,
        read,
        write,
        gone_in_8: false,
    }
}

/// All streams, in the order of [`Stream`].
pub(super) const ROWS: [Row; 19] = {
    use ReadRule as R;
    use Stream as S;
    use WriteRule as W;
    [
        row(S::NotifyAll, "notify-all", true, R::All, W::Nobody),
        row(
            S::NotifyLogged,
            "notify-logged",
            true,
            R::LoggedBut {
                event_name: "private-settings-changed",
                permissions: &[
                    "view-privileged-setting",
                    "edit-privileged-setting",
                    "manage-selected-settings",
                ],
            },
            W::Nobody,
        ),
        row(S::NotifyRoom, "notify-room", true, R::Room, W::Activity),
        row(
            S::NotifyRoomUsers,
            "notify-room-users",
            true,
            R::Nobody,
            W::RoomUsers,
        ),
        row(S::NotifyUser, "notify-user", true, R::OwnUser, W::User),
        row(
            S::RoomMessages,
            "room-messages",
            true,
            R::Messages,
            W::Nobody,
        ),
        row(S::RoomData, "room-data", true, R::RoomData, W::Nobody),
        row(S::UserPresence, "user-presence", true, R::Logged, W::Nobody),
        row(S::Roles, "roles", true, R::Logged, W::Nobody),
        row(S::Importers, "importers", false, R::All, W::Nobody),
        row(S::Apps, "apps", false, R::All, W::Nobody),
        Row {
            gone_in_8: true,
            ..row(S::AppsEngine, "apps-engine", false, R::Nobody, W::Nobody)
        },
        Row {
            gone_in_8: true,
            ..row(S::Local, "local", true, R::Nobody, W::Nobody)
        },
        row(
            S::CannedResponses,
            "canned-responses",
            true,
            R::SettingAndPermission {
                setting: "Canned_Responses_Enable",
                permission: "view-canned-responses",
            },
            W::Nobody,
        ),
        row(
            S::IntegrationHistory,
            "integrationHistory",
            true,
            R::AnyPermission(&[
                "manage-outgoing-integrations",
                "manage-own-outgoing-integrations",
            ]),
            W::Nobody,
        ),
        row(
            S::LivechatRoom,
            "livechat-room",
            true,
            R::Visitor,
            W::Nobody,
        ),
        row(
            S::LivechatInquiries,
            "livechat-inquiry-queue-observer",
            true,
            R::Permission("view-l-room"),
            W::Nobody,
        ),
        Row {
            gone_in_8: true,
            ..row(
                S::Stdout,
                "stdout",
                true,
                R::Permission("view-logs"),
                W::Nobody,
            )
        },
        row(
            S::VideoConference,
            "video-conference",
            true,
            R::Conference,
            W::Nobody,
        ),
    ]
};

/// Everybody's messages: the event name of `room-messages` that bots listen to.
pub const MY_MESSAGES: &str = "__my_messages__";

/// The channel of the published login services.
pub const LOGIN_SERVICES: Channel = Channel(ROWS.len() as u16);
/// The channel of the published client versions.
pub const CLIENT_VERSIONS: Channel = Channel(ROWS.len() as u16 + 1);
/// How many channels the hub has: the streams, then both collections.
pub const CHANNELS: u16 = ROWS.len() as u16 + 2;

impl Stream {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.stream)
    }

    /// The stream with a name (without `stream-`), whatever the release.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ROWS.iter()
            .find(|row| row.name == name)
            .map(|row| row.stream)
    }

    /// The stream with a name, where the core's release still has it. What is not known to have it counts as having
    /// it not: the stricter of the two.
    #[must_use]
    pub fn offered(name: &str, release: Release) -> Option<Self> {
        Self::named(name).filter(|stream| !stream.row().gone_in_8 || release == Release::V6)
    }

    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Its name, without `stream-`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Its channel in the hub.
    #[must_use]
    pub fn channel(self) -> Channel {
        Channel(self as u16)
    }

    /// The stream of a channel; `None` for a published collection.
    #[must_use]
    pub fn of(channel: Channel) -> Option<Self> {
        ROWS.get(usize::from(channel.0)).map(|row| row.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_streams() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(row.stream as usize, at, "{}", row.name);
            assert_eq!(Stream::named(row.name), Some(row.stream));
            assert_eq!(Stream::of(row.stream.channel()), Some(row.stream));
        }
        assert_eq!(Stream::of(LOGIN_SERVICES), None);
        assert_eq!(Stream::of(CLIENT_VERSIONS), None);
    }

    #[test]
    fn names_are_exact() {
        for other in [
            "",
            "stream-notify-all",
            "Notify-All",
            "notify-all ",
            "integrationhistory",
        ] {
            assert_eq!(Stream::named(other), None, "{other}");
        }
    }

    // contract: mesh/release/stricter
    #[test]
    fn the_logs_are_gone_unless_the_core_is_known_to_have_them() {
        for (release, expected) in [
            (Release::V6, Some(Stream::Stdout)),
            (Release::V8, None),
            (Release::Mixed, None),
            (Release::Unknown, None),
        ] {
            assert_eq!(Stream::offered("stdout", release), expected, "{release:?}");
            assert_eq!(Stream::offered("apps", release), Some(Stream::Apps));
        }
    }

    // contract: streams/write/heard
    #[test]
    fn what_is_not_sent_to_the_mesh() {
        let local: Vec<_> = ROWS
            .iter()
            .filter(|row| !row.retransmits)
            .map(|row| row.name)
            .collect();
        assert_eq!(local, ["importers", "apps", "apps-engine"]);
    }
}
