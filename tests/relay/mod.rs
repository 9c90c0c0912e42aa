//! The single-server edge: the binary in front of a DDP server, and no mesh (reference/relay.md).

mod away;
mod ending;
mod http;
mod limits;
mod lost;
mod others;
mod passing;
mod sandbox;
mod settings;
mod shown;
mod traces;

use serde_json::{Value, json};

use crate::support::ddp_server::{DdpServer, ServerLeg};
use crate::support::service::{Env, Service};
use crate::support::{Client, free_port};

/// Another path than the raw one: SockJS.
const SOCKJS: &str = "/sockjs/123/abcdefgh/websocket";

/// What an edge of a test has in its environment.
pub fn edge_env(server: &str) -> Env {
    let mut env = Service::usual_env("");
    env.remove("TRANSPORTER");
    env.remove("MONGO_URL");
    env.insert("DDP_SERVER_URL".into(), server.to_owned());
    env
}

/// The edge in front of a server, which need not be there.
pub fn edge_of(server: &str, more: &[(&str, &str)]) -> Service {
    let mut env = edge_env(server);
    env.extend(
        more.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    Service::spawn(&env)
}

/// The edge in front of a server that is there.
pub async fn edge(server: &DdpServer, more: &[(&str, &str)]) -> Service {
    let edge = edge_of(&server.url(), more);
    edge.ready().await;
    edge
}

/// A client, and its session at the server.
async fn pair(edge: &Service, server: &mut DdpServer, path: &str) -> (Client, ServerLeg) {
    let client = Client::connect_to(edge.port, path).await;
    let leg = server.leg().await;
    (client, leg)
}

/// A port where nobody listens.
fn nobody() -> (u16, String) {
    let port = free_port();
    (port, format!("ws://127.0.0.1:{port}"))
}

/// A line of the log that holds a text, at a level.
fn logged(edge: &Service, level: &str, text: &str) -> Vec<Value> {
    let of_it = |line: &Value| line.to_string().contains(text);
    edge.logged(level).into_iter().filter(of_it).collect()
}

fn method(id: &str, name: &str) -> Value {
    json!({"msg": "method", "id": id, "method": name, "params": []})
}
