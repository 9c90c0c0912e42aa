//! `meteor`: the core itself (reference/methods.md).

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::calls::{Calls, ServiceError};
use crate::ejson::{self, RawObject, quoted, write_text};
use crate::mesh::NodeId;

/// The core.
#[derive(Clone)]
pub struct Meteor(pub(super) Calls);

impl Meteor {
    /// Waits until the core is there again: after an outage its nodes come back later than NATS.
    pub async fn seen_again(&self) {
        self.0.mesh.seen_again("meteor").await;
    }

    /// The cores, and who watches the database for them, that were there before the connection to the mesh, and are seen again.
    #[must_use]
    pub fn all_seen_again(&self) -> HashSet<NodeId> {
        self.0.mesh.all_seen_again()
    }

    /// Waits until one more of them is seen again than these, which it adds.
    pub async fn another_seen_again(&self, seen: &mut HashSet<NodeId>) {
        self.0.mesh.another_seen_again(seen).await;
    }

    /// `callMethodWithToken`: any method of the core, as a user or anonymously; answers what the method returned.
    ///
    /// # Errors
    /// The method's own error, or that nobody answers.
    pub async fn call_method(
        &self,
        uid: Option<&str>,
        hashed_token: Option<&str>,
        method: &str,
        params: &RawValue,
    ) -> Result<Option<Box<RawValue>>, ServiceError> {
        const ACTION: &str = "meteor.callMethodWithToken";
        let params = method_params(uid, hashed_token, method, params);
        let Some(answer) = self.0.call_with(ACTION, &params, false).await? else {
            return Ok(None);
        };
        if ejson::is_null(&answer) {
            return Ok(None);
        }
        let answer = RawObject::of(&answer).ok_or(ServiceError::Unexpected(ACTION))?;
        Ok(answer.get("result").map(ToOwned::to_owned))
    }

    /// `getLoginServiceConfiguration`: a JSON array of records.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn login_services(&self) -> Result<Box<RawValue>, ServiceError> {
        const ACTION: &str = "meteor.getLoginServiceConfiguration";
        self.0
            .ask(ACTION, &[])
            .await?
            .ok_or(ServiceError::Unexpected(ACTION))
    }

    /// `getAutoUpdateClientVersions`: a JSON object of records by architecture.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn client_versions(&self) -> Result<Box<RawValue>, ServiceError> {
        const ACTION: &str = "meteor.getAutoUpdateClientVersions";
        self.0
            .ask(ACTION, &[])
            .await?
            .ok_or(ServiceError::Unexpected(ACTION))
    }

    /// `notifyGuestStatusChanged`: a livechat visitor went offline.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn guest_offline(&self, token: &str) -> Result<(), ServiceError> {
        self.0
            .tell(
                "meteor.notifyGuestStatusChanged",
                &[&quoted(token), "\"offline\""],
            )
            .await
            .map(drop)
    }
}

/// `[uid, token, method, params]`, written in one go: every method of every client passes here.
fn method_params(
    uid: Option<&str>,
    token: Option<&str>,
    method: &str,
    params: &RawValue,
) -> String {
    let texts = uid.map_or(4, str::len) + token.map_or(4, str::len) + method.len();
    let mut out = Vec::with_capacity(texts + params.get().len() + 16);
    out.push(b'[');
    for text in [uid, token, Some(method)] {
        match text {
            Some(text) => write_text(&mut out, text),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b',');
    }
    out.extend_from_slice(params.get().as_bytes());
    out.push(b']');
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_params_of_a_method() {
        let params = ejson::raw(r#"[{"a":"ü"}]"#.into()).unwrap();
        assert_eq!(
            method_params(Some("u\""), Some("t"), "m", &params),
            r#"["u\"","t","m",[{"a":"ü"}]]"#
        );
        assert_eq!(
            method_params(None, None, "m", &params),
            r#"[null,null,"m",[{"a":"ü"}]]"#
        );
    }
}
