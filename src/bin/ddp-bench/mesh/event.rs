//! The core's events, as packets or requests: built once, then only their places are written over.

use std::net::SocketAddr;

use memchr::memmem::Finder;

use super::Topic;
use crate::wire::centrifugo;
use crate::wire::json;
use crate::wire::marker::{self, Marker};
use crate::wire::script;

/// An event with places for its id, its key and its mark.
pub(crate) struct Template {
    packet: Vec<u8>,
    ids: Vec<usize>,
    keys: Vec<usize>,
    mark: usize,
}

/// Where the packet's own number goes, twelve digits at the end of a UUID.
const ID: &str = "############";
/// Where the digits of a room or user go.
const KEY: &str = "@@@@@@@@";
/// The natural filler of a message: plain words.
const WORDS: &[u8] =
    b"a message of an ordinary length, as people write them in a room all day long; ";

impl Template {
    /// Of events about `topic` whose message (or user) is `bytes` long, sent by `node`.
    pub(crate) fn packet(topic: Topic, bytes: usize, node: &str) -> Self {
        let (data, event) = data(topic, bytes);
        let data = match topic {
            Topic::Rooms(_) => format!(r#"{{"message":{data}}}"#),
            Topic::Users(_) => format!(r#"{{"user":{data},"previousStatus":"away"}}"#),
        };
        let uuid = format!("bec40000-0000-4000-8000-{ID}");
        let packet = format!(
            r#"{{"id":"{uuid}","event":"{event}","data":[{data}],"broadcast":true,"meta":{{}},"level":1,"tracing":null,"parentID":null,"requestID":"{uuid}","caller":null,"needAck":null,"ver":"4","sender":"{node}"}}"#
        );
        Self::of(packet)
    }

    /// Of requests to publish the same messages, a channel for each room.
    pub(crate) fn request(topic: Topic, bytes: usize, host: SocketAddr) -> Self {
        let (data, _) = data(topic, bytes);
        Self::of(centrifugo::publish(host, &room(), &data))
    }

    fn of(packet: String) -> Self {
        Self {
            ids: places(&packet, ID),
            keys: places(&packet, KEY),
            mark: packet.find(&placeholder()).unwrap_or_default(),
            packet: packet.into_bytes(),
        }
    }

    /// The `number`-th event.
    pub(crate) fn fill(&mut self, number: u64, mark: Marker) -> &[u8] {
        for &at in &self.ids {
            decimal(&mut self.packet[at..at + ID.len()], number);
        }
        for &at in &self.keys {
            decimal(&mut self.packet[at..at + KEY.len()], u64::from(mark.key));
        }
        mark.write(&mut self.packet[self.mark..]);
        &self.packet
    }
}

/// What an event tells, in so many bytes, and its name.
fn data(topic: Topic, bytes: usize) -> (String, &'static str) {
    let natural = filled(topic, "").0.len();
    let filler: String = WORDS
        .iter()
        .cycle()
        .take(bytes.saturating_sub(natural))
        .map(|&byte| byte as char)
        .collect();
    filled(topic, &filler)
}

fn filled(topic: Topic, filler: &str) -> (String, &'static str) {
    let mark = placeholder();
    match topic {
        Topic::Rooms(_) => (
            format!(
                r#"{{"_id":"bench{ID}","rid":"{room}","msg":"{mark} {filler}","ts":{{"$date":1795342103181}},"u":{{"_id":"{author}","username":"bench.author","name":"Author"}},"_updatedAt":{{"$date":1795342103181}},"urls":[],"mentions":[],"channels":[],"md":[{{"type":"PARAGRAPH","value":[{{"type":"PLAIN_TEXT","value":"a message"}}]}}]}}"#,
                room = room(),
                author = script::user(0),
            ),
            "watch.messages",
        ),
        Topic::Users(_) => (
            format!(
                r#"{{"_id":"benchuser{KEY}","username":"bench.user.{KEY}","status":"online","statusText":"{mark}{filler}","name":"Bench User","roles":["user"]}}"#
            ),
            "presence.status",
        ),
    }
}

/// `watch.subscriptions`: user `n` is no member of room 0 any more.
pub(super) fn removed(n: u32, node: &str) -> String {
    let (user, room) = (script::user(n), script::room(0));
    let id = uuid::Uuid::new_v4();
    format!(
        r#"{{"id":"{id}","event":"watch.subscriptions","data":[{{"clientAction":"removed","subscription":{{"_id":"sub-{n}-0","rid":"{room}","u":{{"_id":"{user}","username":"bench.user.{n:08}"}}}}}}],"broadcast":true,"meta":{{}},"level":1,"tracing":null,"parentID":null,"requestID":"{id}","caller":null,"needAck":null,"ver":"4","sender":"{node}"}}"#
    )
}

/// The id of any room.
fn room() -> String {
    format!("benchroom{KEY}")
}

fn placeholder() -> String {
    "!".repeat(marker::LENGTH)
}

fn places(packet: &str, place: &str) -> Vec<usize> {
    packet.match_indices(place).map(|(at, _)| at).collect()
}

fn decimal(place: &mut [u8], mut number: u64) {
    for byte in place.iter_mut().rev() {
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Whom an event packet is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum About<'a> {
    /// Those who listen to this room.
    Room(&'a [u8]),
    /// Those who listen to presence.
    Presence,
}

/// Tells whom packets are for by a search for two names: events are this bench's own, and nothing before them is called so.
pub(crate) struct Abouts {
    event: Finder<'static>,
    room: Finder<'static>,
}

impl Abouts {
    pub(crate) fn new() -> Self {
        Self {
            event: Finder::new(br#""event":""#),
            room: Finder::new(br#""rid":""#),
        }
    }

    /// `None` when it is about something else.
    pub(crate) fn of<'a>(&self, packet: &'a [u8]) -> Option<About<'a>> {
        let (event, rest) = text_after(&self.event, packet)?;
        match event {
            b"watch.messages" => Some(About::Room(text_after(&self.room, rest)?.0)),
            b"presence.status" => Some(About::Presence),
            _ => None,
        }
    }
}

/// The text without escapes that begins behind `name`, and what follows it.
fn text_after<'a>(name: &Finder<'_>, packet: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let text = &packet[name.find(packet)? + name.needle().len()..];
    text.split_at_checked(memchr::memchr(b'"', text)?)
}

/// What a listener must see of an event packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// The stream's name.
    pub(crate) stream: &'static str,
    /// The room or user.
    pub(crate) key: &'a [u8],
    /// The raw arguments, without the brackets around them.
    pub(crate) args: Vec<u8>,
}

/// Takes an event packet apart as the [floor](crate::floor) needs it.
pub(crate) fn parts(packet: &[u8]) -> Option<Parts<'_>> {
    let data = *json::elements(json::member(packet, "data")?, 1).first()?;
    match json::text(json::member(packet, "event")?) {
        b"watch.messages" => {
            let message = json::member(data, "message")?;
            Some(Parts {
                stream: "room-messages",
                key: json::text(json::member(message, "rid")?),
                args: message.to_vec(),
            })
        }
        b"presence.status" => {
            let user = json::member(data, "user")?;
            let args = [
                b"[",
                json::member(user, "username")?,
                b",1,",
                json::member(user, "statusText")?,
                b"]",
            ];
            Some(Parts {
                stream: "user-presence",
                key: json::text(json::member(user, "_id")?),
                args: args.concat(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Nanos;
    use crate::wire::marker::Markers;

    const MARK: Marker = Marker {
        run: 1,
        key: 42,
        sequence: 7,
        at: Nanos(99),
    };

    #[test]
    fn a_message_has_its_room_its_mark_once_and_its_size() {
        for bytes in [0, 1000, 8000] {
            let mut template = Template::packet(Topic::Rooms(50), bytes, "bench.core-1");
            let packet = template.fill(3, MARK).to_vec();
            let json: serde_json::Value = serde_json::from_slice(&packet).unwrap();
            assert_eq!(json["event"], "watch.messages");
            assert_eq!(json["id"], "bec40000-0000-4000-8000-000000000003");
            assert_eq!(json["sender"], "bench.core-1");
            let message = &json["data"][0]["message"];
            assert_eq!(message["rid"], script::room(42));
            let (mark, rest) = Markers::new().first(&packet).unwrap();
            assert_eq!(mark, MARK);
            assert!(Markers::new().first(rest).is_none(), "once");
            let size = json::member(
                json::member(&packet, "data")
                    .map(|data| json::elements(data, 1)[0])
                    .unwrap(),
                "message",
            )
            .unwrap()
            .len();
            assert!(size == bytes || bytes == 0, "{size}");
        }
    }

    #[test]
    fn a_request_publishes_the_same_message_in_its_rooms_channel() {
        let host = SocketAddr::from(([127, 0, 0, 1], 8000));
        let request = Template::request(Topic::Rooms(50), 1000, host)
            .fill(3, MARK)
            .to_vec();
        let packet = Template::packet(Topic::Rooms(50), 1000, "n")
            .fill(3, MARK)
            .to_vec();
        let body = memchr::memmem::find(&request, b"\r\n\r\n").unwrap() + 4;
        let body: serde_json::Value = serde_json::from_slice(&request[body..]).unwrap();
        let packet: serde_json::Value = serde_json::from_slice(&packet).unwrap();
        assert_eq!(body["channel"], script::room(42));
        assert_eq!(body["data"], packet["data"][0]["message"]);
    }

    #[test]
    fn a_template_is_written_over_each_time() {
        let mut template = Template::packet(Topic::Users(9), 0, "n");
        let first = template.fill(1, MARK).to_vec();
        let second = template.fill(123_456, Marker { key: 8, ..MARK }).to_vec();
        assert_eq!(first.len(), second.len());
        let json: serde_json::Value = serde_json::from_slice(&second).unwrap();
        assert_eq!(json["data"][0]["user"]["_id"], script::user(8));
        assert_eq!(template.fill(1, MARK), first);
    }

    #[test]
    fn a_removed_subscription_is_json() {
        let json: serde_json::Value = serde_json::from_str(&removed(3, "n")).unwrap();
        assert_eq!(json["data"][0]["subscription"]["u"]["_id"], script::user(3));
    }

    #[test]
    fn packets_are_about_what_their_parts_say() {
        let abouts = Abouts::new();
        for topic in [Topic::Rooms(9), Topic::Users(9)] {
            let packet = Template::packet(topic, 0, "n").fill(1, MARK).to_vec();
            let parts = parts(&packet).unwrap();
            let about = match parts.stream {
                "user-presence" => About::Presence,
                _ => About::Room(parts.key),
            };
            assert_eq!(abouts.of(&packet), Some(about));
        }
        for other in [removed(3, "n").as_bytes(), b"{}", br#"{"event":""#] {
            assert_eq!(abouts.of(other), None);
        }
    }

    #[test]
    fn parts_of_both_events() {
        let mut template = Template::packet(Topic::Users(9), 0, "n");
        let packet = template.fill(1, MARK).to_vec();
        let found = parts(&packet).unwrap();
        assert_eq!(
            (found.stream, found.key),
            ("user-presence", script::user(42).as_bytes())
        );
        let args: serde_json::Value = serde_json::from_slice(&found.args).unwrap();
        assert_eq!(args[0], "bench.user.00000042");
        let mut template = Template::packet(Topic::Rooms(9), 0, "n");
        let packet = template.fill(1, MARK).to_vec();
        assert_eq!(parts(&packet).unwrap().key, script::room(42).as_bytes());
        assert_eq!(parts(b"{}"), None);
    }
}
