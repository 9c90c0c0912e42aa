//! Where clients are found: by session, and by user.

use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::handle::Client;
use super::identity::{Identity, SessionId, UserId};
use super::revocations::Revocations;

/// All clients of this process.
#[derive(Debug, Default)]
pub struct Directory {
    sessions: DashMap<SessionId, Arc<Client>>,
    users: DashMap<UserId, Vec<Arc<Client>>>,
    revocations: Revocations,
}

impl Directory {
    /// Lists a client; the guard takes it out again, whatever the way out.
    #[must_use]
    pub fn enter(self: &Arc<Self>, client: &Arc<Client>) -> Listed {
        self.sessions.insert(client.id().clone(), client.clone());
        Listed {
            directory: self.clone(),
            client: client.clone(),
        }
    }

    /// Logs a client in or out; answers who it was before.
    pub fn identify(
        &self,
        client: &Arc<Client>,
        identity: Option<Identity>,
    ) -> Option<Arc<Identity>> {
        let identity = identity.map(Arc::new);
        let user = identity.as_ref().map(|identity| identity.user.clone());
        let former = client.identify(identity);
        if former.as_ref().map(|former| &former.user) != user.as_ref() {
            if let Some(former) = &former {
                self.forget(&former.user, client);
            }
            if let Some(user) = user {
                // Most users have one session: a vector that grows would begin with room for four.
                let mut sessions = self
                    .users
                    .entry(user)
                    .or_insert_with(|| Vec::with_capacity(1));
                sessions.push(client.clone());
            }
        }
        former
    }

    fn forget(&self, user: &UserId, client: &Arc<Client>) {
        if let Entry::Occupied(mut entry) = self.users.entry(user.clone()) {
            entry.get_mut().retain(|other| !Arc::ptr_eq(other, client));
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// A user's logins are in doubt, or over, but for those with the hashed tokens `kept`: answers all who are logged in as the
    /// user now; those whose logins are under way find it by [`Directory::revoked_since`].
    #[must_use]
    pub fn revoke<'a>(&self, user: &str, kept: impl Iterator<Item = &'a str>) -> Vec<Arc<Client>> {
        self.revocations.revoke(user, kept);
        self.of_user(user)
    }

    /// How many [`Directory::revoke`]s there were: before a login is asked for.
    #[must_use]
    pub fn revocations(&self) -> u64 {
        self.revocations.count()
    }

    /// Whether a login was revoked since there were so many, or it looks like it: after the client is listed.
    #[must_use]
    pub fn revoked_since(&self, count: u64, identity: &Identity) -> bool {
        let (user, token) = (identity.user.as_str(), &identity.hashed_token);
        self.revocations.since(count, user, token)
    }

    /// The client of a session.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<Arc<Client>> {
        self.sessions.get(id).map(|client| client.clone())
    }

    /// All clients that are logged in as a user.
    #[must_use]
    pub fn of_user(&self, user: &str) -> Vec<Arc<Client>> {
        self.users
            .get(user)
            .map(|clients| clients.clone())
            .unwrap_or_default()
    }

    /// How many clients are logged in as a user.
    #[must_use]
    pub fn count_of_user(&self, user: &str) -> usize {
        self.users.get(user).map_or(0, |clients| clients.len())
    }

    /// All clients.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.sessions
            .iter()
            .map(|entry| entry.value().clone())
            .collect()
    }

    /// All users with a logged-in client.
    #[must_use]
    pub fn users(&self) -> Vec<UserId> {
        self.users.iter().map(|entry| entry.key().clone()).collect()
    }

    /// How many sessions there are.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.sessions.len()
    }

    /// Bytes that wait to be written, of all sessions.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.sessions
            .iter()
            .map(|entry| entry.value().outbox().unsent())
            .sum()
    }

    /// Gives memory back when many have left: a table keeps the size that it had at its fullest. To be called now and
    /// then.
    pub fn settle(&self) {
        give_back(&self.sessions);
        give_back(&self.users);
    }

    /// How many sessions are logged in.
    #[must_use]
    pub fn logged_in(&self) -> usize {
        self.users.iter().map(|entry| entry.value().len()).sum()
    }
}

/// Tables with less room than this stay as they are.
const SMALL: usize = 4096;

/// Gives a table's memory back once three quarters of it are empty.
pub fn give_back<K: Eq + Hash, V>(table: &DashMap<K, V>) {
    let room = table.capacity();
    if room > SMALL && table.len() < room / 4 {
        table.shrink_to_fit();
    }
}

/// A client's entry in the directory; dropping it takes the client out.
#[derive(Debug)]
pub struct Listed {
    directory: Arc<Directory>,
    client: Arc<Client>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.directory.sessions.remove(self.client.id().as_str());
        if let Some(user) = self.client.user() {
            self.directory.forget(&user, &self.client);
        }
    }
}
