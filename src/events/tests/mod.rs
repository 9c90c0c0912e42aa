//! The table: the whole way over the golden files ([`golden`], [`stage`]), and single rows over a house that writes
//! down what it is told ([`recorder`]).

mod broken;
mod golden;
mod interleavings;
mod joined;
mod recorder;
mod releases;
mod rows;
mod sessions;
mod stage;

use super::*;
use crate::ejson;
use crate::mesh::{Listed, Release};
use crate::streams::Stream;
use recorder::Recorder;

/// The names of events.md, in its order: the table is held to it, and INFO and the golden files to the table.
const NAMES: &[&str] = &[
    "watch.messages",
    "watch.subscriptions",
    "watch.rooms",
    "watch.users",
    "watch.roles",
    "watch.settings",
    "watch.inquiries",
    "watch.integrationHistory",
    "watch.livechatDepartmentAgents",
    "watch.priorities",
    "watch.loginServiceConfiguration",
    "meteor.clientVersionUpdated",
    "stream",
    "presence.status",
    "presence.invalidateVisibility",
    "user.forceLogout",
    "user.nameChanged",
    "user.deleted",
    "user.roleUpdate",
    "user.avatarUpdate",
    "room.avatarUpdate",
    "user.updateCustomStatus",
    "user.deleteCustomStatus",
    "user.video-conference",
    "user.media-signal",
    "user.activity",
    "room.video-conference",
    "video-conference.updated",
    "emoji.updateCustom",
    "emoji.deleteCustom",
    "permission.changed",
    "license.sync",
    "license.actions",
    "abac.config.changed",
    "banner.user",
    "banner.new",
    "banner.enabled",
    "banner.disabled",
    "notify.desktop",
    "notify.uiInteraction",
    "notify.updateInvites",
    "notify.webdav",
    "notify.calendar",
    "notify.ephemeralMessage",
    "notify.e2e.keyRequest",
    "notify.deleteMessage",
    "notify.deleteMessageBulk",
    "notify.messagesRead",
    "notify.importedMessages",
    "notify.updateCustomSound",
    "notify.deleteCustomSound",
    "voip.events",
    "call.callerhangup",
    "connector.statuschanged",
    "omnichannel.room",
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
    "otrMessage",
    "otrAckUpdate",
];
/// Raised by the own registry.
const LOCAL: [&str; 3] = ["$node.connected", "$node.updated", "$node.disconnected"];

// contract: events/list
#[test]
fn the_table_is_the_list() {
    let list: Vec<_> = NAMES.iter().chain(&LOCAL).copied().collect();
    assert_eq!(Events::names().collect::<Vec<_>>(), list);
    let mut once = list.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), list.len());
}

/// Events over a recorder, and what they need to live.
struct Bench {
    events: Events,
    house: Arc<Recorder>,
    directory: Arc<Directory>,
    tracker: tokio_util::task::TaskTracker,
}

impl Bench {
    fn new(house: Recorder) -> Self {
        let (house, directory) = (Arc::new(house), Arc::new(Directory::default()));
        let tracker = tokio_util::task::TaskTracker::new();
        let stop = CancellationToken::new();
        let mut events = Events::new(house.clone(), directory.clone(), true, &tracker, &stop);
        events.now_ms = || 1_700_000_000_000;
        events.new_id = || "ownMessage2345678".to_owned();
        Self {
            events,
            house,
            directory,
            tracker,
        }
    }

    /// Brings an event, and waits for its look-ups.
    async fn event(&self, name: &str, data: &str) -> Vec<String> {
        let data = ejson::raw(data.to_owned()).unwrap();
        self.events.translate(name, &data);
        self.settled().await
    }

    async fn settled(&self) -> Vec<String> {
        self.tracker.close();
        self.tracker.wait().await;
        self.tracker.reopen();
        self.house.take()
    }
}
