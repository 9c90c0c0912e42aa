//! Texts that are kept: the words of the protocol, which say nothing of anybody.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Kept where a [`Word`](super::fields::Class::Word) may stand: actions, states, kinds.
const WORDS: &str = "
    inserted updated removed added changed online away busy offline disabled available unavailable not-available
    c p d l v user bot app admin moderator owner leader guest anonymous livechat-agent livechat-manager livechat-monitor
    Users Subscriptions uj ul ru au ut wm ui rtc r rm mute unmute
    room_changed_privacy room_changed_topic room_changed_announcement room_changed_description room_changed_avatar message_pinned
    message_snippeted subscription-role-added subscription-role-removed room-archived room-unarchived discussion-created
    thread-created livechat-close livechat-started livechat_transfer_history livechat_video_call livechat_webrtc_video_call
    omnichannel_priority_change_history omnichannel_sla_change_history omnichannel_placed_chat_on_hold omnichannel_on_hold_chat_resumed
    e2e videoconf command file image audio video button section actions context divider plain_text mrkdwn
    default all mentions nothing queued ready taken pending added done
    visitor api password email color int string boolean select code asset action group relativeUrl roomPick
    manual external system internal presence call
    auto_enabled manually_enabled auto_disabled manually_disabled initialized constructed compiler_error_disabled
    invalid_license_disabled error_disabled invalid_settings_disabled unknown
    open join video_conf conference ringing declined expired
    oid Decimal Meteor.Error
    UNORDERED_LIST ORDERED_LIST LIST_ITEM PARAGRAPH PLAIN_TEXT BOLD ITALIC STRIKE CODE CODE_LINE INLINE_CODE QUOTE SPOILER SPOILER_BLOCK
    HEADING EMOJI BIG_EMOJI LINK IMAGE MENTION_USER MENTION_CHANNEL TASK TASKS TABLE TABLE_ROW TABLE_CELL TIMESTAMP HORIZONTAL_RULE
    LINE_BREAK COLOR KATEX INLINE_KATEX";

/// Kept wherever a pseudonym would stand as well: streams and what is said on them, methods, permissions, errors, what every workspace has.
const NAMES: &str = "
    GENERAL rocket.cat __my_messages__ user-typing user-recording user-uploading
    notify-all notify-logged notify-room notify-room-users notify-user room-messages room-data roles apps stdout user-presence
    integrationHistory canned-responses livechat-room livechat-inquiry-queue-observer importers local video-conference
    public-settings-changed private-settings-changed public-info updateCustomSound deleteCustomSound license
    Users:Deleted Users:NameChanged updateAvatar updateEmojiCustom deleteEmojiCustom roles-change permissions-changed
    updateCustomUserStatus deleteCustomUserStatus banner-changed new-banner voip.statuschanged user-status omnichannel.priority-changed
    userData subscriptions-changed rooms-changed message notification force_logout uiInteraction webdav calendar banners updateInvites
    departmentAgentData otr webrtc e2ekeyRequest e2e.keyRequest media-signal media-calls voip.events call.hangup
    user-activity typing deleteMessage deleteMessageBulk messagesImported messagesRead videoconf public department app command
    app/added app/removed app/updated app/statusUpdate app/settingUpdated actions/changed
    command/added command/updated command/disabled command/removed
    sendMessage updateMessage joinRoom leaveRoom loadHistory loadMissedMessages readMessages getRoomIdByNameOrId createDirectMessage
    setReaction addUsersToRoom removeUserFromRoom login logout setUserStatus spotlight rooms/get subscriptions/get
    permissions/get public-settings/get livechat:setUpConnection stream-notify-room stream-notify-user
    scalability unlimited-presence accessible-certification
    view-c-room view-p-room view-d-room view-l-room preview-c-room view-logs view-privileged-setting edit-privileged-setting
    manage-selected-settings manage-outgoing-integrations manage-own-outgoing-integrations view-canned-responses
    add-user-to-joined-room add-user-to-any-c-room
    Error MeteorError TypeError RangeError MoleculerError MoleculerServerError MoleculerClientError MoleculerRetryableError
    RequestTimeoutError RequestSkippedError RequestRejectedError ServiceNotFoundError ServiceNotAvailableError QueueIsFullError
    ValidationError MaxCallLevelError BrokerDisconnectedError SERVICE_NOT_FOUND SERVICE_NOT_AVAILABLE REQUEST_TIMEOUT REQUEST_REJECTED
    REQUEST_SKIPPED QUEUE_FULL VALIDATION_ERROR
    totp-required totp-invalid totp-max-attempts not-allowed error-not-allowed error-not-authorized error-invalid-user error-invalid-room
    error-user-not-in-room error-action-not-allowed error-invalid-params no-such-room too-many-requests invalid-user
    online away busy offline inserted updated removed resume";

fn list(words: &'static str) -> HashSet<&'static str> {
    words.split_whitespace().collect()
}

static ALL_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| list(WORDS));
static ALL_NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| list(NAMES));

pub(super) fn is_word(text: &str) -> bool {
    ALL_WORDS.contains(text) || is_name(text)
}

pub(super) fn is_name(text: &str) -> bool {
    ALL_NAMES.contains(text)
}
