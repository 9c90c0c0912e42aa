//! The events that the core's services list in their INFO. A streamer reads the core's release off them (reference/mesh.md), so the
//! lists are those of recorded nodes; later releases are written as the difference.

use super::options::CoreRelease;

/// Listed by the `meteor` service of 6.x.
const STREAM_EVENTS: &[&str] = &[
    "license.sync",
    "license.actions",
    "emoji.deleteCustom",
    "emoji.updateCustom",
    "user.forceLogout",
    "notify.ephemeralMessage",
    "permission.changed",
    "room.avatarUpdate",
    "user.avatarUpdate",
    "user.deleted",
    "user.deleteCustomStatus",
    "user.nameChanged",
    "user.roleUpdate",
    "user.video-conference",
    "room.video-conference",
    "presence.status",
    "user.updateCustomStatus",
    "watch.messages",
    "notify.messagesRead",
    "watch.subscriptions",
    "watch.roles",
    "watch.inquiries",
    "watch.settings",
    "watch.rooms",
    "watch.users",
    "watch.integrationHistory",
    "watch.livechatDepartmentAgents",
    "banner.user",
    "banner.new",
    "banner.disabled",
    "banner.enabled",
    "notify.desktop",
    "notify.uiInteraction",
    "notify.updateInvites",
    "notify.webdav",
    "notify.e2e.keyRequest",
    "notify.deleteMessage",
    "notify.deleteMessageBulk",
    "notify.deleteCustomSound",
    "notify.updateCustomSound",
    "notify.calendar",
    "notify.importedMessages",
    "omnichannel.room",
    "watch.priorities",
    "apps.added",
    "apps.removed",
    "apps.updated",
    "apps.statusUpdate",
    "apps.settingUpdated",
    "command.added",
    "command.disabled",
    "command.updated",
    "command.removed",
    "actions.changed",
    "watch.integrations",
    "watch.emailInbox",
];

/// Before 8.x.
const UP_TO_7: &[&str] = &[
    "voip.events",
    "call.callerhangup",
    "connector.statuschanged",
    "otrMessage",
    "otrAckUpdate",
];

const SINCE_7: &[&str] = &["user.media-signal"];

const SINCE_8: &[&str] = &[
    "user.activity",
    "video-conference.updated",
    "presence.invalidateVisibility",
    "abac.config.changed",
];

const SINCE_9: &[&str] = &["stream"];

/// The events of the `meteor` service.
pub(super) fn meteor(release: CoreRelease) -> impl Iterator<Item = &'static str> {
    let own: &[&[&str]] = match release {
        CoreRelease::V6 => &[UP_TO_7],
        CoreRelease::V7 => &[UP_TO_7, SINCE_7],
        CoreRelease::V8 => &[SINCE_7, SINCE_8],
        CoreRelease::V9 => &[SINCE_7, SINCE_8, SINCE_9],
    };
    STREAM_EVENTS
        .iter()
        .chain(own.iter().copied().flatten())
        .copied()
}

/// Everything that a core may broadcast: what the probe listens to, and what the page offers for injection.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    const MORE: &[&str] = &[
        "watch.loginServiceConfiguration",
        "meteor.clientVersionUpdated",
    ];
    STREAM_EVENTS
        .iter()
        .chain(UP_TO_7)
        .chain(SINCE_7)
        .chain(SINCE_8)
        .chain(SINCE_9)
        .chain(MORE)
        .copied()
}
