//! The workspace's documents, with the fields that clients and the streamer read.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::date::{BEGINNING, Date};

/// A person or a bot.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct User {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) username: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) bio: String,
    pub(in crate::sandbox) roles: Vec<String>,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) status_default: String,
    pub(in crate::sandbox) status_connection: String,
    pub(in crate::sandbox) status_text: String,
    pub(in crate::sandbox) tokens: Vec<LoginToken>,
    pub(in crate::sandbox) password: Option<String>,
    /// Place in the page's list of people.
    pub(in crate::sandbox) rank: usize,
    pub(in crate::sandbox) updated_at: Date,
}

/// A login token, kept as its hash.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct LoginToken {
    pub(in crate::sandbox) when: Date,
    pub(in crate::sandbox) hashed_token: String,
}

impl User {
    pub(in crate::sandbox) fn is_bot(&self) -> bool {
        self.roles.iter().any(|role| role == "bot")
    }

    /// As messages and subscriptions name it.
    pub(in crate::sandbox) fn brief(&self) -> UserBrief {
        UserBrief {
            id: self.id.clone(),
            username: self.username.clone(),
            name: Some(self.name.clone()),
        }
    }

    /// The document in `users`.
    pub(in crate::sandbox) fn document(&self) -> Value {
        json!({
            "_id": self.id,
            "username": self.username,
            "name": self.name,
            "bio": self.bio,
            "emails": [{ "address": format!("{}@example.org", self.username), "verified": true }],
            "status": self.status,
            "statusDefault": self.status_default,
            "statusConnection": self.status_connection,
            "statusText": self.status_text,
            "utcOffset": 0,
            "language": "en",
            "roles": self.roles,
            "active": true,
            "type": if self.is_bot() { "bot" } else { "user" },
            "settings": { "preferences": { "enableAutoAway": true } },
            "services": {
                "resume": { "loginTokens": self.tokens },
                "totp": { "enabled": false },
                "email2fa": { "enabled": true },
            },
            "createdAt": BEGINNING,
            "_updatedAt": self.updated_at,
        })
    }
}

/// `{_id, username, name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::sandbox) struct UserBrief {
    #[serde(rename = "_id")]
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) name: Option<String>,
}

/// What kind of room it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(in crate::sandbox) enum RoomType {
    #[serde(rename = "c")]
    Channel,
    #[serde(rename = "p")]
    Private,
    #[serde(rename = "d")]
    Direct,
    #[serde(rename = "l")]
    Livechat,
}

/// `rocketchat_room`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct Room {
    #[serde(rename = "_id")]
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) t: RoomType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) fname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) u: Option<UserBrief>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::sandbox) uids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::sandbox) usernames: Vec<String>,
    pub(in crate::sandbox) msgs: u64,
    pub(in crate::sandbox) users_count: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::sandbox) default: bool,
    pub(in crate::sandbox) ro: bool,
    pub(in crate::sandbox) ts: Date,
    pub(in crate::sandbox) lm: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) last_message: Option<Message>,
    /// A livechat room's visitor, agent and the like.
    #[serde(flatten)]
    pub(in crate::sandbox) more: Map<String, Value>,
    #[serde(rename = "_updatedAt")]
    pub(in crate::sandbox) updated_at: Date,
}

impl Room {
    pub(in crate::sandbox) fn new(id: impl Into<String>, t: RoomType, now: Date) -> Self {
        Self {
            id: id.into(),
            t,
            name: None,
            fname: None,
            topic: None,
            u: None,
            uids: Vec::new(),
            usernames: Vec::new(),
            msgs: 0,
            users_count: 0,
            default: false,
            ro: false,
            ts: now,
            lm: now,
            last_message: None,
            more: Map::new(),
            updated_at: now,
        }
    }

    /// `v.token`: the visitor of a livechat room.
    pub(in crate::sandbox) fn visitor_token(&self) -> Option<&str> {
        self.more.get("v")?.get("token")?.as_str()
    }

    /// `servedBy._id`: the agent of a livechat room.
    pub(in crate::sandbox) fn served_by(&self) -> Option<&str> {
        self.more.get("servedBy")?.get("_id")?.as_str()
    }
}

/// `rocketchat_subscription`: a user in a room.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct Subscription {
    #[serde(rename = "_id")]
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) rid: String,
    pub(in crate::sandbox) t: RoomType,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) fname: String,
    pub(in crate::sandbox) u: UserBrief,
    pub(in crate::sandbox) open: bool,
    pub(in crate::sandbox) alert: bool,
    pub(in crate::sandbox) unread: u64,
    pub(in crate::sandbox) user_mentions: u64,
    pub(in crate::sandbox) group_mentions: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::sandbox) roles: Vec<String>,
    pub(in crate::sandbox) ts: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) ls: Option<Date>,
    #[serde(flatten)]
    pub(in crate::sandbox) more: Map<String, Value>,
    #[serde(rename = "_updatedAt")]
    pub(in crate::sandbox) updated_at: Date,
}

/// `rocketchat_message`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct Message {
    #[serde(rename = "_id")]
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) rid: String,
    pub(in crate::sandbox) msg: String,
    /// A system message's kind, such as `uj`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) t: Option<String>,
    pub(in crate::sandbox) ts: Date,
    pub(in crate::sandbox) u: UserBrief,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) edited_at: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) edited_by: Option<UserBrief>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::sandbox) reactions: BTreeMap<String, Reaction>,
    pub(in crate::sandbox) mentions: Vec<UserBrief>,
    pub(in crate::sandbox) channels: Vec<Value>,
    pub(in crate::sandbox) urls: Vec<Value>,
    /// The parsed text: a plain paragraph here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) md: Option<Value>,
    /// What a client may add: `tmid`, `alias`, `attachments`, `customFields`, `groupable`.
    #[serde(flatten)]
    pub(in crate::sandbox) more: Map<String, Value>,
    #[serde(rename = "_updatedAt")]
    pub(in crate::sandbox) updated_at: Date,
}

/// Who reacted with one emoji.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::sandbox) struct Reaction {
    pub(in crate::sandbox) usernames: Vec<String>,
}

impl Message {
    pub(in crate::sandbox) fn new(
        id: String,
        rid: &str,
        u: UserBrief,
        msg: &str,
        now: Date,
    ) -> Self {
        Self {
            id,
            rid: rid.to_owned(),
            msg: msg.to_owned(),
            t: None,
            ts: now,
            u,
            edited_at: None,
            edited_by: None,
            reactions: BTreeMap::new(),
            mentions: Vec::new(),
            channels: Vec::new(),
            urls: Vec::new(),
            md: Some(plain(msg)),
            more: Map::new(),
            updated_at: now,
        }
    }
}

/// The parsed form of a text without any markup.
pub(in crate::sandbox) fn plain(msg: &str) -> Value {
    json!([{ "type": "PARAGRAPH", "value": [{ "type": "PLAIN_TEXT", "value": msg }] }])
}

/// A document as EJSON.
pub(in crate::sandbox) fn value<T: Serialize>(document: &T) -> Value {
    // Only maps with keys that are not text could fail, and there are none.
    serde_json::to_value(document).unwrap_or_default()
}

/// An id as Meteor makes them: 17 letters and figures that are not mistaken for one another.
pub(super) fn new_id() -> String {
    const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";
    (0..17)
        .map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]))
        .collect()
}
