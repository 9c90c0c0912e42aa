//! The services that the sandbox's node offers: one table of actions, each a decision of the world.

use serde_json::{Value, json};

use super::action::{Action, Outcome};
use super::core::Core;
use super::options::CoreRelease;
use super::world::{Refusal, World};
use super::{authorization, license, names};
use crate::mesh::{RemoteError, ServiceSpec};

/// Since which release an action is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Always,
    V8,
}
use Since::{Always, V8};

/// Service, action, since when, what it does.
const ACTIONS: &[(&str, &str, Since, Action)] = &[
    ("accounts", "login", Always, |world, params| {
        Ok(Some(world.login(params.first().unwrap_or(&Value::Null))))
    }),
    ("accounts", "logout", Always, |world, params| {
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
        Always,
        authorization::has_permission,
    ),
    (
        "authorization",
        "hasAllPermission",
        Always,
        authorization::has_all,
    ),
    (
        "authorization",
        "hasAtLeastOnePermission",
        Always,
        authorization::has_one,
    ),
    (
        "authorization",
        "canAccessRoom",
        Always,
        authorization::can_access_room,
    ),
    (
        "authorization",
        "canAccessRoomId",
        Always,
        authorization::can_access_room_id,
    ),
    (
        "authorization",
        "canReadRoom",
        V8,
        authorization::can_read_room,
    ),
    ("authorization", "getRoles", Always, authorization::roles),
    ("license", "hasModule", Always, license::has_module),
    (
        "license",
        "hasValidLicense",
        Always,
        license::has_valid_license,
    ),
    ("license", "getModules", Always, license::modules),
    ("license", "getGuestPermissions", Always, |_, _| {
        Ok(Some(json!([])))
    }),
    ("meteor", "callMethodWithToken", Always, call_method),
    ("meteor", "getLoginServiceConfiguration", Always, |_, _| {
        Ok(Some(login_services()))
    }),
    ("meteor", "getAutoUpdateClientVersions", Always, |_, _| {
        Ok(Some(client_versions()))
    }),
    ("meteor", "notifyGuestStatusChanged", Always, |_, _| {
        Ok(None)
    }),
    ("presence", "newConnection", Always, |world, params| {
        Ok(Some(world.new_connection(
            text(params, 0)?,
            text(params, 1)?,
            text(params, 2)?,
        )))
    }),
    ("presence", "updateConnection", V8, |world, params| {
        Ok(world.update_connection(text(params, 0)?, text(params, 1)?))
    }),
    ("presence", "removeConnection", Always, |world, params| {
        Ok(Some(
            world.remove_connection(text(params, 0)?, text(params, 1)?),
        ))
    }),
    (
        "presence",
        "removeLostConnections",
        Always,
        |world, params| Ok(Some(json!(world.remove_lost_connections(text(params, 0)?)))),
    ),
    ("presence", "setStatus", Always, |world, params| {
        Ok(Some(
            world
                .set_status(text(params, 0)?, text(params, 1)?, text(params, 2).ok())
                .into(),
        ))
    }),
    (
        "presence",
        "setConnectionStatus",
        Always,
        |world, params| {
            Ok(Some(
                world
                    .set_connection_status(text(params, 0)?, text(params, 1)?, text(params, 2)?)
                    .into(),
            ))
        },
    ),
    ("presence", "getConnectionCount", Always, |world, _| {
        Ok(Some(
            json!({ "current": world.presence.connections(), "max": 200 }),
        ))
    }),
    ("video-conference", "validateAction", Always, |_, _| {
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

/// Everything that the core's node offers.
pub(super) fn specs(core: &Core, release: CoreRelease) -> Vec<ServiceSpec> {
    let mut names: Vec<&str> = ACTIONS.iter().map(|(service, ..)| *service).collect();
    names.extend(EVENTS.iter().map(|(service, _)| *service));
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| spec(core, release, name))
        .collect()
}

fn spec(core: &Core, release: CoreRelease, name: &'static str) -> ServiceSpec {
    let mut spec = ServiceSpec::new(name);
    if name == "meteor" {
        spec = spec.events(names::meteor(release));
    }
    for (_, events) in EVENTS.iter().filter(|(service, _)| *service == name) {
        spec = spec.events(events.iter().copied());
    }
    for (_, action, since, run) in ACTIONS.iter().filter(|(service, ..)| *service == name) {
        if *since == V8 && release == CoreRelease::V6 {
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
