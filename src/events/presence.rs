//! Who is online (reference/events.md, `presence.status`).

use serde_json::value::RawValue;

use super::args::{Args, Build, Fields, any, array, object, text};
use super::context::Events;
use crate::ejson::{self, join, quoted};
use crate::services::Release;
use crate::streams::status_code;

/// `presence.status` {user, previousStatus}
pub(super) fn status(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let user = change.object("user")?;
    let status = user.key("status")?;
    user.key("username")?;
    let username = user.get("username")?.get();
    let uid = user.key("_id");
    let code = status_code(&status);
    let (source, expires) = (
        user.optional("statusSource", any)?,
        user.optional("statusExpiresAt", any)?,
    );
    // An empty text is none.
    let is_some = |value: &&RawValue| value.get() != "\"\"";
    let shown = Shown {
        text: user.optional("statusText", text)?.filter(is_some),
        source: source.filter(is_some),
        expires: expires.filter(is_some),
        is_8: events.house.release() == Release::V8,
    };
    let name = or_null(user.optional("name", text)?);
    let roles = or_null(user.optional("roles", array)?);
    let status_text = or_null(user.optional("statusText", text)?);

    if let Some(uid) = &uid {
        events.user(uid, "userData", &[&user_data(uid, &status, &shown)]);
    }
    let id = uid.as_deref().map_or_else(|| "null".to_owned(), quoted);
    let mut logged = vec![&*id, username, code, status_text, name, roles];
    let mut watched = vec![username, code, status_text];
    if shown.is_8 {
        let more = [or_null(source), or_null(expires)];
        logged.extend(more);
        watched.extend(more);
    }
    // Nobody is restricted who has no id.
    let who = uid.as_deref().unwrap_or_default();
    events.house.status_changed(who, &join([join(logged)]));
    if let Some(uid) = &uid {
        events.house.presence_changed(uid, &join([join(watched)]));
    }
    Some(())
}

/// What a user shows besides the status.
struct Shown<'a> {
    text: Option<&'a RawValue>,
    source: Option<&'a RawValue>,
    expires: Option<&'a RawValue>,
    /// On 8.x: releases before it know of the text alone.
    is_8: bool,
}

/// `{type, id, diff, unset}`: what is not shown any more is named in `unset`.
fn user_data(uid: &str, status: &str, shown: &Shown<'_>) -> String {
    let (mut diff, mut unset) = (Build::new().text("status", status), Build::new());
    let all = [
        ("statusText", shown.text),
        ("statusSource", shown.source),
        ("statusExpiresAt", shown.expires),
    ];
    for (name, value) in all.into_iter().take(if shown.is_8 { 3 } else { 1 }) {
        match value {
            Some(value) => diff = diff.raw(name, value.get()),
            None => unset = unset.raw(name, "1"),
        }
    }
    Build::new()
        .text("type", "updated")
        .text("id", uid)
        .raw("diff", &diff.done())
        .raw("unset", &unset.done())
        .done()
}

fn or_null(value: Option<&RawValue>) -> &str {
    value.unwrap_or(ejson::NULL).get()
}

/// `presence.invalidateVisibility` {targets?, viewers?}; nothing at all concerns everybody.
pub(super) fn visibility(events: &Events, args: &Args<'_>) -> Option<()> {
    const ALL: &str = "{}";
    match args.some(0) {
        Some(change) => {
            let change = Some(change).filter(|change| object(change))?;
            events.house.visibility_changed(change);
        }
        None => {
            let all = ejson::raw(ALL.to_owned()).ok()?;
            events.house.visibility_changed(&all);
        }
    }
    Some(())
}
