//! The services that the sandbox's node offers: one table of actions, each a decision of the world.

use serde_json::{Value, json};

use super::action::{Action, Outcome};
use super::core::Core;
use super::options::CoreRelease;
use super::world::{Refusal, World};
use super::{authorization, license};
use crate::mesh::{RemoteError, ServiceSpec};

/// In every release.
const ALWAYS: CoreRelease = CoreRelease::V6;
const V8: CoreRelease = CoreRelease::V8;

/// Service, action, since which release, what it does.
const ACTIONS: &[(&str, &str, CoreRelease, Action)] = &[
    ("accounts", "login", ALWAYS, |world, params| {
        Ok(Some(world.login(params.first().unwrap_or(&Value::Null))))
    }),
    ("accounts", "logout", ALWAYS, |world, params| {
        let text = |key: &str| {
            params
                .first()
                .and_then(|first| first.get(key)?.as_str())
                .unwrap_or_default()
        };
        world.logout(text("userId"), text("token"));
        Ok(None)
    }),
    (
        "authorization",
        "hasPermission",
        ALWAYS,
        authorization::has_permission,
    ),
    (
        "authorization",
        "hasAllPermission",
        ALWAYS,
        authorization::has_all,
    ),
    (
        "authorization",
        "hasAtLeastOnePermission",
        ALWAYS,
        authorization::has_one,
    ),
    (
        "authorization",
        "canAccessRoom",
        ALWAYS,
        authorization::can_access_room,
    ),
    (
        "authorization",
        "canAccessRoomId",
        ALWAYS,
        authorization::can_access_room_id,
    ),
    (
        "authorization",
        "canReadRoom",
        V8,
        authorization::can_read_room,
    ),
    ("authorization", "getRoles", ALWAYS, authorization::roles),
    ("license", "hasModule", ALWAYS, license::has_module),
    (
        "license",
        "hasValidLicense",
        ALWAYS,
        license::has_valid_license,
    ),
    ("license", "getModules", ALWAYS, license::modules),
    ("license", "getGuestPermissions", ALWAYS, |_, _| {
        Ok(Some(json!([])))
    }),
    ("meteor", "callMethodWithToken", ALWAYS, call_method),
    ("meteor", "getLoginServiceConfiguration", ALWAYS, |_, _| {
        Ok(Some(login_services()))
    }),
    ("meteor", "getAutoUpdateClientVersions", ALWAYS, |_, _| {
        Ok(Some(client_versions()))
    }),
    ("meteor", "notifyGuestStatusChanged", ALWAYS, |_, _| {
        Ok(None)
    }),
    ("presence", "newConnection", ALWAYS, |world, params| {
        Ok(Some(world.new_connection(
            text(params, 0)?,
            text(params, 1)?,
            text(params, 2)?,
        )))
    }),
    ("presence", "updateConnection", V8, |world, params| {
        Ok(world.update_connection(text(params, 0)?, text(params, 1)?))
    }),
    ("presence", "removeConnection", ALWAYS, |world, params| {
        Ok(Some(
            world.remove_connection(text(params, 0)?, text(params, 1)?),
        ))
    }),
    (
        "presence",
        "removeLostConnections",
        ALWAYS,
        |world, params| Ok(Some(json!(world.remove_lost_connections(text(params, 0)?)))),
    ),
    ("presence", "setStatus", ALWAYS, |world, params| {
        Ok(Some(
            world
                .set_status(text(params, 0)?, text(params, 1)?, text(params, 2).ok())
                .into(),
        ))
    }),
    (
        "presence",
        "setConnectionStatus",
        ALWAYS,
        |world, params| {
            Ok(Some(
                world
                    .set_connection_status(text(params, 0)?, text(params, 1)?, text(params, 2)?)
                    .into(),
            ))
        },
    ),
    ("presence", "getConnectionCount", ALWAYS, |world, _| {
        Ok(Some(
            json!({ "current": world.presence.connections(), "max": 200 }),
        ))
    }),
    ("status-visibility", "getHiddenFrom", V8, |world, _| {
        Ok(Some(match world.release {
            CoreRelease::V9 => json!({ "hideAll": false, "hidden": [] }),
            _ => json!([]),
        }))
    }),
    ("status-visibility", "getRestrictedUsers", V8, |_, _| {
        Ok(Some(json!([])))
    }),
    ("status-visibility", "refresh", V8, |world, params| {
        let targets = params.first().and_then(Value::as_array);
        let users = world.shown_users(targets.map(Vec::as_slice));
        Ok(Some(json!(users)))
    }),
    ("video-conference", "validateAction", ALWAYS, |_, _| {
        Ok(Some(true.into()))
    }),
    ("video-conference", "canAccessConference", V8, |_, _| {
        Ok(Some(true.into()))
    }),
];

/// Events of the services besides `meteor`, whose list says which release the core is.
const EVENTS: &[(&str, &[&str])] = &[
    ("accounts", &["watch.settings"]),
    (
        "authorization",
        &[
            "watch.roles",
            "permission.changed",
            "authorization.guestPermissions",
        ],
    ),
    ("license", &["license.actions", "license.sync"]),
    (
        "presence",
        &[
            "watch.instanceStatus",
            "license.module",
            "$node.disconnected",
        ],
    ),
    (
        "sau-monitor",
        &[
            "accounts.login",
            "accounts.logout",
            "socket.disconnected",
            "socket.connected",
        ],
    ),
    ("device-management", &["accounts.login"]),
];

/// The services that the core of this release offers.
pub(super) fn names(release: CoreRelease) -> Vec<&'static str> {
    let there = ACTIONS.iter().filter(|(_, _, since, _)| release >= *since);
    let mut names: Vec<&str> = there.map(|(service, ..)| *service).collect();
    names.extend(EVENTS.iter().map(|(service, _)| *service));
    names.sort_unstable();
    names.dedup();
    names
}

/// Everything that the core's node offers.
pub(super) fn specs(core: &Core, release: CoreRelease) -> Vec<ServiceSpec> {
    let specs = names(release).into_iter();
    specs.map(|name| spec(core, release, name)).collect()
}

fn spec(core: &Core, release: CoreRelease, name: &'static str) -> ServiceSpec {
    let mut spec = ServiceSpec::new(name);
    if name == "meteor" {
        spec = spec.events(super::names::meteor(release));
    }
    for (_, events) in EVENTS.iter().filter(|(service, _)| *service == name) {
        spec = spec.events(events.iter().copied());
    }
    for (_, action, since, run) in ACTIONS.iter().filter(|(service, ..)| *service == name) {
        if release < *since {
            continue;
        }
        let core = core.clone();
        spec = spec.action(*action, move |request| {
            let core = core.clone();
            async move { core.answer(*run, request).await }
        });
    }
    spec
}

fn text(params: &[Value], index: usize) -> Result<&str, Box<RemoteError>> {
    let text = params.get(index).and_then(Value::as_str);
    text.ok_or_else(|| {
        Box::new(RemoteError::internal(format!(
            "argument {index} is not text"
        )))
    })
}

/// `[uid, hashedToken, method, params]` → `{result}`.
fn call_method(world: &mut World, params: &[Value]) -> Outcome {
    let at = |index: usize| params.get(index).and_then(Value::as_str);
    let method = at(2).ok_or_else(Refusal::match_failed)?;
    let list = params
        .get(3)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let result = world.call_with_token(at(0), at(1), method, list)?;
    Ok(Some(result.map_or_else(
        || json!({}),
        |result| json!({ "result": result }),
    )))
}

fn login_services() -> Value {
    json!([{ "_id": "github-id", "service": "github", "clientId": "sandbox", "secret": "never-to-be-sent", "buttonLabelText": "GitHub", "loginStyle": "popup" }])
}

fn client_versions() -> Value {
    let version = |architecture: &str| {
        json!({
            "_id": architecture, "version": "sandbox", "versionRefreshable": "sandbox", "versionNonRefreshable": "sandbox",
            "versionReplaceable": "sandbox", "versionHmr": 0,
        })
    };
    json!({ "web.browser": version("web.browser"), "web.browser.legacy": version("web.browser.legacy") })
}
