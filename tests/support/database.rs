//! A real MongoDB-wire database.

use mongodb::bson::{Bson, Document};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::process::{Process, TempDir};
use super::root;

pub struct Database {
    process: Process,
    port: u16,
    dir: TempDir,
    // Ends the database with the test.
    _stdin: tokio::process::ChildStdin,
}

impl Database {
    pub async fn start() -> Self {
        let dir = TempDir::new("database");
        let (process, stdin, port) = Self::spawn(&dir, super::free_port()).await;
        Self {
            process,
            port,
            dir,
            _stdin: stdin,
        }
    }

    async fn spawn(dir: &TempDir, port: u16) -> (Process, tokio::process::ChildStdin, u16) {
        let mut command = Command::new(root().join(".cache/bin/ferretdb"));
        command
            .args(["-stdin", "-listen", &format!("127.0.0.1:{port}")])
            .arg(dir.path());
        let (process, stdin, stdout) = Process::start("ferretdb", command);
        let line =
            tokio::time::timeout(super::DEADLINE, BufReader::new(stdout).lines().next_line())
                .await
                .expect("the database starts")
                .expect("a line")
                .unwrap_or_else(|| panic!("the database ended: {}", process.tail()));
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let port = line["listen"]
            .as_str()
            .and_then(|address| address.rsplit(':').next())
            .and_then(|port| port.parse().ok())
            .expect("a port");
        (process, stdin, port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/rocketchat", self.port)
    }

    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Starts it again, on its port, with its data.
    pub async fn restart(&mut self) {
        (self.process, self._stdin, self.port) = Self::spawn(&self.dir, self.port).await;
    }

    pub async fn database(&self) -> mongodb::Database {
        mongodb::Client::with_uri_str(self.url())
            .await
            .expect("a client")
            .database("rocketchat")
    }

    /// Fills it with tests/peers/seed.json.
    pub async fn seed(&self) {
        let seed = std::fs::read_to_string(root().join("tests/peers/seed.json")).expect("the seed");
        let seed: Value = serde_json::from_str(&seed).expect("JSON");
        let database = self.database().await;
        for (collection, documents) in seed.as_object().expect("collections") {
            let documents: Vec<Document> = documents
                .as_array()
                .expect("documents")
                .iter()
                .map(|document| match bson(document) {
                    Bson::Document(document) => document,
                    other => panic!("no document: {other}"),
                })
                .collect();
            database
                .collection::<Document>(collection)
                .insert_many(documents)
                .await
                .expect("inserted");
        }
    }
}

/// EJSON to BSON: dates are the only type of the seed that JSON lacks.
fn bson(value: &Value) -> Bson {
    match value {
        Value::Object(object) => match object.get("$date").and_then(Value::as_i64) {
            Some(ms) => Bson::DateTime(mongodb::bson::DateTime::from_millis(ms)),
            None => Bson::Document(
                object
                    .iter()
                    .map(|(key, value)| (key.clone(), bson(value)))
                    .collect(),
            ),
        },
        Value::Array(array) => Bson::Array(array.iter().map(bson).collect()),
        Value::String(text) => Bson::String(text.clone()),
        Value::Bool(value) => Bson::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => i32::try_from(integer).map_or(Bson::Int64(integer), Bson::Int32),
            None => Bson::Double(number.as_f64().unwrap_or_default()),
        },
        Value::Null => Bson::Null,
    }
}
