//! Which roles may do what: the defaults of a new workspace, as far as the sandbox asks for them.

/// `rocketchat_permissions`.
pub(in crate::sandbox) const PERMISSIONS: &[(&str, &[&str])] = &[
    ("add-user-to-any-c-room", &["admin"]),
    ("add-user-to-joined-room", &["admin", "owner", "moderator"]),
    ("create-c", &["admin", "user", "bot"]),
    ("create-d", &["admin", "user", "bot"]),
    ("create-p", &["admin", "user", "bot"]),
    ("delete-c", &["admin", "owner"]),
    ("delete-message", &["admin", "owner", "moderator"]),
    ("delete-own-message", &["admin", "user"]),
    ("delete-p", &["admin", "owner"]),
    ("edit-message", &["admin", "owner", "moderator"]),
    ("edit-privileged-setting", &["admin"]),
    ("edit-room", &["admin", "owner", "moderator"]),
    ("leave-c", &["admin", "user", "bot", "anonymous"]),
    ("leave-p", &["admin", "user", "bot", "anonymous"]),
    ("manage-outgoing-integrations", &["admin"]),
    ("manage-own-outgoing-integrations", &["admin"]),
    ("manage-selected-settings", &["admin"]),
    ("post-readonly", &["admin", "owner", "moderator"]),
    ("preview-c-room", &["admin", "user", "anonymous"]),
    ("remove-user", &["admin", "owner", "moderator"]),
    ("view-c-room", &["admin", "user", "bot", "anonymous"]),
    ("view-canned-responses", &["admin", "livechat-agent"]),
    ("view-d-room", &["admin", "user", "bot", "guest"]),
    (
        "view-l-room",
        &["admin", "livechat-agent", "livechat-manager"],
    ),
    ("view-logs", &["admin"]),
    ("view-p-room", &["admin", "user", "anonymous", "guest"]),
    ("view-privileged-setting", &["admin"]),
];

/// The roles that may; none for a permission that is not known.
pub(in crate::sandbox) fn roles_with(permission: &str) -> &'static [&'static str] {
    PERMISSIONS
        .iter()
        .find(|(id, _)| *id == permission)
        .map_or(&[], |(_, roles)| roles)
}
