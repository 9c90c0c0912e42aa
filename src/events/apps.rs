//! Apps and their commands: each change under its own name, and once more through `apps` `apps`.

use super::args::{Args, Build, text};
use super::context::Events;
use crate::ejson::{join, quoted};
use crate::streams::Stream;

/// An app's id, or a command's name.
pub(super) fn app(events: &Events, args: &Args<'_>, what: &str) -> Option<()> {
    let _named = args.key(0)?;
    tell(events, what, &join([args.some(0)?.get()]))
}

/// appId, and something of that app.
pub(super) fn of_app(
    events: &Events,
    args: &Args<'_>,
    what: &str,
    name: &'static str,
) -> Option<()> {
    let id = args.some(0).filter(|id| text(id))?;
    let told = Build::new()
        .raw("appId", id.get())
        .raw(name, args.some(1)?.get());
    tell(events, what, &join([told.done()]))
}

/// `actions.changed`
pub(super) fn actions(events: &Events, _args: &Args<'_>) -> Option<()> {
    tell(events, "actions/changed", "[]")
}

fn tell(events: &Events, what: &str, args: &str) -> Option<()> {
    events.house.publish(Stream::Apps, what, args);
    let wrapped = join([join([&quoted(what), args])]);
    events.house.publish(Stream::Apps, "apps", &wrapped);
    Some(())
}
