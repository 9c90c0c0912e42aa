//! What reads answer.

use std::sync::Arc;

use serde_json::value::RawValue;

/// One document, or a part of one, as EJSON text.
pub type Document = Arc<RawValue>;

/// What the visitor rule needs to know of a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomVisitor {
    /// The room's type; `l` is omnichannel.
    pub t: Option<String>,
    /// `v.token`.
    pub visitor_token: Option<String>,
}

/// Who serves an omnichannel room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomServing {
    /// The room's type; `l` is omnichannel.
    pub t: Option<String>,
    /// `servedBy._id`.
    pub served_by: Option<String>,
}

/// How a user is called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserNames {
    /// `username`.
    pub username: Option<String>,
    /// `name`.
    pub name: Option<String>,
}

/// The document sent after a login.
#[derive(Debug, Clone)]
pub struct OwnUser {
    /// `_id`.
    pub id: String,
    /// The other fields that are sent, as one object without `_id`.
    pub fields: Document,
}
