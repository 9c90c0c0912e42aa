//! The core's services: what they answer, and the INFO that says they are here.

use crate::wire::json;
use crate::wire::script::{self, Lost};

/// A request as far as an answer needs it: raw slices of the packet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) action: &'a [u8],
    pub(crate) params: &'a [u8],
    pub(crate) sender: &'a [u8],
}

impl<'a> Request<'a> {
    /// Whether it is about a user's access or permission.
    pub(crate) fn is_about_access(&self) -> bool {
        self.action.starts_with(b"authorization.can")
            || self.action.starts_with(b"authorization.has")
    }

    /// Walks the packet once.
    pub(crate) fn read(packet: &'a [u8]) -> Self {
        let mut request = Self::default();
        json::members(packet, |key, value| {
            match key {
                b"id" => request.id = json::text(value),
                b"action" => request.action = json::text(value),
                b"params" => request.params = value,
                b"sender" => request.sender = json::text(value),
                _ => {}
            }
            true
        });
        request
    }
}

/// What an action answers.
enum Answer {
    /// This JSON.
    Data(&'static str),
    /// The user of the token that was sent.
    Login,
    /// Nothing: no `data` key at all.
    Nothing,
    /// Nobody offers it.
    Unknown,
}

const VERSIONS: &str = r#"{"web.browser":{"_id":"web.browser","version":"bench","versionRefreshable":"bench","versionNonRefreshable":"bench","versionReplaceable":"bench","versionHmr":0},"web.browser.legacy":{"_id":"web.browser.legacy","version":"bench","versionRefreshable":"bench","versionNonRefreshable":"bench","versionReplaceable":"bench","versionHmr":0}}"#;

fn answer(action: &[u8]) -> Answer {
    match action {
        b"accounts.login" => Answer::Login,
        b"accounts.logout" | b"meteor.notifyGuestStatusChanged" => Answer::Nothing,
        b"meteor.callMethodWithToken" => Answer::Data(r#"{"result":{"ok":true,"n":1}}"#),
        b"meteor.getAutoUpdateClientVersions" => Answer::Data(VERSIONS),
        b"meteor.getLoginServiceConfiguration" => Answer::Data("[]"),
        _ if action.starts_with(b"authorization.") || action.starts_with(b"license.") => {
            Answer::Data("true")
        }
        _ if action.starts_with(b"presence.") => Answer::Data("{}"),
        b"video-conference.validateAction" => Answer::Data("true"),
        _ => Answer::Unknown,
    }
}

/// Writes the answer to `request` into `out`; `false` when nobody offers the action.
///
/// Those who have `lost` their access may do nothing.
pub(crate) fn write(out: &mut Vec<u8>, request: &Request<'_>, node: &str, lost: Lost) -> bool {
    let refused = lost.every > 0
        && request.is_about_access()
        && script::last_user(request.params).is_some_and(|n| lost.has(n));
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(request.id);
    let answer = match answer(request.action) {
        Answer::Data("true") if refused => Answer::Data("false"),
        answer => answer,
    };
    let known = match answer {
        Answer::Data(data) => {
            out.extend_from_slice(b"\",\"meta\":{},\"success\":true,\"data\":");
            out.extend_from_slice(data.as_bytes());
            true
        }
        Answer::Nothing => {
            out.extend_from_slice(b"\",\"meta\":{},\"success\":true");
            true
        }
        Answer::Login => {
            out.extend_from_slice(b"\",\"meta\":{},\"success\":true,\"data\":");
            out.extend_from_slice(login(request.params).as_bytes());
            true
        }
        Answer::Unknown => {
            let action = String::from_utf8_lossy(request.action);
            out.extend_from_slice(
                format!(
                    r#"","meta":{{}},"success":false,"data":null,"error":{{"name":"ServiceNotFoundError","code":404,"type":"SERVICE_NOT_FOUND","message":"Service '{action}' is not found on '{node}' node.","retryable":true,"nodeID":"{node}","data":{{"action":"{action}","nodeID":"{node}"}}}}"#
                )
                .as_bytes(),
            );
            false
        }
    };
    out.extend_from_slice(b",\"ver\":\"4\",\"sender\":\"");
    out.extend_from_slice(node.as_bytes());
    out.extend_from_slice(b"\"}");
    known
}

fn login(params: &[u8]) -> String {
    let resume = json::elements(params, 1)
        .first()
        .and_then(|credentials| json::member(credentials, "resume"));
    match resume.and_then(|token| script::user_of_token(json::text(token))) {
        Some(n) => {
            let (uid, token) = (script::user(n), script::token(n));
            format!(
                r#"{{"uid":"{uid}","token":"{token}","hashedToken":"benchhash-{n:033}=","type":"resume","tokenExpires":{{"$date":4102444800000}}}}"#
            )
        }
        None => "false".to_owned(),
    }
}

/// The services of a 7.x core in one node: (name, actions, events).
const SERVICES: &[(&str, &[&str], &[&str])] = &[
    (
        "license",
        &[
            "hasModule",
            "hasValidLicense",
            "getModules",
            "getGuestPermissions",
        ],
        &[],
    ),
    (
        "meteor",
        &[
            "getAutoUpdateClientVersions",
            "getLoginServiceConfiguration",
            "callMethodWithToken",
            "notifyGuestStatusChanged",
            "getURL",
        ],
        // Both of these say that it is a core before 8.x.
        &["otrMessage", "voip.events"],
    ),
    (
        "sau-monitor",
        &[],
        &[
            "accounts.login",
            "accounts.logout",
            "socket.disconnected",
            "socket.connected",
        ],
    ),
    ("device-management", &[], &["accounts.login"]),
    ("video-conference", &["validateAction"], &[]),
    (
        "authorization",
        &[
            "hasAllPermission",
            "hasPermission",
            "hasAtLeastOnePermission",
            "canAccessRoom",
            "canAccessRoomId",
            "addRoleRestrictions",
            "getUsersFromPublicRoles",
        ],
        &["watch.roles", "permission.changed"],
    ),
    (
        "presence",
        &[
            "toggleBroadcast",
            "getConnectionCount",
            "newConnection",
            "removeConnection",
            "removeLostConnections",
            "setStatus",
            "setConnectionStatus",
            "updateUserPresence",
        ],
        &[],
    ),
    ("accounts", &["login", "logout"], &["watch.settings"]),
];

/// The node's INFO.
pub(crate) fn info(node: &str, instance: &str) -> String {
    let services: Vec<String> = SERVICES
        .iter()
        .map(|(name, actions, events)| service(name, actions, events))
        .collect();
    packet(&services.join(","), node, instance, 1)
}

/// The INFO of a node that leaves.
pub(crate) fn farewell(node: &str, instance: &str) -> String {
    packet("", node, instance, 2)
}

fn packet(services: &str, node: &str, instance: &str, seq: u32) -> String {
    format!(
        r#"{{"services":[{services}],"ipList":["127.0.0.1"],"hostname":"bench","client":{{"type":"rust","version":"0","langVersion":"0"}},"config":{{}},"instanceID":"{instance}","metadata":{{}},"seq":{seq},"ver":"4","sender":"{node}"}}"#
    )
}

/// One service as INFO lists it.
pub(crate) fn service(name: &str, actions: &[&str], events: &[&str]) -> String {
    let actions: Vec<String> = actions
        .iter()
        .map(|action| {
            format!(r#""{name}.{action}":{{"rawName":"{action}","name":"{name}.{action}"}}"#)
        })
        .collect();
    let events: Vec<String> = events
        .iter()
        .map(|event| format!(r#""{event}":{{"name":"{event}"}}"#))
        .collect();
    format!(
        r#"{{"name":"{name}","fullName":"{name}","settings":{{}},"metadata":{{}},"actions":{{{}}},"events":{{{}}}}}"#,
        actions.join(","),
        events.join(",")
    )
}

/// The INFO of a node with these services, given as [`service`] writes them.
pub(crate) fn node_info(services: &str, node: &str, instance: &str) -> String {
    packet(services, node, instance, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn answered(action: &str, params: &str) -> Value {
        let packet = format!(
            r#"{{"id":"r1","action":"{action}","params":{params},"meta":{{}},"ver":"4","sender":"s.1"}}"#
        );
        let request = Request::read(packet.as_bytes());
        assert_eq!(
            (request.id, request.sender),
            (b"r1".as_slice(), b"s.1".as_slice())
        );
        let mut out = Vec::new();
        let lost = Lost {
            every: 10,
            neighbours: false,
        };
        write(&mut out, &request, "core", lost);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_login_is_answered_with_the_tokens_user() {
        let token = script::token(12);
        let answer = answered("accounts.login", &format!(r#"[{{"resume":"{token}"}}]"#));
        assert_eq!(answer["data"]["uid"], script::user(12));
        assert_eq!(answer["data"]["hashedToken"].as_str().unwrap().len(), 44);
        assert_eq!(
            answered("accounts.login", r#"[{"resume":"x"}]"#)["data"],
            json!(false)
        );
    }

    #[test]
    fn who_lost_the_access_is_refused_whatever_is_asked() {
        let data = |action: &str, n: u32| {
            answered(action, &format!(r#"["x","{}"]"#, script::user(n)))["data"].clone()
        };
        assert_eq!(data("authorization.canAccessRoomId", 9), json!(false));
        assert_eq!(data("authorization.hasPermission", 19), json!(false));
        assert_eq!(data("authorization.canAccessRoom", 8), json!(true));
        assert_eq!(data("license.hasValidLicense", 9), json!(true));
    }

    #[test]
    fn every_action_of_info_is_answered() {
        let info: Value = serde_json::from_str(&info("core", "i")).unwrap();
        for service in info["services"].as_array().unwrap() {
            for action in service["actions"].as_object().unwrap().keys() {
                let known = answered(action, "[]")["success"] == true;
                assert!(known || action == "meteor.getURL", "{action}");
            }
        }
        assert_eq!(
            answered("accounts.logout", "[]"),
            json!({"id":"r1","meta":{},"success":true,"ver":"4","sender":"core"})
        );
        assert_eq!(answered("nobody.knows", "[]")["error"]["code"], 404);
    }
}
