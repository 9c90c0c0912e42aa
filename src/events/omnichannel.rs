//! Omnichannel: inquiries, departments, priorities (reference/events.md, "Omnichannel").

use super::args::{Args, Build, Fields, any, object, spread};
use super::context::Events;
use crate::ejson::{RawObject, quoted};
use crate::services::Listed;
use crate::streams::Stream;

/// A core whose `meteor` service lists this event follows the newer rules for inquiries.
const NEWER_CORES_LIST: &str = "user.media-signal";

/// A diff of exactly these says that somebody took the inquiry in hand, and nothing else.
const ONLY_LOCKED: [&str; 3] = ["lockedAt", "locked", "_updatedAt"];

/// `watch.inquiries` {clientAction, inquiry, diff?}
pub(super) fn inquiry(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let inquiry = change.object("inquiry")?;
    let (id, action) = (inquiry.key("_id")?, change.key("clientAction")?);
    let kind = match &*action {
        "inserted" => "added",
        "updated" => "changed",
        "removed" => "removed",
        _ => return None,
    };
    let tell = |event_name: &str, what: &str| {
        events.publish(Stream::LivechatInquiries, event_name, [what]);
    };
    let whole = spread("type", kind, &inquiry);
    let department = inquiry
        .key("department")
        .map(|id| format!("department/{id}"));
    if kind == "removed" {
        tell(
            &id,
            &Build::new()
                .text("_id", &id)
                .text("clientAction", &action)
                .done(),
        );
        tell(department.as_deref().unwrap_or("public"), &whole);
        return Some(());
    }

    let diff = match change.optional("diff", object)? {
        Some(diff) => RawObject::of(diff)?,
        None => RawObject::new(),
    };
    let updated = kind == "changed";
    let only_locked =
        updated && diff.len() == ONLY_LOCKED.len() && ONLY_LOCKED.iter().all(|name| diff.has(name));
    // Where cores differ, the rule that tells fewer people holds.
    let new = matches!(
        events.house.meteor_lists(NEWER_CORES_LIST),
        Listed::All | Listed::Mixed
    );
    if only_locked && !new {
        return Some(());
    }
    let mut alone = inquiry.clone();
    alone.set_text("clientAction", &action);
    tell(&id, &alone.to_json());
    if only_locked {
        return Some(());
    }
    let agent = inquiry.object("defaultAgent").filter(|_| new);
    let agent = agent.as_ref().and_then(|agent| agent.key("agentId"));
    if let Some(department) = &department {
        tell(department, &whole);
    }
    if let Some(agent) = &agent {
        tell(&format!("agent/{agent}"), &whole);
    }
    let nobodys = department.is_none() && agent.is_none();
    let left_alone = updated && department.is_some() && diff.present("department").is_none();
    if nobodys || (left_alone && !new) {
        tell("public", &whole);
    }
    Some(())
}

/// `watch.livechatDepartmentAgents` {clientAction, data}
pub(super) fn department_agent(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let (data, action) = (change.object("data")?, change.key("clientAction")?);
    let agent = data.key("agentId")?;
    events.user(
        &agent,
        "departmentAgentData",
        &[&spread("action", &action, &data)],
    )
}

/// `watch.priorities` {clientAction, diff?, id}
pub(super) fn priority(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let diff = change
        .optional("diff", object)?
        .and_then(RawObject::of)
        .unwrap_or_default();
    let told = Build::new()
        .text("id", &change.key("id")?)
        .raw("clientAction", &quoted(&change.key("clientAction")?))
        .maybe("name", diff.optional("name", any)?);
    events.logged("omnichannel.priority-changed", &[&told.done()])
}

/// `omnichannel.room` rid, data
pub(super) fn room(events: &Events, args: &Args<'_>) -> Option<()> {
    events.publish(Stream::LivechatRoom, &args.key(0)?, [args.some(1)?.get()]);
    Some(())
}
