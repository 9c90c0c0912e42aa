//! A peer of tests/peers, most in Node.js: one JSON document a line, commands in, answers and news out.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{Notify, oneshot};

use super::process::Process;
use super::{DEADLINE, root};

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

pub struct Peer {
    pub process: Process,
    stdin: tokio::sync::Mutex<ChildStdin>,
    waiting: Waiting,
    news: Arc<Mutex<Vec<Value>>>,
    heard: Arc<Notify>,
    ids: std::sync::atomic::AtomicU64,
}

impl Peer {
    /// Starts `tests/peers/<script>` and waits until it is ready.
    pub async fn start(script: &str, args: &[&str]) -> Self {
        Self::start_trusting(script, args, None).await
    }

    /// The same, and it trusts a certificate: Node.js besides the usual ones, others alone.
    pub async fn start_trusting(script: &str, args: &[&str], trusted: Option<&Path>) -> Self {
        let mut command = program(script);
        for variable in ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] {
            command.envs(trusted.map(|path| (variable, path)));
        }
        command.args(args);
        let (process, stdin, stdout) = Process::start(script, command);
        let (waiting, news, heard) = (
            Waiting::default(),
            Arc::<Mutex<Vec<Value>>>::default(),
            Arc::new(Notify::new()),
        );
        let shared = (waiting.clone(), news.clone(), heard.clone());
        tokio::spawn(async move {
            let (waiting, news, heard) = shared;
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(value) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                match value
                    .get("id")
                    .and_then(Value::as_u64)
                    .and_then(|id| waiting.lock().expect("waiting").remove(&id))
                {
                    Some(waiter) => {
                        let _gone = waiter.send(value);
                    }
                    None => {
                        news.lock().expect("news").push(value);
                        heard.notify_waiters();
                    }
                }
            }
            // Whoever still waits learns that the peer is gone.
            waiting.lock().expect("waiting").clear();
        });
        let peer = Self {
            process,
            stdin: stdin.into(),
            waiting,
            news,
            heard,
            ids: 1.into(),
        };
        peer.hears(json!({"ready": true})).await;
        peer
    }

    /// Sends a command; answers its `ok`, or its `error`.
    pub async fn try_ask(&self, cmd: &str, mut message: Value) -> Result<Value, Value> {
        let id = self.ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        message["id"] = id.into();
        message["cmd"] = cmd.into();
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().expect("waiting").insert(id, sender);
        self.stdin
            .lock()
            .await
            .write_all(format!("{message}\n").as_bytes())
            .await
            .expect("the peer reads");
        let mut answer = tokio::time::timeout(DEADLINE, receiver)
            .await
            .unwrap_or_else(|_| panic!("no answer to {message}: {}", self.process.tail()))
            .unwrap_or_else(|_| panic!("the peer ended at {message}: {}", self.process.tail()));
        match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// Sends a command that must go well.
    pub async fn ask(&self, cmd: &str, message: Value) -> Value {
        self.try_ask(cmd, message.clone())
            .await
            .unwrap_or_else(|error| panic!("{cmd} {message}: {error}"))
    }

    /// Sends a command and does not wait.
    pub async fn tell(&self, cmd: &str) {
        self.stdin
            .lock()
            .await
            .write_all(format!("{}\n", json!({"cmd": cmd})).as_bytes())
            .await
            .expect("the peer reads");
    }

    /// Waits for news that match (see [`matches`]).
    pub async fn hears(&self, pattern: Value) -> Value {
        let search = async {
            loop {
                let heard = self.heard.notified();
                if let Some(found) = self
                    .news
                    .lock()
                    .expect("news")
                    .iter()
                    .find(|value| matches(&pattern, value))
                {
                    return found.clone();
                }
                heard.await;
            }
        };
        tokio::time::timeout(DEADLINE, search)
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "never heard {pattern}; heard {:?}; {}",
                    self.news.lock().expect("news"),
                    self.process.tail()
                )
            })
    }

    /// All that it said unasked, so far.
    pub fn news(&self) -> Vec<Value> {
        self.news.lock().expect("news").clone()
    }
}

/// What runs a script of tests/peers; one without an ending is a program of tests/fixtures.
fn program(script: &str) -> Command {
    let (cache, path) = (
        root().join(".cache"),
        root().join("tests/peers").join(script),
    );
    let interpreter = match path.extension().and_then(|ending| ending.to_str()) {
        Some("js") => "node".into(),
        Some("py") => cache.join("venv/bin/python"),
        _ => return Command::new(cache.join("bin").join(script)),
    };
    let mut command = Command::new(interpreter);
    command.arg(path);
    command
}

/// Whether every part of the pattern is found in the value: keys of objects, elements of arrays by position; `"*"` is anything.
pub fn matches(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::String(any), _) if any == "*" => true,
        (Value::Object(pattern), Value::Object(value)) => pattern
            .iter()
            .all(|(key, part)| value.get(key).is_some_and(|value| matches(part, value))),
        (Value::Array(pattern), Value::Array(value)) => {
            pattern.len() <= value.len()
                && pattern
                    .iter()
                    .zip(value)
                    .all(|(part, value)| matches(part, value))
        }
        _ => pattern == value,
    }
}
