//! `accounts`: logins (reference/methods.md).

use serde_json::value::RawValue;

use super::calls::{Calls, ServiceError};
use crate::ejson::{self, RawObject};

/// The accounts service.
#[derive(Clone)]
pub struct Accounts(pub(super) Calls);

/// What a client offers to log in with, as JSON that is passed on.
#[derive(Debug)]
pub struct Credentials<'a>(pub &'a RawValue);

/// A login that succeeded.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// The user.
    pub uid: String,
    /// The login token, for the client alone. Never in a log.
    pub token: String,
    /// The hashed token, for the mesh.
    pub hashed_token: String,
    /// When the token expires, as EJSON.
    pub token_expires: Option<Box<RawValue>>,
    /// How the login was done, as JSON.
    pub kind: Option<Box<RawValue>>,
}

impl Accounts {
    /// `accounts.login`; `None` when the credentials are not known.
    ///
    /// # Errors
    /// When nobody answers, or the account service refuses with an error of its own.
    pub async fn login(
        &self,
        credentials: Credentials<'_>,
    ) -> Result<Option<LoggedIn>, ServiceError> {
        const ACTION: &str = "accounts.login";
        let Some(answer) = self.0.tell(ACTION, &[credentials.0.get()]).await? else {
            return Ok(None);
        };
        if matches!(answer.get(), "false" | "null") {
            return Ok(None);
        }
        let unexpected = || ServiceError::Unexpected(ACTION);
        let object = RawObject::of(&answer).ok_or_else(unexpected)?;
        let text = |key| object.text(key).map(String::from).ok_or_else(unexpected);
        Ok(Some(LoggedIn {
            uid: text("uid")?,
            token: text("token")?,
            hashed_token: text("hashedToken")?,
            token_expires: object.present("tokenExpires").map(ToOwned::to_owned),
            kind: object.get("type").map(ToOwned::to_owned),
        }))
    }

    /// `accounts.logout`.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn logout(&self, uid: &str, hashed_token: &str) -> Result<(), ServiceError> {
        let arg = format!(
            r#"{{"userId":{},"token":{}}}"#,
            ejson::quoted(uid),
            ejson::quoted(hashed_token)
        );
        self.0.tell("accounts.logout", &[&arg]).await.map(drop)
    }
}
