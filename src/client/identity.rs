//! Who a client is, and where it comes from.

use std::fmt;
use std::sync::Arc;

use crate::ejson::write_text;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A session: one WebSocket connection.
    SessionId
}
id! {
    /// A user of the workspace.
    UserId
}

/// Who a session is logged in as.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// The hashed login token, by which `watch.users` names it. Never in a log.
    pub hashed_token: Box<str>,
}

/// Where a session comes from, as the mesh is told (reference/ddp.md, "What the mesh is told").
#[derive(Debug, Clone)]
pub struct Connection {
    /// The UUID of this process in the `instances` collection.
    pub instance: Arc<str>,
    /// The client's address; absent when the trusted proxies did not say.
    pub address: Option<Box<str>>,
    /// The upgrade request's headers as a JSON object, names in lower case. Holds cookies: never in a log.
    pub headers: Box<str>,
}

impl Connection {
    /// The `connection` object of the mesh's events, as JSON.
    #[must_use]
    pub fn to_json(
        &self,
        session: &SessionId,
        login_token: Option<&str>,
        livechat_token: Option<&str>,
    ) -> String {
        let mut out = Vec::with_capacity(self.headers.len() + 256);
        out.extend_from_slice(br#"{"id":"#);
        write_text(&mut out, session.as_str());
        let mut field = |name: &[u8], value: Option<&str>| {
            if let Some(value) = value {
                out.extend_from_slice(name);
                write_text(&mut out, value);
            }
        };
        field(br#","instanceId":"#, Some(&self.instance));
        field(br#","clientAddress":"#, self.address.as_deref());
        field(br#","loginToken":"#, login_token);
        field(br#","livechatToken":"#, livechat_token);
        out.extend_from_slice(br#","httpHeaders":"#);
        out.extend_from_slice(self.headers.as_bytes());
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }
}
