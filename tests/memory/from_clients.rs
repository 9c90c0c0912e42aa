//! What comes through the door.

use super::Cost;
use super::client::{Client, frame, text, upgrade};
use super::count::Since;
use super::house::{House, until};

/// The longest head, and the longest message. A message's cost grows as it does, so a quarter of it will do.
const HEAD: usize = 64 * 1024;
const MESSAGE: usize = 1 << 20;
/// What a client writes that reads nothing: pings enough for more pongs than a session may leave unsent.
const FLOOD: usize = 20 << 20;
/// A message's own words, at most.
const AROUND: usize = 200;

/// One kind of message: what is written for a size, in frames.
type Form = fn(usize) -> Vec<u8>;

/// Messages in their worst forms, to a session that is logged in.
const MESSAGES: &[(&str, Form)] = &[
    ("a message in one frame", |size| {
        text(format!(r#"{{"a":"{}"}}"#, "x".repeat(size)).as_bytes())
    }),
    ("a message in frames of one byte", |size| {
        // A frame of one byte has seven.
        let message = format!(r#"{{"a":"{}"}}"#, "x".repeat(size / 7));
        let last = message.len() - 1;
        let first = |at| u8::from(at == 0) | if at == last { 0x80 } else { 0 };
        let frames = message.bytes().enumerate();
        frames
            .flat_map(|(at, byte)| frame(first(at), &[byte]))
            .collect()
    }),
    ("pings of the WebSocket", |size| {
        frame(0x89, b"").repeat(size / 6)
    }),
    ("pings of DDP", |size| {
        text(br#"{"msg":"ping"}"#).repeat(size / 20)
    }),
    ("a ping with a long id", |size| {
        text(format!(r#"{{"msg":"ping","id":"{}"}}"#, "x".repeat(size)).as_bytes())
    }),
    ("messages without a word", |size| {
        text(b"{}").repeat(size / 8)
    }),
    ("a message of an unknown kind", |size| {
        text(format!(r#"{{"msg":"x","a":"{}"}}"#, "\\u0001".repeat(size / 6)).as_bytes())
    }),
    ("a message of many fields", |size| {
        text(format!(r#"{{{}"":0}}"#, r#""":0,"#.repeat(size / 5)).as_bytes())
    }),
    ("values in values", |size| {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let all = vec![deep; size / 201].join(",");
        text(
            format!(r#"{{"msg":"method","method":"stream-notify-all","id":"1","params":[{all}]}}"#)
                .as_bytes(),
        )
    }),
    ("values that EJSON knows", |size| {
        let all = vec![r#"{"$escape":{"$date":0}}"#; size / 24].join(",");
        text(
            format!(r#"{{"msg":"method","method":"stream-notify-all","id":"1","params":[{all}]}}"#)
                .as_bytes(),
        )
    }),
    ("a method with many params", |size| {
        let all = vec!["0"; size / 2].join(",");
        text(
            format!(r#"{{"msg":"method","method":"stream-notify-all","id":"1","params":[{all}]}}"#)
                .as_bytes(),
        )
    }),
    ("a method of the core with many params", |size| {
        let all = vec!["0"; size / 2].join(",");
        text(
            format!(r#"{{"msg":"method","method":"anything","id":"1","params":[{all}]}}"#)
                .as_bytes(),
        )
    }),
    ("a write of many arguments", |size| {
        let all = vec!["0"; size / 2].join(",");
        text(format!(r#"{{"msg":"method","method":"stream-notify-room","id":"1","params":["r/user-activity",{all}]}}"#).as_bytes())
    }),
    ("a login of many fields", |size| {
        let all = r#""":0,"#.repeat(size / 5);
        text(
            format!(
                r#"{{"msg":"method","method":"login","id":"1","params":[{{{all}"resume":"t"}}]}}"#
            )
            .as_bytes(),
        )
    }),
    ("a login with a long token", |size| {
        text(
            format!(
                r#"{{"msg":"method","method":"login","id":"1","params":[{{"resume":"{}"}}]}}"#,
                "\\u0001".repeat(size / 6)
            )
            .as_bytes(),
        )
    }),
    ("many small methods", |size| {
        text(br#"{"msg":"method","method":"x","id":"1"}"#).repeat(size / 44)
    }),
    ("a publication with many params", |size| {
        let all = vec!["0"; size / 2].join(",");
        text(
            format!(r#"{{"msg":"sub","id":"1","name":"stream-room-data","params":["r",{all}]}}"#)
                .as_bytes(),
        )
    }),
    ("a publication with many options", |size| {
        let all = r#""":0,"#.repeat(size / 5);
        text(format!(r#"{{"msg":"sub","id":"1","name":"stream-room-messages","params":["r",{{{all}"args":[]}}]}}"#).as_bytes())
    }),
    ("a publication with many rule arguments", |size| {
        let all = vec!["0"; size / 2].join(",");
        text(format!(r#"{{"msg":"sub","id":"1","name":"stream-room-messages","params":["r",{{"args":[{all}]}}]}}"#).as_bytes())
    }),
    (
        "a publication with a rule argument of many fields",
        |size| {
            let all = r#""":0,"#.repeat(size / 5);
            text(format!(r#"{{"msg":"sub","id":"1","name":"stream-notify-room","params":["r/x",{{"args":[{{{all}"token":"t"}}]}}]}}"#).as_bytes())
        },
    ),
    ("a publication with a long event name", |size| {
        text(
            format!(
                r#"{{"msg":"sub","id":"1","name":"stream-notify-all","params":["{}"]}}"#,
                "x".repeat(size)
            )
            .as_bytes(),
        )
    }),
    ("the end of a publication with a long id", |size| {
        text(format!(r#"{{"msg":"unsub","id":"{}"}}"#, "x".repeat(size)).as_bytes())
    }),
    ("many small publications that are refused", |size| {
        text(br#"{"msg":"sub","id":"1","name":"x"}"#).repeat(size / 39)
    }),
    ("whoever is to be watched, many and unknown", |size| {
        let all = (0..size / 9)
            .map(|n| format!(r#""{n:06}""#))
            .collect::<Vec<_>>()
            .join(",");
        text(format!(r#"{{"msg":"sub","id":"1","name":"stream-user-presence","params":["",{{"added":[{all}]}}]}}"#).as_bytes())
    }),
];

pub async fn measure() -> Vec<Cost> {
    let house = House::open().await;
    // What is made once is not what a byte costs.
    for (_, form) in MESSAGES {
        Client::login(house.address).await.ask(&form(1000)).await;
    }
    let mut costs = vec![heads(&house).await];
    costs.push(upgrades(&house).await);
    for (kind, form) in MESSAGES {
        costs.push(messages(&house, kind, *form).await);
    }
    costs.push(arrays(&house).await);
    costs.push(publications(&house).await);
    costs.push(
        unread(
            &house,
            "pings of the WebSocket, and no answer is read",
            &frame(0x89, b""),
        )
        .await,
    );
    let ping = text(br#"{"msg":"ping"}"#);
    costs.push(unread(&house, "pings of DDP, and no answer is read", &ping).await);
    costs
}

async fn heads(house: &House) -> Cost {
    let mut cost = Cost::of("the head of a request");
    for size in [HEAD / 4, HEAD - AROUND] {
        for more in ["a:\r\n", "\r\n"] {
            let (fields, target) = match more {
                "a:\r\n" => (more.repeat(size / 4), String::new()),
                _ => (String::new(), "\"".repeat(size)),
            };
            let head = format!("GET /{target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            let mut client = Client::connect(house.address).await;
            let since = Since::now();
            client.say(head.as_bytes(), b"HTTP/1.1").await;
            cost.add(head.len(), since.peak(), 0);
        }
    }
    cost
}

async fn upgrades(house: &House) -> Cost {
    let mut cost = Cost::of("the head of an upgrade, and what a session keeps of it");
    for size in [HEAD / 4, HEAD / 2, HEAD - 2 * AROUND] {
        let few = format!(
            "a: {}\r\n",
            "\u{1}x".repeat(size / 2).replace('\u{1}', "\"")
        );
        let no_text = [b"a: ", &*b"\xff".repeat(size), b"\r\n"].concat();
        for fields in [
            "a:\r\n".repeat(size / 4).into_bytes(),
            few.into_bytes(),
            no_text,
        ] {
            let head = upgrade("/websocket", &fields);
            let mut client = Client::connect(house.address).await;
            let since = Since::now();
            client.say(&head, b"server_id").await;
            cost.add(head.len(), since.peak(), since.stays());
        }
    }
    cost
}

async fn messages(house: &House, kind: &'static str, form: Form) -> Cost {
    let mut cost = Cost::of(kind);
    for size in [MESSAGE / 16, MESSAGE / 4] {
        let mut client = Client::login(house.address).await;
        client.may_be_sent_away = kind.starts_with("many small") || kind.starts_with("pings");
        let bytes = form(size);
        // The client's own copy of it is none of the service's.
        let since = Since::now();
        client.ask(&bytes).await;
        let own = bytes.len() + AROUND;
        cost.add(bytes.len(), since.peak().saturating_sub(own), since.stays());
    }
    cost
}

async fn arrays(house: &House) -> Cost {
    let mut cost = Cost::of("an array of SockJS");
    for size in [MESSAGE / 16, MESSAGE / 4] {
        for one in ["\"{}\"", r#""\u007b\u007d""#] {
            let mut client = Client::upgrade(house.address, "/sockjs/000/abcdefgh/websocket").await;
            let connect = br#"["{\"msg\":\"connect\",\"version\":\"1\",\"support\":[\"1\"]}"]"#;
            client.say(&text(connect), b"connected").await;
            let all = vec![one; size / (one.len() + 1)].join(",");
            let bytes = text(format!("[{all}]").as_bytes());
            let last = text(br#"["{\"msg\":\"ping\",\"id\":\"last\"}"]"#);
            let all = [bytes, last].concat();
            let since = Since::now();
            client.say(&all, b"last").await;
            cost.add(all.len(), since.peak(), since.stays());
        }
    }
    cost
}

/// As many publications as a session may have, with the longest ids and names that are kept.
async fn publications(house: &House) -> Cost {
    let mut cost = Cost::of("publications that stay");
    for (id, name) in [(1, 1), (1, 1000), (1000, 1), (1000, 1000)] {
        let mut client = Client::login(house.address).await;
        let all: Vec<_> = (0..990)
            .map(|n| {
                let (id, name) = ("i".repeat(id), "n".repeat(name));
                text(format!(r#"{{"msg":"sub","id":"{id}{n}","name":"stream-notify-all","params":["{name}{n}"]}}"#).as_bytes())
            })
            .collect();
        let bytes = all.concat();
        let since = Since::now();
        client.ask(&bytes).await;
        let own = bytes.len() + AROUND;
        cost.add(bytes.len(), since.peak().saturating_sub(own), since.stays());
    }
    cost
}

/// A client that asks for answers and reads none, until it is sent away.
async fn unread(house: &House, kind: &'static str, one: &[u8]) -> Cost {
    let mut cost = Cost::of(kind);
    let mut client = Client::enter(house.address).await;
    let bytes = one.repeat(64 * 1024 / one.len());
    let since = Since::now();
    let written = client.flood(&bytes, FLOOD).await;
    cost.add(written, since.peak(), 0);
    drop(client);
    until(|| since.stays() < 1 << 20).await;
    cost
}
