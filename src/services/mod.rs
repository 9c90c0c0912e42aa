//! Typed calls to the core's services: names, arguments and answers, nothing else.
//!
//! Arguments travel as one JSON array; an absent one as `null`. What may be asked twice without harm is marked
//! repeatable: only such calls are retried. Answers are read strictly: what is not of the documented form is a
//! [`ServiceError::Unexpected`], and the rules above treat that as "could not be asked".

mod accounts;
mod authorization;
mod calls;
mod license;
mod meteor;
mod presence;
mod settings;
mod status_visibility;
#[cfg(test)]
pub(crate) mod testing;
mod video_conference;

#[cfg(test)]
mod tests;

pub use accounts::{Accounts, Credentials, LoggedIn};
pub use authorization::Authorization;
use calls::Calls;
pub use calls::{ACTIONS, Answer, NEEDED, ServiceError};
pub use license::Licence;
pub use meteor::Meteor;
pub use presence::Presence;
pub use settings::{EnterpriseSettings, SettingValue, WorkspaceSettings};
pub use status_visibility::{HiddenFrom, STATUS_VISIBILITY, StatusVisibility};
pub use video_conference::VideoConference;

// What the rooms above decide by: they know the services, not the mesh.
pub use crate::mesh::{Listed, NodeId, Release};

use crate::mesh::Mesh;

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
    /// Who may see whose status (8.8 and later).
    pub status_visibility: StatusVisibility,
    /// The workspace's settings.
    pub settings: WorkspaceSettings,
    /// Enterprise settings.
    pub enterprise_settings: EnterpriseSettings,
    mesh: Mesh,
}

impl Services {
    /// The services that nodes of this mesh offer.
    #[must_use]
    pub fn new(mesh: &Mesh) -> Self {
        let calls = Calls::new(mesh);
        Self {
            accounts: Accounts(calls.clone()),
            authorization: Authorization(calls.clone()),
            presence: Presence(calls.clone()),
            meteor: Meteor(calls.clone()),
            license: Licence(calls.clone()),
            video_conference: VideoConference(calls.clone()),
            status_visibility: StatusVisibility(calls.clone()),
            settings: WorkspaceSettings(calls.clone()),
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
