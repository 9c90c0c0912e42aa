//! What a client says, in order: upgrade, `connect`, `login`, its publications; in the words of reference/clients.md.

use super::{centrifugo, websocket};

/// How DDP messages travel in WebSocket frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `/websocket`: one frame is one message.
    Raw,
    /// Any other path: `["…"]` there, `a["…"]` back.
    SockJs,
}

/// What clients and server speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// DDP.
    Ddp(Framing),
    /// [centrifugo]'s: a channel for each room, no users, no methods.
    Centrifugo,
}

/// What a session subscribes to after its login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The 37 publications of the typical web client, its open room the first of its rooms.
    Web,
    /// `room-messages` of each of its rooms, nothing else.
    Rooms,
    /// `user-presence` of the given number of users.
    Presence(u32),
    /// Nothing.
    Nothing,
}

/// How many of its publications are of a room: the messages, and what else goes on there.
pub(crate) const WEB_ROOMS: u32 = 6;

/// Publications of the typical web client.
#[cfg(test)]
const WEB: usize = 37;

/// The id of user `n`, 17 characters like Rocket.Chat's own.
pub(crate) fn user(n: u32) -> String {
    format!("benchuser{n:08}")
}

/// The id of room `n`.
pub(crate) fn room(n: u32) -> String {
    format!("benchroom{n:08}")
}

/// The login token of user `n`, 43 characters.
pub(crate) fn token(n: u32) -> String {
    format!("benchtoken-{n:032}")
}

/// The user named last in raw JSON.
pub(crate) fn last_user(json: &[u8]) -> Option<u32> {
    let at = memchr::memmem::rfind(json, b"\"benchuser")? + 10;
    std::str::from_utf8(json.get(at..at + 8)?)
        .ok()?
        .parse()
        .ok()
}

/// The users who have lost their access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lost {
    /// Every so many-th (0: nobody), never the author of rooms.
    pub(crate) every: u32,
    /// And the one before each of them.
    pub(crate) neighbours: bool,
}

impl Lost {
    /// Whether user `n` is one of them.
    pub(crate) fn has(self, n: u32) -> bool {
        let Self { every, neighbours } = self;
        every > 0 && (n % every == every - 1 || (neighbours && every > 2 && n % every == every - 2))
    }
}

/// Which user a login token belongs to.
pub(crate) fn user_of_token(token: &[u8]) -> Option<u32> {
    std::str::from_utf8(token.strip_prefix(b"benchtoken-")?)
        .ok()?
        .parse()
        .ok()
}

/// Marks the id of a publication, so that its answer is found without parsing.
pub(crate) const SUB_ID: &[u8; 2] = b"%s";
/// Marks the id of a method call; eight hexadecimal digits follow.
pub(crate) const CALL_ID: &[u8; 2] = b"%m";

/// The HTTP request that opens a connection, with the headers of a desktop browser (the server keeps them).
pub(crate) fn upgrade(dialect: Dialect, host: &str, n: u32) -> String {
    let path = match dialect {
        Dialect::Ddp(Framing::Raw) => "/websocket".to_owned(),
        Dialect::Ddp(Framing::SockJs) => format!("/sockjs/{}/{n:08x}/websocket", n % 1000),
        Dialect::Centrifugo => centrifugo::PATH.to_owned(),
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\
         Upgrade: websocket\r\nOrigin: http://{host}\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Writes one client's messages.
pub(crate) struct Speaker<'a> {
    out: &'a mut Vec<u8>,
    dialect: Dialect,
    subs: usize,
}

impl<'a> Speaker<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, dialect: Dialect) -> Self {
        Self {
            out,
            dialect,
            subs: 0,
        }
    }

    /// One message in one frame.
    pub(crate) fn say(&mut self, message: &str) {
        match self.dialect {
            Dialect::Ddp(Framing::Raw) | Dialect::Centrifugo => {
                websocket::client(self.out, websocket::TEXT, message.as_bytes());
            }
            Dialect::Ddp(Framing::SockJs) => {
                let mut text = String::with_capacity(message.len() + message.len() / 4 + 4);
                text.push_str("[\"");
                for part in message.chars() {
                    if matches!(part, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(part);
                }
                text.push_str("\"]");
                websocket::client(self.out, websocket::TEXT, text.as_bytes());
            }
        }
    }

    pub(crate) fn connect(&mut self) {
        self.say(match self.dialect {
            Dialect::Ddp(_) => r#"{"msg":"connect","version":"1","support":["1","pre2","pre1"]}"#,
            Dialect::Centrifugo => centrifugo::CONNECT,
        });
    }

    pub(crate) fn pong(&mut self) {
        self.say(match self.dialect {
            Dialect::Ddp(_) => r#"{"msg":"pong"}"#,
            Dialect::Centrifugo => centrifugo::PONG,
        });
    }

    pub(crate) fn login(&mut self, user: u32) {
        let token = token(user);
        self.say(&format!(
            r#"{{"msg":"method","method":"login","params":[{{"resume":"{token}"}}],"id":"login"}}"#
        ));
    }

    /// A method of the core, known again by `number`.
    pub(crate) fn call(&mut self, number: u32) {
        self.say(&format!(
            r#"{{"msg":"method","method":"benchEcho","params":["benchroom00000000",{{"n":1}}],"id":"%m{number:08x}"}}"#
        ));
    }

    /// All publications of a profile; returns how many.
    pub(crate) fn subscribe(&mut self, profile: Profile, own: u32, rooms: &[u32]) -> usize {
        match profile {
            Profile::Web => self.web(&user(own), rooms),
            Profile::Rooms => rooms.iter().for_each(|&n| self.room(n)),
            Profile::Presence(users) => self.presence(users),
            Profile::Nothing => {}
        }
        self.subs
    }

    /// Leaves publication `id`.
    pub(crate) fn unsub(&mut self, id: &str) {
        self.say(&format!(r#"{{"msg":"unsub","id":"{id}"}}"#));
    }

    /// Opens a room once more, as publication `id`.
    pub(crate) fn visit(&mut self, id: &str, n: u32) {
        let room = room(n);
        self.say(&format!(
            r#"{{"msg":"sub","id":"{id}","name":"stream-room-messages","params":["{room}",{{"useCollection":false,"args":[]}}]}}"#
        ));
    }

    /// All of the first room, or each room publication of the next of `rooms` while there are more.
    fn web(&mut self, uid: &str, rooms: &[u32]) {
        let first = rooms.first().copied().unwrap_or_default();
        let mut rooms = rooms.iter().copied();
        let mut next = move || room(rooms.next().unwrap_or(first));
        for name in [
            "meteor.loginServiceConfiguration",
            "meteor_autoupdate_clientVersions",
        ] {
            self.sub(name, "");
        }
        for (stream, keys) in WEB_STREAMS {
            for key in *keys {
                let key = match *stream {
                    "notify-user" => format!("{uid}/{key}"),
                    "notify-room" => format!("{}/{key}", next()),
                    "room-messages" => next(),
                    _ => (*key).to_owned(),
                };
                self.stream(stream, &key);
            }
        }
        self.sub("stream-user-presence", r#""",{"added":[]}"#);
    }

    fn room(&mut self, n: u32) {
        match self.dialect {
            Dialect::Ddp(_) => self.stream("room-messages", &room(n)),
            Dialect::Centrifugo => {
                self.say(&centrifugo::subscribe(self.subs, &room(n)));
                self.subs += 1;
            }
        }
    }

    fn presence(&mut self, users: u32) {
        let mut params = String::from(r#""",{"added":["#);
        for n in 0..users {
            if n > 0 {
                params.push(',');
            }
            params.push('"');
            params.push_str(&user(n));
            params.push('"');
        }
        params.push_str("]}");
        self.sub("stream-user-presence", &params);
    }

    fn stream(&mut self, stream: &str, key: &str) {
        self.sub(
            &format!("stream-{stream}"),
            &format!(r#""{key}",{{"useCollection":false,"args":[]}}"#),
        );
    }

    fn sub(&mut self, name: &str, params: &str) {
        let id = self.subs;
        self.subs += 1;
        self.say(&format!(
            r#"{{"msg":"sub","id":"%sbench{id:05}abcd","name":"{name}","params":[{params}]}}"#
        ));
    }
}

/// The streams of the typical web client and their event names (prefixed by user or room where the stream's are).
const WEB_STREAMS: &[(&str, &[&str])] = &[
    (
        "notify-all",
        &[
            "public-settings-changed",
            "updateCustomSound",
            "deleteCustomSound",
            "license",
        ],
    ),
    (
        "notify-logged",
        &[
            "Users:Deleted",
            "Users:NameChanged",
            "updateAvatar",
            "updateEmojiCustom",
            "deleteEmojiCustom",
            "roles-change",
            "permissions-changed",
            "updateCustomUserStatus",
            "deleteCustomUserStatus",
            "banner-changed",
            "voip.statuschanged",
        ],
    ),
    (
        "notify-user",
        &[
            "userData",
            "subscriptions-changed",
            "rooms-changed",
            "message",
            "notification",
            "force_logout",
            "uiInteraction",
            "video-conference",
            "webdav",
            "calendar",
            "banners",
        ],
    ),
    ("roles", &["roles"]),
    ("apps", &["apps"]),
    ("room-messages", &[""]),
    (
        "notify-room",
        &[
            "user-activity",
            "deleteMessage",
            "deleteMessageBulk",
            "messagesImported",
            "messagesRead",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::super::websocket::scan_client;
    use super::*;

    fn said(framing: Framing, speak: impl FnOnce(&mut Speaker<'_>)) -> Vec<serde_json::Value> {
        let mut out = Vec::new();
        speak(&mut Speaker::new(&mut out, Dialect::Ddp(framing)));
        let mut messages = Vec::new();
        let mut rest = out.as_slice();
        while let Some((_, payload, taken)) = scan_client(rest) {
            rest = &rest[taken..];
            let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            messages.push(match framing {
                Framing::Raw => json,
                Framing::SockJs => serde_json::from_str(json[0].as_str().unwrap()).unwrap(),
            });
        }
        assert!(rest.is_empty());
        messages
    }

    #[test]
    fn the_web_client_has_its_37_publications_in_both_framings() {
        let subscribe =
            |speaker: &mut Speaker<'_>| assert_eq!(speaker.subscribe(Profile::Web, 3, &[9]), WEB);
        let raw = said(Framing::Raw, subscribe);
        assert_eq!(raw, said(Framing::SockJs, subscribe));
        assert_eq!(raw.len(), WEB);
        let mut keys: Vec<String> = raw
            .iter()
            .map(|sub| format!("{} {}", sub["name"], sub["params"][0]))
            .collect();
        assert!(keys.contains(&r#""stream-notify-user" "benchuser00000003/banners""#.to_owned()));
        assert!(
            keys.contains(&r#""stream-notify-room" "benchroom00000009/messagesRead""#.to_owned())
        );
        assert!(keys.contains(&r#""stream-room-messages" "benchroom00000009""#.to_owned()));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), WEB, "all different");
        assert!(
            raw.iter()
                .all(|sub| sub["id"].as_str().unwrap().starts_with("%s"))
        );
    }

    #[test]
    fn its_room_publications_are_of_six_rooms_where_it_has_them() {
        let rooms: Vec<u32> = (10..10 + WEB_ROOMS).collect();
        let subs = said(Framing::Raw, |speaker| {
            speaker.subscribe(Profile::Web, 3, &rooms);
        });
        let of_rooms: Vec<&str> = subs
            .iter()
            .filter_map(|sub| sub["params"][0].as_str()?.get(..17))
            .filter(|key| key.starts_with("benchroom"))
            .collect();
        let own: Vec<String> = rooms.iter().map(|&n| room(n)).collect();
        assert_eq!(of_rooms, own);
    }

    #[test]
    fn users_are_found_by_their_tokens() {
        assert_eq!(user_of_token(token(4711).as_bytes()), Some(4711));
        assert_eq!(user_of_token(b"somebody-else"), None);
        assert_eq!((token(1).len(), user(1).len(), room(1).len()), (43, 17, 17));
    }

    #[test]
    fn the_user_who_asks_is_named_last() {
        let asked = br#"[{"_id":"benchroom00000000","u":{"_id":"benchuser00000000"}},{"_id":"benchuser00000017"},null]"#;
        assert_eq!(last_user(asked), Some(17));
        assert_eq!(last_user(b"[null]"), None);
        let lost = |every, neighbours| {
            let lost = Lost { every, neighbours };
            (0..20).filter(|&n| lost.has(n)).collect::<Vec<_>>()
        };
        assert_eq!(lost(10, false), [9, 19]);
        assert_eq!(lost(10, true), [8, 9, 18, 19]);
        assert_eq!(lost(0, true), [0; 0]);
        assert!(!lost(2, true).contains(&0), "the author");
    }

    #[test]
    fn login_and_calls() {
        let login = said(Framing::SockJs, |speaker| speaker.login(1));
        assert_eq!(login[0]["params"][0]["resume"], token(1));
        let call = said(Framing::Raw, |speaker| speaker.call(0xAB));
        assert_eq!(call[0]["id"], "%m000000ab");
    }
}
