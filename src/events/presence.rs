//! Who is online (reference/events.md, `presence.status`).

use serde_json::value::RawValue;

use super::args::{Args, Build, Fields, any, array, object, text};
use super::context::Events;
use crate::ejson::{self, join, quoted};
use crate::services::Release;

/// `presence.status` {user, previousStatus}
pub(super) fn status(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let user = change.object("user")?;
    let uid = user.key("_id")?;
    let username = user.required("username", text)?.get();
    let status = user.text("status")?;
    let code = code(&status)?;
    let shown = Shown {
        // An empty text is none.
        text: user
            .optional("statusText", text)?
            .filter(|text| text.get() != "\"\""),
        source: user.optional("statusSource", any)?,
        expires: user.optional("statusExpiresAt", any)?,
    };
    let name = or_null(user.optional("name", text)?);
    let roles = or_null(user.optional("roles", array)?);
    let status_text = or_null(user.optional("statusText", text)?);

    events.user(&uid, "userData", &[&user_data(&uid, &status, &shown)]);
    let id = quoted(&uid);
    let mut logged = vec![&*id, username, code, status_text, name, roles];
    let mut watched = vec![username, code, status_text];
    if events.house.release() == Release::V8 {
        let more = [or_null(shown.source), or_null(shown.expires)];
        logged.extend(more);
        watched.extend(more);
    }
    events.house.status_changed(&uid, &join([join(logged)]));
    events.house.presence_changed(&uid, &join([join(watched)]));
    Some(())
}

/// What a user shows besides the status.
struct Shown<'a> {
    text: Option<&'a RawValue>,
    source: Option<&'a RawValue>,
    expires: Option<&'a RawValue>,
}

/// `{type, id, diff, unset}`: what is not shown any more is named in `unset`.
fn user_data(uid: &str, status: &str, shown: &Shown<'_>) -> String {
    let (mut diff, mut unset) = (Build::new().text("status", status), Build::new());
    for (name, value) in [
        ("statusText", shown.text),
        ("statusSource", shown.source),
        ("statusExpiresAt", shown.expires),
    ] {
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

/// A status as clients count it.
fn code(status: &str) -> Option<&'static str> {
    Some(match status {
        "offline" | "disabled" => "0",
        "online" => "1",
        "away" => "2",
        "busy" => "3",
        _ => return None,
    })
}

fn or_null(value: Option<&RawValue>) -> &str {
    value.unwrap_or(ejson::NULL).get()
}

/// `presence.invalidateVisibility` {targets, viewers?}
pub(super) fn visibility(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.some(0).filter(|change| object(change))?;
    events.house.visibility_changed(change);
    Some(())
}
