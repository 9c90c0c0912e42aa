//! A real nats-server that can be killed, frozen and restarted on its port.

use futures_util::StreamExt;
use tokio::process::Command;

use super::process::{Process, TempDir};
use super::{eventually, free_port, root};

pub struct Nats {
    process: Option<Process>,
    port: u16,
    dir: TempDir,
}

impl Nats {
    pub async fn start() -> Self {
        let mut nats = Self::nowhere();
        nats.restart().await;
        nats
    }

    /// One with a configuration file, which [`Nats::reload`] may change.
    pub async fn configured(text: &str) -> Self {
        let mut nats = Self::nowhere();
        nats.write(text);
        nats.restart().await;
        nats
    }

    fn nowhere() -> Self {
        Self {
            process: None,
            port: free_port(),
            dir: TempDir::new("nats"),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("nats.conf")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).expect("written");
    }

    /// Another text in its configuration file, which it reads while it runs.
    pub async fn reload(&self, text: &str) {
        let before = self.said("Reloaded server configuration");
        self.write(text);
        self.signal("HUP");
        eventually("nats-server has read it", || async {
            (self.said("Reloaded server configuration") > before).then_some(())
        })
        .await;
    }

    /// How many lines of its log hold a text.
    pub fn said(&self, text: &str) -> usize {
        let process = self.process.as_ref().expect("nats-server runs");
        let lines = process.stderr.lock().expect("lines");
        lines.iter().filter(|line| line.contains(text)).count()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it without a word.
    pub async fn kill(&mut self) {
        self.process
            .as_mut()
            .expect("nats-server runs")
            .kill()
            .await;
        self.process = None;
    }

    /// Starts it (again) on the same port.
    pub async fn restart(&mut self) {
        self.restart_with(&[]).await;
    }

    /// Starts it with more arguments.
    pub async fn restart_with(&mut self, args: &[&str]) {
        let mut command = Command::new(root().join(".cache/venv/bin/nats-server"));
        command
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string()])
            .args(args);
        if self.file().exists() {
            command.arg("-c").arg(self.file());
        }
        self.process = Some(Process::start("nats-server", command).0);
        let port = self.port;
        eventually("nats-server accepts", || async move {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .ok()
        })
        .await;
    }

    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Sends it a signal by name.
    pub fn signal(&self, signal: &str) {
        self.process
            .as_ref()
            .expect("nats-server runs")
            .signal(signal);
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) {
        let process = self.process.as_mut().expect("nats-server runs");
        process.ended().await;
        self.process = None;
    }

    /// A plain connection, to publish anything and to listen in.
    pub async fn connect(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.expect("a connection")
    }
}

/// Listens, and does not return before the server knows: a flush of async-nats only hands bytes to the socket.
pub async fn listening(client: &async_nats::Client, subject: &str) -> async_nats::Subscriber {
    let subscriber = client.subscribe(subject.to_owned()).await.unwrap();
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.unwrap();
    client.publish(inbox, "".into()).await.unwrap();
    let back = tokio::time::timeout(super::DEADLINE, echo.next()).await;
    back.expect("the server answers").expect("a connection");
    subscriber
}
