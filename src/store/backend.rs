//! The one face of both stores.

use std::sync::Arc;

use super::documents::{Document, OwnUser, RoomServing, RoomVisitor, UserNames};
use super::error::StoreError;
use super::look::Look;
use super::memory::{self, Memory};
use super::mongo::Mongo;
use super::state::StoreState;
use crate::config::{MEMORY, StoreConfig};
use crate::telemetry::metrics;

/// The database; clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct Store(pub(super) Backend);

#[derive(Debug, Clone)]
pub(super) enum Backend {
    Mongo(Arc<Mongo>),
    Memory(Arc<Memory>),
}

/// Hands a read to whichever store it is, counted by the question's name.
macro_rules! ask {
    ($store:expr, $method:ident($($arg:expr),*)) => {{
        metrics::store_read(stringify!($method));
        match &$store.0 {
            Backend::Mongo(mongo) => mongo.$method($($arg),*).await,
            Backend::Memory(memory) => {
                #[cfg(test)]
                memory.broken.ask(stringify!($method))?;
                Ok(memory.$method($($arg),*))
            }
        }
    }};
}

impl Store {
    /// Opens the store that `config.url` names. A database is not contacted yet: it may be away, and is tried for ever.
    ///
    /// # Errors
    /// The seed file of `memory:<seed file>` cannot be used.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        match config.url.expose().strip_prefix(MEMORY) {
            Some("") => Ok(Self::memory()),
            Some(seed) => Ok(Self(Backend::Memory(Arc::new(memory::seeded(
                seed.as_ref(),
            )?)))),
            None => Ok(Self(Backend::Mongo(Arc::new(Mongo::new(
                config.url.clone(),
            ))))),
        }
    }

    /// An empty store in memory.
    pub fn memory() -> Self {
        Self(Backend::Memory(Arc::default()))
    }

    /// The store in memory, to fill and change it; `None` with a database.
    pub fn as_memory(&self) -> Option<&Memory> {
        match &self.0 {
            Backend::Memory(memory) => Some(memory),
            Backend::Mongo(_) => None,
        }
    }

    /// The whole room.
    ///
    /// # Errors
    /// As every read: the database is away, too slow, or answers what cannot be read.
    pub async fn room(&self, id: &str) -> Result<Option<Document>, StoreError> {
        ask!(self, room(id))
    }

    /// The room's type and its visitor's token.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn room_visitor(&self, id: &str) -> Result<Option<RoomVisitor>, StoreError> {
        ask!(self, room_visitor(id))
    }

    /// The room's type and its agent.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn room_serving(&self, id: &str) -> Result<Option<RoomServing>, StoreError> {
        ask!(self, room_serving(id))
    }

    /// The rooms that `user` is subscribed to.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn subscribed_rooms(&self, user: &str) -> Result<Vec<String>, StoreError> {
        ask!(self, subscribed_rooms(user))
    }

    /// `user` has a subscription to `room`.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn is_member(&self, room: &str, user: &str) -> Result<bool, StoreError> {
        ask!(self, is_member(room, user))
    }

    /// The users with a subscription to `room`, but for `user`.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn other_members(&self, room: &str, user: &str) -> Result<Vec<String>, StoreError> {
        ask!(self, other_members(room, user))
    }

    /// The visitors (`v._id`) of `room`'s subscriptions that are not served by `agent`.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn other_visitors(&self, room: &str, agent: &str) -> Result<Vec<String>, StoreError> {
        ask!(self, other_visitors(room, agent))
    }

    /// How `user` is called.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn user_names(&self, user: &str) -> Result<Option<UserNames>, StoreError> {
        ask!(self, user_names(user))
    }

    /// `{_id, roles}` of `user`.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn user_roles(&self, user: &str) -> Result<Option<Document>, StoreError> {
        ask!(self, user_roles(user))
    }

    /// What `user` is sent about itself after a login.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn own_user(&self, user: &str) -> Result<Option<OwnUser>, StoreError> {
        let fields = ask!(self, own_user(user))?;
        Ok(fields.map(|fields| OwnUser {
            id: user.to_owned(),
            fields,
        }))
    }

    /// `user` still has the login token whose hash is `hashed`.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn has_login_token(&self, user: &str, hashed: &str) -> Result<bool, StoreError> {
        ask!(self, has_login_token(user, hashed))
    }

    /// The setting's `value`; `None` when there is no such setting, or it has none.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn setting(&self, id: &str) -> Result<Option<Document>, StoreError> {
        ask!(self, setting(id))
    }

    /// `{_id, users, rid, discussionRid}` of a conference.
    ///
    /// # Errors
    /// As [`Store::room`].
    pub async fn video_conference(&self, id: &str) -> Result<Option<Document>, StoreError> {
        ask!(self, video_conference(id))
    }

    /// Asks the database whether it is there.
    ///
    /// # Errors
    /// It is not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match &self.0 {
            Backend::Mongo(mongo) => mongo.ping().await,
            Backend::Memory(_) => Ok(()),
        }
    }

    /// What a look at the database finds; `None` when everything is kept in memory. Nothing is written.
    ///
    /// # Errors
    /// It is not there, or does not let this process in.
    pub async fn look(&self) -> Result<Option<Look>, StoreError> {
        match &self.0 {
            Backend::Mongo(mongo) => mongo.look().await.map(Some),
            Backend::Memory(_) => Ok(None),
        }
    }

    /// How the last operation went; asks nobody.
    pub fn state(&self) -> StoreState {
        match &self.0 {
            Backend::Mongo(mongo) => mongo.state(),
            Backend::Memory(_) => StoreState::Ready,
        }
    }
}
