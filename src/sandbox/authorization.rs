//! `authorization`: asked by the streamer for each publication. The rules themselves are the world's.

use serde_json::{Value, json};

use super::action::Outcome;
use super::world::World;

fn text(params: &[Value], index: usize) -> Option<&str> {
    params.get(index).and_then(Value::as_str)
}

/// `_id` of an argument that is a document.
fn id(params: &[Value], index: usize) -> Option<&str> {
    params.get(index)?.get("_id")?.as_str()
}

/// A livechat visitor's token, as both names of it travel.
fn visitor(params: &[Value], index: usize) -> Option<&str> {
    let extra = params.get(index)?;
    extra
        .get("token")
        .or_else(|| extra.get("visitorToken"))?
        .as_str()
}

fn permissions(params: &[Value]) -> impl Iterator<Item = &str> {
    let list = params
        .get(1)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    list.iter().filter_map(Value::as_str)
}

/// `[uid, permission, rid?]`
pub(super) fn has_permission(world: &mut World, params: &[Value]) -> Outcome {
    let (Some(uid), Some(permission)) = (text(params, 0), text(params, 1)) else {
        return answer(false);
    };
    answer(world.has_permission(uid, permission, text(params, 2)))
}

/// `[uid, [permission…], rid?]`
pub(super) fn has_all(world: &mut World, params: &[Value]) -> Outcome {
    let Some(uid) = text(params, 0) else {
        return answer(false);
    };
    answer(
        permissions(params)
            .all(|permission| world.has_permission(uid, permission, text(params, 2))),
    )
}

/// `[uid, [permission…], rid?]`
pub(super) fn has_one(world: &mut World, params: &[Value]) -> Outcome {
    let Some(uid) = text(params, 0) else {
        return answer(false);
    };
    answer(
        permissions(params)
            .any(|permission| world.has_permission(uid, permission, text(params, 2))),
    )
}

/// `[room, user, extra?]`; an anonymous user is `{_id: ""}`.
pub(super) fn can_access_room(world: &mut World, params: &[Value]) -> Outcome {
    let Some(rid) = id(params, 0) else {
        return answer(false);
    };
    let uid = id(params, 1).filter(|uid| !uid.is_empty());
    answer(world.can_access(rid, uid, visitor(params, 2)))
}

/// `[rid, uid, extra?]`
pub(super) fn can_access_room_id(world: &mut World, params: &[Value]) -> Outcome {
    let Some(rid) = text(params, 0) else {
        return answer(false);
    };
    let uid = text(params, 1).filter(|uid| !uid.is_empty());
    answer(world.can_access(rid, uid, visitor(params, 2)))
}

/// `[room, user or null, extra?]`
pub(super) fn can_read_room(world: &mut World, params: &[Value]) -> Outcome {
    let Some(rid) = id(params, 0) else {
        return answer(false);
    };
    let uid = id(params, 1).filter(|uid| !uid.is_empty());
    answer(world.can_read(rid, uid, visitor(params, 2)))
}

/// `[uid]`
pub(super) fn roles(world: &mut World, params: &[Value]) -> Outcome {
    let roles = text(params, 0)
        .and_then(|uid| world.users.get(uid))
        .map(|user| &user.roles);
    Ok(Some(json!(roles.cloned().unwrap_or_default())))
}

fn answer(allowed: bool) -> Outcome {
    Ok(Some(allowed.into()))
}
