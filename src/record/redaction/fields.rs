//! The fields whose names are known, and what becomes of their values. Whatever is not in this table is replaced, name and value.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What becomes of the values of a field. Numbers, booleans and dates are kept where nothing else is said; whatever stands inside of an object goes by its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A word of the protocol is kept; any other text becomes its pseudonym.
    Word,
    /// Texts become pseudonyms, each the same one wherever it stands; numbers are replaced.
    Id,
    /// Texts are replaced, but for dates.
    Plain,
    /// The text of a message: replaced unless texts are kept.
    Text,
    /// The parsed form of such a text, all that is below included.
    Markup,
    /// Everything is replaced, all that is below included.
    Hidden,
}

const WORD: &str = "
    t type clientAction action status statusDefault statusConnection previousStatus statusSource statusLivechat roles scope
    state stream kind e2e desktopNotifications mobilePushNotifications emailNotifications unreadAlert errorType
    sysMes method module permission capability";

const ID: &str = "
    _id id ids rid rids roomId roomIds uid uids userId userIds user username usernames name fname u mid messageId tmid prid agentId agent
    defaultAgent departmentId department instanceId connectionId connection session sessionId callId conferenceId drid parent parentId
    appId bannerId integration teamId createdBy editedBy servedBy closedBy pinnedBy alias eventName nodeId nodeID node viewer viewers
    targets groupId priorityId slaId etag avatarETag tunread tunreadGroup tunreadUser replies groupMentionIds v visitor contactId
    args params result owner inviter sender receiver callee caller";

const PLAIN: &str = "
    message messages room rooms subscription subscriptions setting inquiry role data diff unset ts _updatedAt
    createdAt updatedAt lm ls lr tlm tcount tunreads unread unreads userMentions groupMentions alert open f archived ro broadcast
    encrypted default featured msgs usersCount hidden public enterprise requiredOnWizard blocked blocker groupable parseUrls private
    bot urls mentions channels attachments file files size image_size image_dimensions width height video_size audio_size duration
    blocks starred pinned pinnedAt reactions editedAt tshow lastMessage success isTyping isClientSafe until count total
    order timeout retryable expires expiresAt tokenExpires when at active verified enabled disabled required locked lockedAt onHold
    takenAt closedAt queuedAt statusExpiresAt acknowledgeMessage userStatus emoji sound collapsed jitsiTimeout
    hideUnreadStatus hideMentionStatus muteGroupMentions disableNotifications favorite joinCodeRequired uiInteraction
    hideAll untold signal seq ver level";

const TEXT: &str = "msg tmsg text";

const MARKUP: &str = "md descriptionMd";

/// Known by name, so that whoever reads a recording sees what was there.
const HIDDEN: &str = "
    token tokens loginTokens hashedToken resume password pass bcrypt services email emails address secret digest totp email2fa
    httpHeaders headers clientAddress ip host hostname url link value values packageValue packageEmoji customFields livechatData
    settings preferences statusText bio nickname title description topic announcement reason details stack content html parsedUrl
    meta avatar avatarUrl phone location version e2e_suggested_key E2EKey E2ESuggestedKey e2eKeyId ciphertext nonce key keys publicKey
    private_key public_key payload body options query path title_link image_url audio_url video_url thumb_url author_name author_icon
    author_link fields footer pretext language timezone utcOffset federation ldap saml oauth apiKey editor properties translations
    loginToken user-agent x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip accept-language cookie authorization upgrade
    sec-websocket-version sec-websocket-key sec-websocket-extensions sec-websocket-protocol
    comment comments error errors note notes label labels icon image ext extension src fallback unicode shortCode code";

static CLASSES: LazyLock<HashMap<&str, Class>> = LazyLock::new(|| {
    let lists = [
        (WORD, Class::Word),
        (ID, Class::Id),
        (PLAIN, Class::Plain),
        (TEXT, Class::Text),
        (MARKUP, Class::Markup),
        (HIDDEN, Class::Hidden),
    ];
    let fields = lists.into_iter().flat_map(|(names, class)| {
        let names = names.split_whitespace();
        names.map(move |name| (name, class))
    });
    fields.collect()
});

/// What becomes of the values of this field; `None` when nobody knows it.
pub(super) fn class(name: &str) -> Option<Class> {
    CLASSES.get(name).copied()
}

/// All names that may stand in a recording.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.keys().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_in_two_lists() {
        let all = [WORD, ID, PLAIN, TEXT, MARKUP, HIDDEN].map(|names| names.split_whitespace());
        let listed: Vec<_> = all.into_iter().flatten().collect();
        let mut twice = listed.clone();
        twice.sort_unstable();
        let known = names().count();
        twice.dedup();
        assert_eq!((listed.len(), twice.len()), (known, known));
    }
}
