//! The table: one row an event (reference/events.md, in its order).

use super::context::Handle;
use super::{apps, messages, omnichannel, presence, rooms, settings, users, workspace};

/// All events, by name.
pub(super) const TABLE: &[(&str, Handle)] = &[
    (messages::CHANGED, messages::changed),
    ("watch.subscriptions", rooms::subscription),
    ("watch.rooms", rooms::room),
    ("watch.users", users::changed),
    ("watch.roles", workspace::role),
    ("watch.settings", settings::changed),
    ("watch.inquiries", omnichannel::inquiry),
    ("watch.integrationHistory", workspace::integration_history),
    (
        "watch.livechatDepartmentAgents",
        omnichannel::department_agent,
    ),
    ("watch.priorities", omnichannel::priority),
    ("watch.loginServiceConfiguration", workspace::login_service),
    ("meteor.clientVersionUpdated", workspace::client_version),
    ("stream", workspace::stream),
    ("presence.status", presence::status),
    ("presence.invalidateVisibility", presence::visibility),
    ("user.forceLogout", users::force_logout),
    ("user.nameChanged", |e, a| {
        e.logged("Users:NameChanged", &[a.some(0)?.get()])
    }),
    ("user.deleted", users::deleted),
    ("user.roleUpdate", users::role_update),
    ("user.avatarUpdate", users::avatar),
    ("room.avatarUpdate", rooms::avatar),
    ("user.updateCustomStatus", |e, a| {
        workspace::wrapped(e, a, "updateCustomUserStatus", "userStatusData")
    }),
    ("user.deleteCustomStatus", |e, a| {
        workspace::wrapped(e, a, "deleteCustomUserStatus", "userStatusData")
    }),
    ("user.video-conference", users::video_conference),
    ("user.media-signal", users::media_signal),
    ("user.activity", rooms::activity),
    ("room.video-conference", rooms::video_conference),
    ("video-conference.updated", rooms::video_conference_updated),
    ("emoji.updateCustom", |e, a| {
        workspace::wrapped(e, a, "updateEmojiCustom", "emojiData")
    }),
    ("emoji.deleteCustom", |e, a| {
        workspace::wrapped(e, a, "deleteEmojiCustom", "emojiData")
    }),
    ("permission.changed", workspace::permission),
    ("license.sync", |e, _| e.all("license", &[])),
    ("license.actions", |e, _| e.all("license", &[])),
    ("abac.config.changed", |e, _| {
        e.logged("abac-config-changed", &[])
    }),
    ("banner.user", |e, a| users::told(e, a, "banners")),
    ("banner.new", |e, a| {
        workspace::banner(e, a, &["new-banner", "banner-changed"])
    }),
    ("banner.enabled", |e, a| {
        workspace::banner(e, a, &["banner-changed"])
    }),
    ("banner.disabled", |e, a| {
        workspace::banner(e, a, &["banner-changed"])
    }),
    ("notify.desktop", |e, a| users::told(e, a, "notification")),
    ("notify.uiInteraction", |e, a| {
        users::told(e, a, "uiInteraction")
    }),
    ("notify.updateInvites", |e, a| {
        users::told(e, a, "updateInvites")
    }),
    ("notify.webdav", |e, a| users::told(e, a, "webdav")),
    ("notify.calendar", |e, a| users::told(e, a, "calendar")),
    ("notify.ephemeralMessage", messages::ephemeral),
    ("notify.e2e.keyRequest", |e, a| {
        rooms::told(e, a, "e2e.keyRequest")
    }),
    ("notify.deleteMessage", |e, a| {
        rooms::told(e, a, "deleteMessage")
    }),
    ("notify.deleteMessageBulk", |e, a| {
        rooms::told(e, a, "deleteMessageBulk")
    }),
    ("notify.messagesRead", messages::read),
    ("notify.importedMessages", messages::imported),
    ("notify.updateCustomSound", |e, a| {
        workspace::sound(e, a, "updateCustomSound")
    }),
    ("notify.deleteCustomSound", |e, a| {
        workspace::sound(e, a, "deleteCustomSound")
    }),
    ("voip.events", |e, a| users::told(e, a, "voip.events")),
    ("call.callerhangup", |e, a| users::told(e, a, "call.hangup")),
    ("connector.statuschanged", |e, a| {
        e.logged("voip.statuschanged", &[a.some(0)?.get()])
    }),
    ("omnichannel.room", omnichannel::room),
    ("apps.added", |e, a| apps::app(e, a, "app/added")),
    ("apps.removed", |e, a| apps::app(e, a, "app/removed")),
    ("apps.updated", |e, a| apps::app(e, a, "app/updated")),
    ("apps.statusUpdate", |e, a| {
        apps::of_app(e, a, "app/statusUpdate", "status")
    }),
    ("apps.settingUpdated", |e, a| {
        apps::of_app(e, a, "app/settingUpdated", "setting")
    }),
    ("command.added", |e, a| apps::app(e, a, "command/added")),
    ("command.disabled", |e, a| {
        apps::app(e, a, "command/disabled")
    }),
    ("command.updated", |e, a| apps::app(e, a, "command/updated")),
    ("command.removed", |e, a| apps::app(e, a, "command/removed")),
    ("actions.changed", apps::actions),
    ("otrMessage", messages::otr),
    ("otrAckUpdate", messages::otr_ack),
    // The registry itself lives in the mesh room. A core may have come, or come back under its name.
    ("$node.connected", workspace::node),
    ("$node.updated", workspace::node),
    ("$node.disconnected", |_, _| Some(())),
];
