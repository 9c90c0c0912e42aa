//! What clients send: HTTP, upgrades, frames, SockJS, DDP, EJSON, logins, streams; and what comes to the ports of
//! operators. All to one process.

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};

use super::language::{Input, bytes, inputs, messages, same, written_out};
use super::web::{self, Mark};
use super::witness::Witness;
use crate::bad_input::assert_quiet;
use crate::support::client::frame;
use crate::support::{Client, Workspace, free_port};

/// So many inputs are played at a time.
const AT_ONCE: usize = 24;

/// What opens the status page.
const SHOWN: &str = "Authorization: Bearer a-token-of-tests\r\n";

const RAW: &str = "/websocket";
const SOCKJS: &str = "/sockjs/1/abcdefgh/websocket";

struct Doors {
    workspace: Workspace,
    witness: Witness,
    metrics: u16,
    status: u16,
}

impl Doors {
    async fn open() -> Self {
        let (metrics, status) = (free_port(), free_port());
        let workspace = Workspace::with()
            .env("MS_METRICS", "true")
            .env("MS_METRICS_PORT", &metrics.to_string())
            .env("ADMIN_PORT", &status.to_string())
            .env("ADMIN_TOKEN", "a-token-of-tests")
            .env("ADMIN_HOSTS", "status.example.com")
            .start()
            .await;
        Self {
            witness: Witness::of(&workspace).await,
            workspace,
            metrics,
            status,
        }
    }

    /// Plays all inputs of a door, some at a time; after each the witness hears its event.
    async fn all<'a, F>(&'a self, door: &str, play: impl Fn(&'a Self, Input) -> F)
    where
        F: Future<Output = ()>,
    {
        stream::iter(inputs(door))
            .for_each_concurrent(AT_ONCE, async |input| {
                let name = input.name.clone();
                play(self, input).await;
                self.witness.hears_after(&self.workspace, &name).await;
            })
            .await;
    }

    async fn http(&self, input: Input) {
        let mark = Mark {
            path: "/livez",
            fields: "",
            body: "ok",
        };
        web::play(&input, self.workspace.service.port, mark).await;
    }

    async fn port(&self, input: Input) {
        let (port, path, fields, body) = match input.at.as_deref() {
            Some("metrics") => (self.metrics, "/metrics", "", "# HELP"),
            Some("status") => (self.status, "/status.json", SHOWN, "{"),
            other => panic!("{}: no port: {other:?}", input.name),
        };
        web::play(&input, port, Mark { path, fields, body }).await;
    }

    /// A session, as an input wants it.
    async fn session(&self, input: &Input, path: &str) -> Client {
        let path = input.at.as_deref().unwrap_or(path);
        let mut client = Client::open(self.workspace.service.port, path).await;
        if !input.first {
            client.handshake().await;
        }
        if let Some(who) = &input.who {
            client.login(who).await;
        }
        client
    }

    /// Bytes behind an upgrade, or bytes that are one.
    async fn websocket(&self, input: Input) {
        if input.at.as_deref() == Some("upgrade") {
            return self.http(input).await;
        }
        let mut client = self.session(&input, RAW).await;
        client.try_bytes(&bytes(&input.send)).await;
        ends_as_expected(&input, client).await;
    }

    /// Texts, each in a frame of its own.
    async fn texts(&self, input: Input, path: &str) {
        let mut client = self.session(&input, path).await;
        for text in messages(&input.send) {
            client.try_bytes(&frame(0x81, &text)).await;
        }
        ends_as_expected(&input, client).await;
    }
}

/// What a session hears: the messages that are expected, in order, and then nothing more before its end, or before the
/// answer to a ping where it stays.
pub async fn ends_as_expected(input: &Input, mut client: Client) {
    let name = &input.name;
    let (end, expected) = input.expect.split_last().expect("what is expected");
    for expected in expected {
        let heard = client.try_next().await;
        let heard = heard.unwrap_or_else(|closed| panic!("{name}: {closed:?}, not {expected}"));
        let expected = written_out(expected);
        assert!(same(&expected, &heard), "{name}: {heard}, not {expected}");
    }
    let end = end.as_str().unwrap_or_else(|| panic!("{name}: {end}"));
    if end == "open" {
        assert_eq!(client.so_far().await, Vec::<Value>::new(), "{name}");
        return client.leave().await;
    }
    let closed = client.closed().await;
    let shown = match closed.code {
        Some(code) => format!("{code} {}", closed.reason),
        None => "gone".to_owned(),
    };
    assert_eq!(shown, end, "{name}");
    assert_eq!(client.seen(), Vec::<Value>::new(), "{name}");
}

// contract: ddp/http/rules, ddp/transport/fields, ddp/transport/target, ddp/http/info, ddp/http/health
// contract: ddp/close/1002, ddp/close/1007, ddp/close/1009, ddp/message/no-id, ddp/message/ejson-unreadable
// contract: ddp/handshake/other-first, ddp/handshake/ping, streams/subscribe/event-name, streams/subscribe/params
// contract: configuration/variable/ADMIN_HOSTS, configuration/variable/ADMIN_TOKEN
#[tokio::test]
async fn whatever_clients_send_is_answered_as_documented_and_nobody_else_notices() {
    let doors = Doors::open().await;
    doors.all("http", Doors::http).await;
    doors.all("ports", Doors::port).await;
    doors.all("websocket", Doors::websocket).await;
    doors
        .all("sockjs", |doors, input| doors.texts(input, SOCKJS))
        .await;
    doors
        .all("ddp", |doors, input| doors.texts(input, RAW))
        .await;
    doors
        .all("ejson", |doors, input| doors.texts(input, RAW))
        .await;
    doors
        .all("streams", |doors, input| doors.texts(input, RAW))
        .await;
    doors.nobody_was_asked_for_what_is_no_token().await;
    doors
        .all("login", |doors, input| doors.texts(input, RAW))
        .await;
    doors.nobody_was_asked_for_what_is_no_token().await;
    doors.nothing_is_named_as_clients_named_it().await;
    assert_quiet(&doors.workspace).await;
    doors.witness.heard_no_more().await;
}

impl Doors {
    /// The account service sees `{resume: <text>}` and nothing else, whatever clients send.
    async fn nobody_was_asked_for_what_is_no_token(&self) {
        for call in self.workspace.core_heard("accounts.login").await {
            if call["kind"] == "call" {
                let token = call["params"][0]["resume"].as_str();
                let token = token.unwrap_or_else(|| panic!("{call}"));
                assert_eq!(call["params"], json!([{"resume": token}]));
            }
        }
    }

    /// What a client chose is no label of a metric (CVE-2022-21698 is of that kind).
    async fn nothing_is_named_as_clients_named_it(&self) {
        let metrics = crate::support::http::get(self.metrics, "/metrics").await;
        let metrics = metrics.expect("metrics").body;
        for word in ["__proto__", "hostile", "$ne", "constructor", "PURGE"] {
            assert!(!metrics.contains(word), "{word} in {metrics}");
        }
    }
}
