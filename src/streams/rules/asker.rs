//! Who asks.

use crate::client::{Client, UserId};

/// Who asks: a user, or an anonymous session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::streams) struct Asker(Option<UserId>);

impl From<Option<UserId>> for Asker {
    fn from(user: Option<UserId>) -> Self {
        Self(user)
    }
}

impl Asker {
    /// Who a client is, now.
    pub(in crate::streams) fn of(client: &Client) -> Self {
        Self(client.user())
    }

    /// The user; `None` is an anonymous session.
    pub(in crate::streams) fn user(&self) -> Option<&UserId> {
        self.0.as_ref()
    }

    /// The user's id.
    pub(in crate::streams) fn uid(&self) -> Option<&str> {
        self.0.as_ref().map(UserId::as_str)
    }

    /// Whether the client is still who it was.
    pub(in crate::streams) fn is(&self, client: &Client) -> bool {
        match &self.0 {
            Some(user) => client.is(user.as_str()),
            None => client.identity().is_none(),
        }
    }
}
