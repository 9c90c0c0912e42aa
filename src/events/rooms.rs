//! Rooms, who is in them, and what goes on there.

use serde_json::value::RawValue;

use super::args::{Args, Build, Fields, text};
use super::context::Events;
use crate::ejson::{self, RawObject};
use crate::streams::Stream;

/// `watch.subscriptions` {clientAction, subscription}
pub(super) fn subscription(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let raw = change.present("subscription")?;
    let subscription = RawObject::of(raw)?;
    let user = subscription.object("u")?;
    let (uid, action) = (user.key("_id")?, change.key("clientAction")?);
    // Before the client hears of it: what it asks next must not be answered from before the change.
    events.house.subscription_changed(&action, raw);
    events.user(
        &uid,
        "subscriptions-changed",
        &[&ejson::quoted(&action), raw.get()],
    )
}

/// `watch.rooms` {clientAction, room}
pub(super) fn room(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let raw = change.present("room")?;
    let room = RawObject::of(raw)?;
    let (rid, action) = (room.key("_id")?, change.key("clientAction")?);
    events.house.room_changed(&action, raw);
    events.publish(Stream::RoomData, &rid, [raw.get()]);
    Some(())
}

/// `room.avatarUpdate` {_id, avatarETag}
pub(super) fn avatar(events: &Events, args: &Args<'_>) -> Option<()> {
    let room = args.object(0)?;
    let update = Build::new()
        .text("rid", &room.key("_id")?)
        .maybe("etag", room.optional("avatarETag", text)?);
    events.logged("updateAvatar", &[&update.done()])
}

/// `user.activity` {user, isTyping, roomId}
pub(super) fn activity(events: &Events, args: &Args<'_>) -> Option<()> {
    let activity = args.object(0)?;
    let user = activity.required("user", text)?.get();
    let activities = match activity.get("isTyping").map(ejson::boolean) {
        Some(Some(true)) => r#"["user-typing"]"#,
        // Absent and null are the falsehood of JavaScript; anything else is no answer to "is typing".
        Some(Some(false)) | None => "[]",
        Some(None) => activity
            .get("isTyping")
            .filter(|value| ejson::is_null(value))
            .map(|_| "[]")?,
    };
    events.room(
        &activity.key("roomId")?,
        "user-activity",
        &[user, activities],
    )
}

/// `room.video-conference` {rid, callId}: the second is for clients of old.
pub(super) fn video_conference(events: &Events, args: &Args<'_>) -> Option<()> {
    let call = args.object(0)?;
    let (rid, call_id) = (call.key("rid")?, call.key("callId")?);
    events.room(&rid, "videoconf", &[&ejson::quoted(&call_id)]);
    events.room(&rid, &call_id, &[])
}

/// `video-conference.updated` {callId}
pub(super) fn video_conference_updated(events: &Events, args: &Args<'_>) -> Option<()> {
    let call = args.object(0)?;
    let event_name = format!("{}/updated", call.key("callId")?);
    events.publish(Stream::VideoConference, &event_name, [] as [&str; 0]);
    Some(())
}

/// rid, data: a room is told something.
pub(super) fn told(events: &Events, args: &Args<'_>, what: &str) -> Option<()> {
    events.room(&args.key(0)?, what, &[args.some(1).map(RawValue::get)?])
}
