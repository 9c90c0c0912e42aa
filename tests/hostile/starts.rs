//! What stops a start: values that cannot be used, files that are none, certificates that cannot be served. There is
//! nobody to be a witness: the start ends with exit code 1, and with these lines and no others.

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;

use super::language::{Input, bytes, inputs, text};
use crate::support::eventually;
use crate::support::process::TempDir;
use crate::support::root;
use crate::support::service::{Env, Service};
use crate::support::tls::Certificate;

/// So many processes at a time.
const AT_ONCE: usize = 6;

/// Stands for the input's own folder.
const FOLDER: &str = "{folder}";

struct Start {
    folder: TempDir,
    env: Env,
}

impl Start {
    /// With what every start needs, unless an input says otherwise.
    fn new() -> Self {
        let usual = [
            ("TRANSPORTER", "nats://127.0.0.1:1"),
            ("MONGO_URL", "memory:"),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            folder: TempDir::new("start"),
            env: usual.map(own).into(),
        }
    }

    fn set(&mut self, name: &str, value: &Value) {
        let value = text(value).replace(FOLDER, &self.shown());
        self.env.insert(name.to_owned(), value);
    }

    fn shown(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// The start ends, and says what is expected.
    async fn ends(self, input: &Input) {
        let name = &input.name;
        let mut service = Service::spawn(&self.env);
        let ended = service.process.ended().await;
        let expected: Vec<String> = input.expect.iter().map(text).collect();
        let stderr = &service.process.stderr;
        let told = eventually("what is wrong is told", || async {
            let lines = stderr.lock().expect("lines").clone();
            (lines.len() >= expected.len()).then_some(lines)
        })
        .await;
        let plain = |line: String| line.replace(&self.shown(), FOLDER);
        let told: Vec<String> = told.into_iter().map(plain).collect();
        assert_eq!(told, expected, "{name}");
        assert_eq!(ended.code(), Some(1), "{name}");
    }
}

async fn all<F: Future<Output = ()>>(door: &str, play: impl Fn(Input) -> F) {
    stream::iter(inputs(door))
        .for_each_concurrent(AT_ONCE, play)
        .await;
}

/// `send` is an environment; `CONFIG_FILE` may be the file's text: `{"file": …}`.
async fn of_a_configuration(input: Input) {
    let mut start = Start::new();
    for (name, value) in input.send.as_object().expect("an environment") {
        match value.get("file") {
            Some(content) => {
                let path = start.folder.path().join("config.toml");
                std::fs::write(&path, bytes(content)).expect("written");
                start.set(name, &format!("{FOLDER}/config.toml").into());
            }
            None => start.set(name, value),
        }
    }
    start.ends(&input).await;
}

/// `send` is `{"chain": …, "key": …}`: bytes, or one of these.
async fn of_a_certificate(input: Input) {
    let mut start = Start::new();
    let (own, other) = (Certificate::new(), Certificate::new());
    let read = |path: &std::path::Path| std::fs::read(path).expect("a file");
    for (variable, part) in [("TLS_CERT_PATH", "chain"), ("TLS_KEY_PATH", "key")] {
        let content = &input.send[part];
        let own = if part == "chain" {
            own.chain()
        } else {
            own.key()
        };
        let content = match content.as_str() {
            Some("own") => read(&own),
            Some("the own key") => read(&own.with_file_name("key.pem")),
            Some("the own chain") => read(&own.with_file_name("chain.pem")),
            Some("another key") => read(&other.key()),
            Some("half") => {
                let whole = read(&own);
                whole[..whole.len() / 2].to_vec()
            }
            _ => match content.get("fixture") {
                Some(file) => {
                    let folder = root().join("tests/fixtures/certificates");
                    read(&folder.join(file.as_str().expect("a name")))
                }
                None => bytes(content),
            },
        };
        let path = start.folder.path().join(part);
        std::fs::write(&path, content).expect("written");
        start.set(variable, &format!("{FOLDER}/{part}").into());
    }
    start.set("ENABLE_TLS", &"true".into());
    start.ends(&input).await;
}

// contract: configuration/errors
#[tokio::test]
async fn values_that_cannot_be_used_stop_the_start_and_are_named() {
    all("configuration", of_a_configuration).await;
}

// contract: configuration/variable/TLS_CERT_PATH, configuration/variable/TLS_KEY_PATH
#[tokio::test]
async fn certificates_that_cannot_be_served_stop_the_start_and_are_named() {
    all("certificates", of_a_certificate).await;
}
