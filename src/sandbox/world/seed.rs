//! The workspace as it begins: people, rooms, what they said yesterday.
//!
//! By convention `<name>-id` logs in with the token `<name>-token` or the password `<name>-password`.

use serde_json::{Value, json};

use super::accounts::hash_login_token;
use super::date::{BEGINNING, Date};
use super::documents::{LoginToken, UserBrief, value};
use super::documents::{Message, Room, RoomType, User};
use super::rooms::subscription;
use super::settings;
use super::state::World;
use crate::sandbox::options::CoreRelease;
use crate::store::Collection;

const MINUTE: i64 = 60_000;

/// Username, name, bio, roles.
const PEOPLE: &[(&str, &str, &str, &[&str])] = &[
    ("alice", "Alice", "Owns #private. Writes first.", &["user"]),
    ("bob", "Bob", "Owns #public. Member of #private.", &["user"]),
    (
        "carol",
        "Carol",
        "Owns #secret, where she is alone.",
        &["user"],
    ),
    (
        "admin",
        "Admin",
        "May edit, delete and remove anywhere.",
        &["admin", "user"],
    ),
    (
        "agent",
        "Agent",
        "Answers livechat visitors.",
        &["user", "livechat-agent"],
    ),
    ("bot", "Bot", "A bot without a program behind it.", &["bot"]),
];

/// Id, type, name, topic, owner, members.
type RoomRow = (
    &'static str,
    RoomType,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const ROOMS: &[RoomRow] = &[
    (
        "GENERAL",
        RoomType::Channel,
        "general",
        "Everybody is here",
        "admin",
        &["alice", "bob", "carol", "admin", "agent", "bot"],
    ),
    (
        "public-id",
        RoomType::Channel,
        "public",
        "Anybody may join",
        "bob",
        &["bob"],
    ),
    (
        "private-id",
        RoomType::Private,
        "private",
        "Only for its members",
        "alice",
        &["alice", "bob", "bot"],
    ),
    (
        "secret-id",
        RoomType::Private,
        "secret",
        "Carol's own",
        "carol",
        &["carol"],
    ),
];

/// Room, who, what, minutes ago.
const SAID: &[(&str, &str, &str, i64)] = &[
    (
        "GENERAL",
        "admin",
        "Welcome. Each pane is one WebSocket of its own; write in one and watch the other.",
        58,
    ),
    (
        "GENERAL",
        "carol",
        "Try leaving a room, or removing somebody from #private.",
        41,
    ),
    ("GENERAL", "alice", "Good morning, everybody.", 12),
    ("GENERAL", "bob", "Morning! Coffee is ready.", 11),
    ("public-id", "bob", "Nobody has joined yet.", 120),
    ("private-id", "alice", "Only the three of us read this.", 35),
    ("private-id", "bob", "And the bot never tells.", 34),
    ("secret-id", "carol", "Note to self.", 300),
    ("direct-id", "bob", "Lunch at one?", 25),
    ("live-id", "guest", "Hello? Is anybody there?", 9),
];

impl User {
    /// A user who may log in as the convention says.
    pub(in crate::sandbox) fn new(id: &str, username: &str, name: &str, roles: &[&str]) -> Self {
        Self {
            id: id.to_owned(),
            username: username.to_owned(),
            name: name.to_owned(),
            bio: String::new(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            status: "offline".to_owned(),
            status_default: "online".to_owned(),
            status_connection: "offline".to_owned(),
            status_text: String::new(),
            tokens: Vec::new(),
            password: None,
            rank: usize::MAX,
            updated_at: BEGINNING,
        }
    }
}

impl World {
    /// Everything that the streamer reads from the database.
    pub(in crate::sandbox) fn documents(&self) -> Vec<(Collection, Value)> {
        let mut all = Vec::new();
        all.extend(
            self.users
                .values()
                .map(|user| (Collection::Users, user.document())),
        );
        all.extend(
            self.rooms
                .values()
                .map(|room| (Collection::Rooms, value(room))),
        );
        all.extend(
            self.subscriptions
                .values()
                .map(|one| (Collection::Subscriptions, value(one))),
        );
        all.extend(
            self.settings
                .values()
                .map(|one| (Collection::Settings, one.clone())),
        );
        all.extend(
            conferences()
                .into_iter()
                .map(|one| (Collection::VideoConferences, one)),
        );
        all
    }

    /// The seeded workspace. Nothing is left to be written or broadcast: `documents` has it all.
    pub(in crate::sandbox) fn seeded(release: CoreRelease) -> Self {
        let mut world = Self::empty(release);
        for (rank, (username, name, bio, roles)) in PEOPLE.iter().enumerate() {
            let mut user = User::new(&format!("{username}-id"), username, name, roles);
            user.rank = rank;
            user.bio = (*bio).to_owned();
            user.password = Some(format!("{username}-password"));
            let hashed_token = hash_login_token(&format!("{username}-token"));
            user.tokens.push(LoginToken {
                when: Date::now(),
                hashed_token,
            });
            world.users.insert(user.id.clone(), user);
        }
        for setting in settings::seeded() {
            let id = setting["_id"].as_str().unwrap_or_default().to_owned();
            world.settings.insert(id, setting);
        }
        for (id, t, name, topic, owner, members) in ROOMS {
            let mut room = Room::new(*id, *t, BEGINNING);
            room.name = Some((*name).to_owned());
            room.fname = Some((*name).to_owned());
            room.topic = Some((*topic).to_owned());
            room.default = *id == "GENERAL";
            room.u = world.user_named(owner).map(User::brief);
            world.seed_room(room, owner, members);
        }
        let mut direct = Room::new("direct-id", RoomType::Direct, BEGINNING);
        direct.uids = vec!["alice-id".to_owned(), "bob-id".to_owned()];
        direct.usernames = vec!["alice".to_owned(), "bob".to_owned()];
        world.seed_room(direct, "", &["alice", "bob"]);
        world.seed_livechat();
        world.seed_messages();
        world
    }

    fn seed_room(&mut self, mut room: Room, owner: &str, members: &[&str]) {
        room.users_count = members.len();
        for username in members {
            let Some(user) = self.user_named(username) else {
                continue;
            };
            let mut one = subscription(&room, user, BEGINNING);
            one.id = format!("{}:{username}", room.id);
            one.ls = Some(Date::now());
            if room.t == RoomType::Direct
                && let Some(other) = members
                    .iter()
                    .find(|other| *other != username)
                    .and_then(|other| self.user_named(other))
            {
                one.name.clone_from(&other.username);
                one.fname.clone_from(&other.name);
            }
            if *username == owner {
                one.roles.push("owner".to_owned());
            }
            self.subscriptions.insert(one.id.clone(), one);
        }
        self.rooms.insert(room.id.clone(), room);
    }

    /// A visitor waits: `guest-token` reads and writes here.
    fn seed_livechat(&mut self) {
        let mut live = Room::new("live-id", RoomType::Livechat, BEGINNING);
        live.fname = Some("Guest".to_owned());
        let visitor = json!({ "_id": "guest-id", "username": "guest-1", "token": "guest-token", "status": "online" });
        let agent = json!({ "_id": "agent-id", "username": "agent" });
        for (key, more) in [
            ("v", visitor),
            ("servedBy", agent),
            ("open", Value::Bool(true)),
        ] {
            live.more.insert(key.to_owned(), more);
        }
        let more = live.more.clone();
        self.seed_room(live, "", &["agent"]);
        for one in self
            .subscriptions
            .values_mut()
            .filter(|one| one.rid == "live-id")
        {
            one.more = more.clone();
            one.more.remove("open");
            one.name = "Guest".to_owned();
            one.fname = "Guest".to_owned();
        }
    }

    fn seed_messages(&mut self) {
        let now = Date::now().0;
        for (index, (rid, username, text, minutes)) in SAID.iter().enumerate() {
            let ts = Date(now - minutes * MINUTE);
            let Some(room) = self.rooms.get(*rid) else {
                continue;
            };
            let visitor = || UserBrief {
                id: "guest-id".to_owned(),
                username: "guest-1".to_owned(),
                name: room.fname.clone(),
            };
            let by = self.user_named(username).map_or_else(visitor, User::brief);
            let message = Message::new(format!("said-{index}"), rid, by, text, ts);
            if let Some(room) = self.rooms.get_mut(*rid) {
                room.msgs += 1;
                room.lm = ts;
                room.last_message = Some(message.clone());
            }
            self.messages
                .entry((*rid).to_owned())
                .or_default()
                .push(message);
        }
    }
}

/// `rocketchat_video_conference`.
pub(super) fn conferences() -> [Value; 1] {
    [json!({
        "_id": "call-id", "type": "videoconference", "rid": "private-id", "status": 1,
        "users": [{ "_id": "alice-id", "username": "alice" }], "createdBy": { "_id": "alice-id" },
    })]
}
