//! What is true in the core, and what may be heard.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// A user: `u0`, `u1`.
pub(super) type User = usize;
/// A room: `r0`, `r1`.
pub(super) type Room = usize;

pub(super) const USERS: usize = 2;
pub(super) const ROOMS: usize = 2;

/// Something to listen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Messages(Room),
    Activity(Room),
    Data(Room),
    /// `__my_messages__`
    Mine,
    Own(User),
    RoomsChanged(User),
    Forced(User),
    Logged,
    /// `private-settings-changed`
    Private,
    Inquiries,
    All,
}

impl Topic {
    pub(super) const EVERY: [Self; 16] = [
        Self::Messages(0),
        Self::Messages(1),
        Self::Activity(0),
        Self::Activity(1),
        Self::Data(0),
        Self::Data(1),
        Self::Mine,
        Self::Own(0),
        Self::Own(1),
        Self::RoomsChanged(0),
        Self::RoomsChanged(1),
        Self::Forced(0),
        Self::Logged,
        Self::Private,
        Self::Inquiries,
        Self::All,
    ];

    /// The stream and the event name.
    pub(super) fn names(self) -> (&'static str, String) {
        match self {
            Self::Messages(r) => ("room-messages", format!("r{r}")),
            Self::Activity(r) => ("notify-room", format!("r{r}/user-activity")),
            Self::Data(r) => ("room-data", format!("r{r}")),
            Self::Mine => ("room-messages", "__my_messages__".into()),
            Self::Own(u) => ("notify-user", format!("u{u}/message")),
            Self::RoomsChanged(u) => ("notify-user", format!("u{u}/rooms-changed")),
            Self::Forced(u) => ("notify-user", format!("u{u}/force_logout")),
            Self::Logged => ("notify-logged", "Users:NameChanged".into()),
            Self::Private => ("notify-logged", "private-settings-changed".into()),
            Self::Inquiries => ("livechat-inquiry-queue-observer", "public".into()),
            Self::All => ("notify-all", "x".into()),
        }
    }

    /// The id of its publications.
    pub(super) fn id(self) -> String {
        let (stream, event_name) = self.names();
        format!("{stream} {event_name}")
    }

    /// The room that its rule asks about.
    pub(super) fn room(self) -> Option<Room> {
        match self {
            Self::Messages(room) | Self::Activity(room) | Self::Data(room) => Some(room),
            _ => None,
        }
    }

    /// Which permission its rule asks, by its number in [`Truth::permissions`].
    pub(super) fn permission(self) -> Option<usize> {
        match self {
            Self::Inquiries => Some(0),
            Self::Private => Some(1),
            _ => None,
        }
    }

    /// What nobody has to be asked for.
    pub(super) fn at_once(self, user: Option<User>) -> Option<bool> {
        match self {
            Self::All | Self::Mine => Some(true),
            Self::Logged => Some(user.is_some()),
            Self::Own(whose) | Self::RoomsChanged(whose) | Self::Forced(whose) => {
                Some(user == Some(whose))
            }
            Self::Messages(_) => None,
            _ => user.is_none().then_some(false),
        }
    }

    /// The question that its rule asks; `new` are the rules of 8.x.
    pub(super) fn question(self, user: Option<User>, new: bool) -> Option<String> {
        let action = match self {
            Self::Messages(_) if new => "canReadRoom",
            Self::Messages(_) | Self::Data(_) => "canAccessRoom",
            Self::Activity(_) if new => "canAccessRoom+roles",
            Self::Activity(_) => "canAccessRoomId",
            Self::Inquiries => "hasPermission",
            Self::Private => "hasAtLeastOnePermission",
            _ => return None,
        };
        let about = match self {
            Self::Inquiries => PERMISSIONS[0].to_owned(),
            Self::Private => "any".to_owned(),
            _ => format!("r{}", self.room()?),
        };
        let user = user.map_or(String::new(), |user| format!("u{user}"));
        Some(format!("{action} {about} {user}"))
    }
}

/// The permissions that rules ask.
pub(super) const PERMISSIONS: [&str; 2] = ["view-l-room", "manage-selected-settings"];

/// What the core knows.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) members: BTreeSet<(User, Room)>,
    /// Public rooms; the others are private.
    pub(super) public: BTreeSet<Room>,
    /// Who has the role that has permissions.
    pub(super) agents: BTreeSet<User>,
    /// The permissions that the role has.
    pub(super) permissions: BTreeSet<usize>,
    /// When each room was written.
    pub(super) writes: [Vec<u64>; ROOMS],
    /// The tokens in the database.
    pub(super) tokens: BTreeSet<(User, u64)>,
}

impl Truth {
    /// The answer to a question, by its key; `room` is the room as the question tells it.
    pub(super) fn grants(&self, key: &str, room: Option<&Value>) -> bool {
        let words: Vec<_> = key.split(' ').collect();
        let [action, about, user] = *words else {
            panic!("{key}");
        };
        let number = |word: &str| word[1..].parse().unwrap();
        let Some(user) = user.starts_with('u').then(|| number(user)) else {
            return false;
        };
        match action {
            "hasPermission" | "hasAtLeastOnePermission" => {
                let which = usize::from(action != "hasPermission");
                self.may(user, which)
            }
            _ => {
                let public = match room {
                    Some(room) => room["t"] == "c",
                    None => self.public.contains(&number(about)),
                };
                public || self.members.contains(&(user, number(about)))
            }
        }
    }

    fn may(&self, user: User, permission: usize) -> bool {
        self.agents.contains(&user) && self.permissions.contains(&permission)
    }

    /// Whether a user may hear a topic.
    pub(super) fn may_hear(&self, user: Option<User>, topic: Topic) -> bool {
        match (topic.at_once(user), user, topic.room(), topic.permission()) {
            (Some(granted), ..) => granted,
            (_, Some(user), Some(room), _) => self.may_enter(user, room),
            (_, Some(user), _, Some(permission)) => self.may(user, permission),
            _ => false,
        }
    }

    pub(super) fn may_enter(&self, user: User, room: Room) -> bool {
        self.public.contains(&room) || self.members.contains(&(user, room))
    }

    pub(super) fn type_of(&self, room: Room) -> &'static str {
        if self.public.contains(&room) {
            "c"
        } else {
            "p"
        }
    }

    /// A room's document; `n` is when it was written.
    pub(super) fn room(&self, room: Room) -> Value {
        let n = self.writes[room].last().unwrap_or(&0);
        json!({"_id": format!("r{room}"), "t": self.type_of(room), "name": format!("room {room}"), "n": n})
    }

    /// When a room was written after this document of it was.
    pub(super) fn written_after(&self, document: &Value) -> Option<u64> {
        let room: Room = document["_id"].as_str()?[1..].parse().ok()?;
        let n = document["n"].as_u64()?;
        self.writes[room].iter().copied().find(|write| *write > n)
    }

    /// A user's document.
    pub(super) fn user(&self, user: User) -> Value {
        let tokens = self.tokens.iter().filter(|(of, _)| *of == user);
        let tokens: Vec<_> = tokens
            .map(|(_, token)| json!({"hashedToken": format!("h{token}")}))
            .collect();
        let roles = match self.agents.contains(&user) {
            true => json!(["user", "livechat-agent"]),
            false => json!(["user"]),
        };
        json!({
            "_id": format!("u{user}"), "username": format!("user{user}"), "roles": roles,
            "services": {"resume": {"loginTokens": tokens}},
        })
    }
}
