//! The sandbox as users run it: its binary and what it prints.

use serde_json::{Value, json};
use tokio::process::Command;

use super::peer::{Peer, matches};
use super::process::{Lines, Process, collect};
use super::service::binary;
use super::{eventually, http};

/// `ddp-streamer sandbox`, running.
pub struct Sandbox {
    pub process: Process,
    pub said: Lines,
    pub page: String,
    pub service: String,
}

impl Sandbox {
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_in(&[], arguments).await
    }

    /// With more in its environment.
    pub async fn start_in(env: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.arg("sandbox").args(arguments);
        command.envs(env.iter().copied());
        let (process, _stdin, stdout) = Process::start("ddp-streamer sandbox", command);
        let said = collect(stdout);
        // A taken port ends the process: its own word is better than a time-out.
        let page = word_after(&said, &process, "Page").await;
        let service = word_after(&said, &process, "Service").await;
        Self {
            process,
            said,
            page,
            service,
        }
    }

    pub async fn here() -> Self {
        Self::start(&["--port", "0", "--page-port", "0"]).await
    }

    /// Runs another command of the binary: its exit code, output and errors.
    pub async fn run(arguments: &[&str]) -> (bool, String, String) {
        let output = Command::new(binary()).args(arguments).output().await;
        let output = output.expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (
            output.status.success(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    pub async fn call(&self, who: &str, method: &str, param: Value) -> (bool, String, String) {
        let token = format!("{who}-token");
        let param = param.to_string();
        Self::run(&["call", &self.service, method, &param, "--token", &token]).await
    }

    /// A Node.js client of tests/peers/clients.
    pub async fn client(&self, script: &str) -> Peer {
        let url = self.service.trim_end_matches("/websocket");
        Peer::start(&format!("clients/{script}.js"), &["--url", url]).await
    }

    /// The service's port.
    pub fn port(&self) -> u16 {
        port_of(&self.service)
    }

    /// The page's port.
    pub fn page_port(&self) -> u16 {
        port_of(&self.page)
    }

    /// The core broadcasts an event.
    pub async fn broadcast(&self, event: &str, args: Value) {
        let body = json!({"event": event, "args": args}).to_string();
        let answer = http::post_json(port_of(&self.page), "/inject", &body).await;
        assert!(answer.is_ok_and(|answer| answer.status < 300), "{event}");
    }

    /// Waits for a call that the core gets from the service; answers its params.
    pub async fn core_hears(&self, action: &str, params: Value) -> Value {
        let port = port_of(&self.page);
        let find = || async {
            let calls = http::get(port, "/calls").await.ok()?.body;
            let calls: Vec<Value> = serde_json::from_str(&calls).ok()?;
            let found =
                |call: &&Value| call["action"] == action && matches(&params, &call["params"]);
            calls.iter().find(found).map(|call| call["params"].clone())
        };
        eventually(&format!("the core is asked {action}"), find).await
    }
}

pub async fn word_after(said: &Lines, process: &Process, label: &str) -> String {
    let found = || async {
        let lines = said.lock().expect("lines").clone();
        let line = lines
            .iter()
            .find_map(|line| line.trim().strip_prefix(label).map(str::to_owned))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    eventually(&format!("'{label}' of {}", process.tail()), found).await
}

fn port_of(url: &str) -> u16 {
    let host = url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let port = host.and_then(|host| host.rsplit(':').next()?.parse().ok());
    port.unwrap_or_else(|| panic!("no port: {url}"))
}
