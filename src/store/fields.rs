//! Which collections, and which fields of them (reference/database.md).

pub(super) const ROOMS: &str = "rocketchat_room";
pub(super) const SUBSCRIPTIONS: &str = "rocketchat_subscription";
pub(super) const USERS: &str = "users";
pub(super) const SETTINGS: &str = "rocketchat_settings";
pub(super) const VIDEO_CONFERENCES: &str = "rocketchat_video_conference";
pub(super) const INSTANCES: &str = "instances";

/// All that are read.
pub(super) const READ: &[&str] = &[ROOMS, SUBSCRIPTIONS, USERS, SETTINGS, VIDEO_CONFERENCES];

/// Of a conference.
pub(super) const CONFERENCE: &[&str] = &["_id", "users", "rid", "discussionRid"];
/// Of a user, for rules.
pub(super) const ROLES: &[&str] = &["_id", "roles"];
/// Of a user, for itself, after a login. `_id` travels apart.
pub(super) const OWN_USER: &[&str] = &[
    "name",
    "username",
    "nickname",
    "emails",
    "status",
    "statusDefault",
    "statusText",
    "statusConnection",
    "bio",
    "avatarOrigin",
    "utcOffset",
    "language",
    "settings",
    "enableAutoAway",
    "idleTimeLimit",
    "roles",
    "active",
    "defaultRoom",
    "customFields",
    "requirePasswordChange",
    "requirePasswordChangeReason",
    "statusLivechat",
    "banners",
    "oauth.authorizedClients",
    "_updatedAt",
    "avatarETag",
    "openBusinessHours",
    "services.totp.enabled",
    "services.email2fa.enabled",
];
