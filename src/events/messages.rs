//! Messages: new, read, imported, off the record, and those that only one user sees.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::value::RawValue;

use super::args::{Args, Build, Fields, any, text};
use super::context::Events;
use crate::ejson::{self, RawObject};
use crate::markup::{self, Grammar};
use crate::services::Release;
use crate::streams::Stream;

/// The event of the hot row.
pub(super) const CHANGED: &str = "watch.messages";

/// Whether nobody listens to any room that `json` names, which has a message in it somewhere: in a large workspace this is
/// so of nearly all, and they need not be read.
pub(super) fn is_unheard(events: &Events, json: ejson::Glance<'_>) -> bool {
    static ROOM: LazyLock<ejson::Key> = LazyLock::new(|| ejson::Key::new("rid"));
    let mut rooms = json.texts(&ROOM).peekable();
    // Without a room it becomes nothing, which is told when it is read.
    rooms.peek().is_some()
        && rooms.all(|rid| rid.is_some_and(|rid| !events.house.hears_messages(rid)))
}

/// `watch.messages` {message}: the hot row.
pub(super) fn changed(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let message = change.present("message")?;
    let rid = RawObject::of(message)?;
    events.house.message(&rid.key("rid")?, message);
    Some(())
}

/// `notify.messagesRead` {rid, until, tmid?}
pub(super) fn read(events: &Events, args: &Args<'_>) -> Option<()> {
    let read = args.object(0)?;
    let what = Build::new()
        .maybe("tmid", read.optional("tmid", text)?)
        .raw("until", read.required("until", any)?.get());
    events.room(&read.key("rid")?, "messagesRead", &[&what.done()])
}

/// `notify.importedMessages` {roomIds}: rooms that are no texts are passed over.
pub(super) fn imported(events: &Events, args: &Args<'_>) -> Option<()> {
    let imported = args.object(0)?;
    for rid in ejson::array(imported.get("roomIds")?)? {
        if let Some(rid) = ejson::text(rid).filter(|rid| !rid.is_empty()) {
            events.room(&rid, "messagesImported", &["null"]);
        }
    }
    Some(())
}

/// `otrMessage` {roomId, message, user, room}
pub(super) fn otr(events: &Events, args: &Args<'_>) -> Option<()> {
    let otr = args.object(0)?;
    let rid = otr.key("roomId")?;
    let message = otr.required("message", any)?.get();
    let rest = ["user", "room"].map(|name| otr.get(name).map_or("null", RawValue::get));
    events.publish(Stream::RoomMessages, &rid, [message, rest[0], rest[1]]);
    Some(())
}

/// `otrAckUpdate` {roomId, acknowledgeMessage}
pub(super) fn otr_ack(events: &Events, args: &Args<'_>) -> Option<()> {
    let ack = args.object(0)?;
    let rid = ack.key("roomId")?;
    let message = ack.required("acknowledgeMessage", any)?.get();
    events.publish(Stream::RoomMessages, &rid, [message]);
    Some(())
}

/// `notify.ephemeralMessage` uid, rid, message: a message that the database never sees.
pub(super) fn ephemeral(events: &Events, args: &Args<'_>) -> Option<()> {
    let (uid, rid, given) = (args.key(0)?, args.key(1)?, args.object(2)?);
    let now = (events.now_ms)();
    let mut message = RawObject::new();
    message.set_json("groupable", "false".to_owned());
    message.set_json(
        "u",
        r#"{"_id":"rocket.cat","username":"rocket.cat"}"#.to_owned(),
    );
    message.set_json("private", "true".to_owned());
    message.set_text(
        "_id",
        &given.key("_id").unwrap_or_else(|| (events.new_id)().into()),
    );
    message.set_text("rid", &rid);
    message.set_json("ts", ejson::date(now));
    message.set_json("_updatedAt", ejson::date(now));
    for (name, value) in given.iter().filter(|(name, _)| *name != "_id") {
        message.set(Cow::Borrowed(name), Cow::Borrowed(value));
    }
    if let Some(md) = given.text("msg").and_then(|msg| parsed(events, &msg)) {
        message.set_json("md", md);
    }
    events.user(&uid, "message", &[&message.to_json()])
}

/// The parsed form of a message's text, unless `DISABLE_MESSAGE_PARSER` says otherwise.
fn parsed(events: &Events, msg: &str) -> Option<String> {
    // While the release is not known, or both are there: every client draws what the older ones know.
    let grammar = match events.house.release() {
        Release::V8 => Grammar::V8,
        Release::Unknown | Release::V6 | Release::Mixed => Grammar::V7,
    };
    (events.parse_messages && !msg.is_empty())
        .then(|| markup::parse(&ejson::well_formed(msg), grammar))
}
