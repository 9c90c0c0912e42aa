//! The catalogue of faults: what breaks around the service, one row of `catalogue.txt` each, with what must hold and the
//! test that shows it. Tests of other files are named there too; the ones here are of what those do not reach.
//!
//! Everywhere there is a [`Witness`]: a session that was there before and must keep its service, or get it back. What takes
//! long is left to `make faults`.

mod callees;
mod catalogue;
mod database;
mod host;
mod logs;
mod nats;
mod net;
mod stops;

use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use crate::support::workspace::Builder;
use crate::support::{Client, DEADLINE, Peer, Service, eventually, free_port, http};

/// See the module.
struct Witness {
    client: Client,
    /// Messages that it was told of so far.
    told: usize,
}

impl Witness {
    /// Bob, who hears a room.
    async fn at(port: u16) -> Self {
        let mut client = Client::connect(port).await;
        client.login("bob").await;
        client.listen("room-messages", "GENERAL").await;
        Self { client, told: 0 }
    }

    /// It is served: a ping, a call and an event, with nothing in between.
    async fn is_served(&mut self, core: &Peer) {
        let echo = self.client.call("echo", json!([self.told])).await;
        assert_eq!(echo["result"], json!([self.told]), "{echo}");
        let id = self.is_told(core).await;
        let heard = self.client.hears("room-messages", "GENERAL").await;
        assert_eq!(heard[0]["_id"], id);
        assert_eq!(self.client.so_far().await, Vec::<Value>::new());
    }

    /// It gets its service back: calls are answered, and events come, each once.
    async fn is_served_again(&mut self, service: &Service, core: &Peer) {
        service.ready().await;
        let back = async {
            let mut tick = interval(std::time::Duration::from_millis(20));
            while self.client.call("echo", json!([])).await["error"].is_object() {
                tick.tick().await;
            }
            let mut heard = Vec::new();
            while heard.is_empty() {
                tick.tick().await;
                self.is_told(core).await;
                let seen = self.client.so_far().await;
                heard.extend(seen.iter().filter_map(of_witness));
            }
            // What is under way is waited for, so that a second copy would be seen.
            let last = self.is_told(core).await;
            while !heard.contains(&last) {
                heard.extend(of_witness(&self.client.next().await));
            }
            heard
        };
        let heard = timeout(DEADLINE, back).await.expect("served again");
        let mut once = heard.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), heard.len(), "{heard:?}");
    }

    /// Its calls fail at once with this code, and pings are answered.
    async fn is_refused(&mut self, code: u16) {
        let failed = self.client.call("echo", json!(["refused"])).await;
        assert_eq!(failed["error"]["error"], code, "{failed}");
        self.client.so_far().await;
    }

    async fn is_told(&mut self, core: &Peer) -> String {
        self.told += 1;
        let id = format!("{ITS_OWN}{}", self.told);
        let message = json!([{"message": {"_id": id, "rid": "GENERAL", "msg": "hello"}}]);
        let event = json!({"event": "watch.messages", "args": message});
        core.ask("broadcast", event).await;
        id
    }
}

/// What the ids of a witness's messages begin with.
const ITS_OWN: &str = "to-the-witness-";

/// The id of a message that the witness was told of, where that is what came.
fn of_witness(message: &Value) -> Option<String> {
    let id = message["fields"]["args"][0]["_id"].as_str()?;
    id.starts_with(ITS_OWN).then(|| id.to_owned())
}

/// Readiness fails, with these words.
async fn not_ready(port: u16, why: &str) {
    let answer = eventually("readiness fails", || async {
        let answer = http::get(port, "/readyz").await.ok()?;
        (answer.status == 503).then_some(answer)
    });
    let answer = answer.await;
    assert!(answer.body.contains(why), "{}", answer.body);
}

/// A line of the log.
async fn logged(service: &Service, level: &str, words: &str) -> Value {
    eventually(words, || async {
        let lines = service.logged(level);
        let told = |line: &Value| line["msg"].as_str().is_some_and(|msg| msg.contains(words));
        lines.into_iter().find(told)
    })
    .await
}

/// It counts, and where.
fn counting(builder: Builder) -> (Builder, u16) {
    let port = free_port();
    let builder = builder.env("MS_METRICS", "true");
    (builder.env("MS_METRICS_PORT", &port.to_string()), port)
}

/// The value of a series.
async fn counted(metrics: u16, series: &str) -> f64 {
    let text = http::get(metrics, "/metrics").await.expect("metrics").body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
    value.parse().expect("a number")
}

/// Waits until a series has reached a value.
async fn counts(metrics: u16, series: &str, at_least: f64) {
    eventually(series, || async {
        (counted(metrics, series).await >= at_least).then_some(())
    })
    .await;
}
