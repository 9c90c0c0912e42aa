//! `status-visibility` (8.x): who may see whose status (reference/streams.md).

use serde_json::value::RawValue;

use super::calls::{Calls, ServiceError};
use crate::ejson::{self, RawObject, join, quoted};

/// The service, where the mesh has it.
#[derive(Clone)]
pub struct StatusVisibility(pub(super) Calls);

/// Whose status a viewer may not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HiddenFrom {
    /// Nobody's.
    All,
    /// Of these users.
    Users(Vec<String>),
}

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
        let answer = self
            .0
            .ask(ACTION, &[&quoted(viewer)])
            .await?
            .ok_or(ServiceError::Unexpected(ACTION))?;
        let answer = RawObject::of(&answer).ok_or(ServiceError::Unexpected(ACTION))?;
        if answer
            .get("hideAll")
            .and_then(ejson::boolean)
            .ok_or(ServiceError::Unexpected(ACTION))?
        {
            return Ok(HiddenFrom::All);
        }
        match answer.present("hidden") {
            None => Ok(HiddenFrom::Users(Vec::new())),
            Some(list) => texts(list)
                .map(HiddenFrom::Users)
                .ok_or(ServiceError::Unexpected(ACTION)),
        }
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

    /// `refresh`: the users whose status is to be sent again, as a JSON array.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn refresh(&self, targets: &[String]) -> Result<Box<RawValue>, ServiceError> {
        const ACTION: &str = "status-visibility.refresh";
        let targets = join(targets.iter().map(|target| quoted(target)));
        self.0
            .ask(ACTION, &[&targets])
            .await?
            .ok_or(ServiceError::Unexpected(ACTION))
    }
}

fn texts(list: &RawValue) -> Option<Vec<String>> {
    ejson::array(list)?
        .into_iter()
        .map(|element| ejson::text(element).map(String::from))
        .collect()
}
