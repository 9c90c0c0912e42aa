//! `status-visibility` (8.8 and later): who may see whose status (reference/streams.md).

use serde_json::value::RawValue;

use super::calls::{Calls, ServiceError};
use crate::ejson::{self, RawObject, join, quoted};

/// The service, where the mesh has it.
#[derive(Clone)]
pub struct StatusVisibility(pub(super) Calls);

/// Whose status a viewer may not see, in the form in which it was answered: releases differ by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HiddenFrom {
    /// 8.8 and 8.9, a plain array: of these users.
    List(Vec<String>),
    /// Later: of everybody.
    Everybody,
    /// Later: of these users.
    Users(Vec<String>),
    /// Later: a set that did not survive the wire (`{}`), and nothing is told.
    Untold,
}

/// The service's name.
pub const STATUS_VISIBILITY: &str = "status-visibility";

impl StatusVisibility {
    /// Whether some node offers the service.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.0.mesh.offers("status-visibility.getHiddenFrom")
    }

    /// `getHiddenFrom`.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn hidden_from(&self, viewer: &str) -> Result<HiddenFrom, ServiceError> {
        const ACTION: &str = "status-visibility.getHiddenFrom";
        let answer = self.0.ask(ACTION, &[&quoted(viewer)]).await?;
        answer
            .as_deref()
            .and_then(hidden_from)
            .ok_or(ServiceError::Unexpected(ACTION))
    }

    /// `getRestrictedUsers`: the uids of users whose status not everybody may see.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn restricted_users(&self) -> Result<Vec<String>, ServiceError> {
        const ACTION: &str = "status-visibility.getRestrictedUsers";
        self.0
            .ask(ACTION, &[])
            .await?
            .as_deref()
            .and_then(texts)
            .ok_or(ServiceError::Unexpected(ACTION))
    }

    /// `refresh`: of these users, or of all (`None`), those whose status is to be sent again, as a JSON array.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn refresh(&self, targets: Option<&[&str]>) -> Result<Box<RawValue>, ServiceError> {
        const ACTION: &str = "status-visibility.refresh";
        let targets = targets.map_or_else(
            || "null".to_owned(),
            |targets| join(targets.iter().map(|target| quoted(target))),
        );
        self.0
            .ask(ACTION, &[&targets])
            .await?
            .ok_or(ServiceError::Unexpected(ACTION))
    }
}

fn hidden_from(answer: &RawValue) -> Option<HiddenFrom> {
    if let Some(list) = texts(answer) {
        return Some(HiddenFrom::List(list));
    }
    let answer = RawObject::of(answer)?;
    if answer.get("hideAll").and_then(ejson::boolean)? {
        return Some(HiddenFrom::Everybody);
    }
    match answer.present("hidden") {
        None => Some(HiddenFrom::Users(Vec::new())),
        Some(set) if RawObject::of(set).is_some_and(|set| set.is_empty()) => {
            Some(HiddenFrom::Untold)
        }
        Some(list) => texts(list).map(HiddenFrom::Users),
    }
}

fn texts(list: &RawValue) -> Option<Vec<String>> {
    ejson::array(list)?
        .into_iter()
        .map(|element| ejson::text(element).map(String::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_releases() {
        let users = |uids: &[&str]| uids.iter().map(|uid| (*uid).to_owned()).collect();
        for (answer, expected) in [
            ("[]", Some(HiddenFrom::List(vec![]))),
            (r#"["a","b"]"#, Some(HiddenFrom::List(users(&["a", "b"])))),
            (r#"{"hideAll":true}"#, Some(HiddenFrom::Everybody)),
            (
                r#"{"hideAll":true,"hidden":{}}"#,
                Some(HiddenFrom::Everybody),
            ),
            (r#"{"hideAll":false}"#, Some(HiddenFrom::Users(vec![]))),
            (
                r#"{"hideAll":false,"hidden":null}"#,
                Some(HiddenFrom::Users(vec![])),
            ),
            (
                r#"{"hideAll":false,"hidden":["a"]}"#,
                Some(HiddenFrom::Users(users(&["a"]))),
            ),
            (r#"{"hideAll":false,"hidden":{}}"#, Some(HiddenFrom::Untold)),
            (r#"{"hideAll":false,"hidden":{"a":1}}"#, None),
            (r#"{"hideAll":false,"hidden":[1]}"#, None),
            (r#"{"hideAll":0}"#, None),
            (r#"{"hidden":[]}"#, None),
            ("[1]", None),
            ("null", None),
            ("true", None),
        ] {
            let raw = ejson::raw(answer.into()).unwrap();
            assert_eq!(hidden_from(&raw), expected, "{answer}");
        }
    }
}
