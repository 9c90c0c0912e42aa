//! Typed calls to the core's services: names, arguments and answers, nothing else.
//!
//! Arguments travel as one JSON array; an absent one as `null`. What may be asked twice without harm is marked
//! repeatable: only such calls are retried. Answers are read strictly: what is not of the documented form is a
//! [`ServiceError::Unexpected`], and the rules above treat that as "could not be asked".

mod accounts;
mod authorization;
mod license;
mod meteor;
mod presence;
mod settings;
mod status_visibility;
#[cfg(test)]
pub(crate) mod testing;
mod video_conference;

use serde_json::value::RawValue;
use thiserror::Error;

pub use accounts::{Accounts, Credentials, LoggedIn};
pub use authorization::Authorization;
pub use license::Licence;
pub use meteor::Meteor;
pub use presence::Presence;
pub use settings::{EnterpriseSettings, SettingValue};
pub use status_visibility::{HiddenFrom, StatusVisibility};
pub use video_conference::VideoConference;

// What the rooms above decide by: they know the services, not the mesh.
pub use crate::mesh::{Listed, Release};

use crate::ejson;
use crate::mesh::{Call, CallError, Mesh};

/// Why a service did not answer.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The call failed, or the service answered with an error.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The answer was of another form than documented.
    #[error("{0} answered something unexpected")]
    Unexpected(&'static str),
}

/// All services, over one mesh.
#[derive(Clone)]
pub struct Services {
    /// Logins.
    pub accounts: Accounts,
    /// Permissions and room access.
    pub authorization: Authorization,
    /// Who is online.
    pub presence: Presence,
    /// The core: methods and collections.
    pub meteor: Meteor,
    /// The workspace's licence.
    pub license: Licence,
    /// Video conferences and media calls.
    pub video_conference: VideoConference,
    /// Who may see whose status (8.x).
    pub status_visibility: StatusVisibility,
    /// Enterprise settings.
    pub enterprise_settings: EnterpriseSettings,
    mesh: Mesh,
}

impl Services {
    /// The services that nodes of this mesh offer.
    #[must_use]
    pub fn new(mesh: &Mesh) -> Self {
        let calls = Calls { mesh: mesh.clone() };
        Self {
            accounts: Accounts(calls.clone()),
            authorization: Authorization(calls.clone()),
            presence: Presence(calls.clone()),
            meteor: Meteor(calls.clone()),
            license: Licence(calls.clone()),
            video_conference: VideoConference(calls.clone()),
            status_visibility: StatusVisibility(calls.clone()),
            enterprise_settings: EnterpriseSettings(calls),
            mesh: mesh.clone(),
        }
    }

    /// The mesh itself: its release, its events, its state.
    #[must_use]
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }
}

type Answer = Result<Option<Box<RawValue>>, ServiceError>;

/// Calls over the mesh with arguments as ready JSON texts.
#[derive(Clone)]
struct Calls {
    mesh: Mesh,
}

impl Calls {
    /// A check or a read: may be retried.
    async fn ask(&self, action: &'static str, args: &[&str]) -> Answer {
        self.call(action, args, true).await
    }

    /// Something that is done by being asked: never retried.
    async fn tell(&self, action: &'static str, args: &[&str]) -> Answer {
        self.call(action, args, false).await
    }

    async fn call(&self, action: &'static str, args: &[&str], repeatable: bool) -> Answer {
        self.call_with(action, &ejson::join(args), repeatable).await
    }

    /// `params` is the whole JSON array of the arguments.
    async fn call_with(&self, action: &'static str, params: &str, repeatable: bool) -> Answer {
        Ok(self
            .mesh
            .call(Call {
                repeatable,
                ..Call::new(action, params)
            })
            .await?)
    }

    /// A check whose answer is `true` or `false`; nothing at all is `false`.
    async fn check(&self, action: &'static str, args: &[&str]) -> Result<bool, ServiceError> {
        match self.ask(action, args).await?.as_deref().map(RawValue::get) {
            Some("true") => Ok(true),
            Some("false" | "null") | None => Ok(false),
            Some(_) => Err(ServiceError::Unexpected(action)),
        }
    }
}

/// `text` quoted, or `null`.
fn text_or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), ejson::quoted)
}
