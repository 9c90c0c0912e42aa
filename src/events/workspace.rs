//! What concerns the whole workspace: roles, permissions, emoji, banners, sounds, integrations, collections, relayed streams.

use super::args::{Args, Build, Fields, object, spread};
use super::context::Events;
use crate::ejson::{self, join, quoted};
use crate::streams::Stream;

/// `watch.roles` {clientAction, role}
pub(super) fn role(events: &Events, args: &Args<'_>) -> Option<()> {
    events.house.role_changed();
    let change = args.object(0)?;
    let role = change.object("role")?;
    let told = spread("type", &change.key("clientAction")?, &role);
    events.publish(Stream::Roles, "roles", [told]);
    Some(())
}

/// `permission.changed` {clientAction, data}
pub(super) fn permission(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0);
    let data = change.as_ref().and_then(|change| change.object("data"));
    let permission = data.as_ref().and_then(|data| data.text("_id"));
    events.house.permission_changed(permission.as_deref());
    let change = change?;
    let action = quoted(&change.key("clientAction")?);
    events.logged(
        "permissions-changed",
        &[&action, change.required("data", object)?.get()],
    )
}

/// `watch.integrationHistory` {clientAction, data, diff?, id}
pub(super) fn integration_history(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let data = change.object("data")?;
    let integration = data.object("integration")?;
    let integration = integration.key("_id")?;
    let action = change.key("clientAction")?;
    let told = match &*action {
        "updated" => Build::new()
            .text("id", &change.key("id")?)
            .maybe("diff", change.optional("diff", object)?),
        "inserted" => Build::new().raw("data", &data.to_json()),
        _ => return None,
    };
    let told = told.text("type", &action).done();
    events.publish(Stream::IntegrationHistory, &integration, [told]);
    Some(())
}

/// `watch.loginServiceConfiguration` {clientAction, id, data?}
pub(super) fn login_service(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let id = change.key("id")?;
    let record = match &*change.key("clientAction")? {
        "inserted" | "updated" => Some(change.required("data", object)?),
        "removed" => None,
        _ => return None,
    };
    events.house.login_service_changed(&id, record);
    Some(())
}

/// `meteor.clientVersionUpdated` {_id, …version}
pub(super) fn client_version(events: &Events, args: &Args<'_>) -> Option<()> {
    let version = args.object(0)?;
    events
        .house
        .client_version_changed(&version.key("_id")?, args.some(0)?);
    Some(())
}

/// `$node.connected`, `$node.updated`
pub(super) fn node(events: &Events, _args: &Args<'_>) -> Option<()> {
    events.house.node_changed();
    Some(())
}

/// `stream`: what a client of another streamer wrote.
pub(super) fn stream(events: &Events, args: &Args<'_>) -> Option<()> {
    events.house.relayed(args.whole());
    Some(())
}

/// An object, told to everybody who is logged in under one name.
pub(super) fn wrapped(
    events: &Events,
    args: &Args<'_>,
    event_name: &str,
    field: &'static str,
) -> Option<()> {
    let value = args.some(0).filter(|value| object(value))?;
    events.logged(event_name, &[&Build::new().raw(field, value.get()).done()])
}

/// A banner's id, under one or two names.
pub(super) fn banner(events: &Events, args: &Args<'_>, event_names: &[&str]) -> Option<()> {
    let told = Build::new().text("bannerId", &args.key(0)?).done();
    for event_name in event_names {
        events.logged(event_name, &[&told]);
    }
    Some(())
}

/// A custom sound, under its own name and through `public-info`.
pub(super) fn sound(events: &Events, args: &Args<'_>, event_name: &str) -> Option<()> {
    let data = args.some(0)?.get();
    events.all(event_name, &[data]);
    let wrapped = ejson::join([&*quoted(event_name), &join([data])]);
    events.all("public-info", &[&wrapped])
}
