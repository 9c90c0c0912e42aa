//! What events do to the rest of the house, and what they ask of it.

use futures_util::future::BoxFuture;
use serde_json::value::RawValue;

use crate::services::SettingValue;
use crate::services::{Listed, Release};
use crate::streams::Stream;

/// The house as events see it. The app joins the real one; tests write down what they are told.
///
/// Nothing here waits. The two questions answer futures, which run in the keyed queue.
pub trait House: Send + Sync + 'static {
    /// An event of a stream for this node's clients; `args` is a JSON array.
    fn publish(&self, stream: Stream, event_name: &str, args: &str);

    /// The event `stream`: what a client of another node wrote; `data` are its arguments.
    fn relayed(&self, data: &RawValue);

    /// A message: to the listeners of its room, and to `__my_messages__`.
    fn message(&self, rid: &str, message: &RawValue);

    /// Whether anybody may hear a message in this room.
    fn hears_messages(&self, rid: &str) -> bool;

    /// A user's subscription to a room came, changed or went.
    fn subscription_changed(&self, action: &str, subscription: &RawValue);

    /// A room came, changed or went.
    fn room_changed(&self, action: &str, room: &RawValue);

    /// A user changed: nothing that was granted is reused.
    fn user_changed(&self, uid: &str);

    /// A user's roles changed: what was granted by them is asked again.
    fn user_roles_changed(&self, uid: &str);

    /// Somebody's roles changed: nothing that was granted is reused.
    fn roles_given(&self);

    /// A role changed: nothing that was granted is reused, and what depends on permissions is asked again.
    fn role_changed(&self);

    /// A permission changed, this one where it is named: the same.
    fn permission_changed(&self, permission: Option<&str>);

    /// A setting came, changed or went: the local copy takes the value.
    fn setting_changed(&self, action: &str, id: &str, value: Option<&RawValue>);

    /// A user's presence, for `user-status`: `args` as that event has them.
    fn status_changed(&self, uid: &str, args: &str);

    /// A user's presence, for `user-presence`: `args` as that event has them.
    fn presence_changed(&self, uid: &str, args: &str);

    /// The visibility of these users changed (`data`: the arguments of `presence.invalidateVisibility`).
    fn visibility_changed(&self, data: &RawValue);

    /// A login service came, changed (`record` is the whole of it) or went (`None`).
    fn login_service_changed(&self, id: &str, record: Option<&RawValue>);

    /// A client version changed; `record` is the whole of it.
    fn client_version_changed(&self, id: &str, record: &RawValue);

    /// A node came, or tells of other services than before: what is copied of the core may be old.
    fn node_changed(&self);

    /// Which release the core is.
    fn release(&self) -> Release;

    /// Whether the nodes that host the `meteor` service list an event.
    fn meteor_lists(&self, event: &str) -> Listed;

    /// What the licence makes of an enterprise setting.
    fn enterprise_value(&self, setting: Box<RawValue>) -> BoxFuture<'static, SettingValue>;

    /// Whether a user still has a login token; `false` as well when it cannot be asked.
    fn has_login_token(&self, uid: String, hashed_token: String) -> BoxFuture<'static, bool>;
}
