//! A whole small workspace: nats-server, a core, the service.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::client::Client;
use super::database::Database;
use super::nats::Nats;
use super::peer::Peer;
use super::process::TempDir;
use super::root;
use super::service::{Env, Service};
use super::tls::Certificate;

pub struct Workspace {
    pub nats: Nats,
    pub core: Peer,
    pub service: Service,
    pub env: Env,
    pub database: Option<Database>,
    /// What the service shows its clients, where it speaks TLS.
    pub certificate: Option<Certificate>,
    _seed: TempDir,
}

/// What is unusual about a workspace.
#[derive(Default)]
pub struct Builder {
    env: BTreeMap<String, String>,
    core: Vec<String>,
    database: bool,
    nats: Option<Nats>,
    plain: bool,
    tls: bool,
}

/// The service's node id on the plain broker, whose default is random.
pub const PLAIN_NODE: &str = "streamer.1";

impl Builder {
    /// One more variable of the service.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// One more option of the core (tests/peers/core.js).
    pub fn core(mut self, option: &str, value: &str) -> Self {
        self.core.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// The plain NATS broker of 8.x instead of Moleculer: core and service.
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// A NATS server that is there already.
    pub fn nats(mut self, nats: Nats) -> Self {
        self.nats = Some(nats);
        self
    }

    /// A real database instead of the one in memory.
    pub fn database(mut self) -> Self {
        self.database = true;
        self
    }

    /// The service speaks TLS.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    pub async fn start(self) -> Workspace {
        let nats = match self.nats {
            Some(nats) => nats,
            None => Nats::start().await,
        };
        let url = nats.url();
        let mut args = vec!["--nats", &url];
        args.extend(self.core.iter().map(String::as_str));
        let script = if self.plain {
            "nats-core.js"
        } else {
            "core.js"
        };
        let core = Peer::start(script, &args).await;
        let mut env = Service::usual_env(&url);
        if self.plain {
            env.remove("TRANSPORTER");
            env.extend(
                [
                    ("BROKER", "nats"),
                    ("NATS_URL", &url),
                    ("NODE_ID", PLAIN_NODE),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
            );
        }
        let seed = seed();
        let file = seed.path().join("seed.json");
        env.insert("MONGO_URL".into(), format!("memory:{}", file.display()));
        let database = if self.database {
            let database = Database::start().await;
            database.seed().await;
            env.insert("MONGO_URL".into(), database.url());
            Some(database)
        } else {
            None
        };
        let certificate = self.tls.then(Certificate::new);
        if let Some(certificate) = &certificate {
            let variables = certificate.env();
            env.extend(variables.map(|(name, value)| (name.to_owned(), value)));
        }
        env.extend(self.env);
        let service = Service::spawn(&env);
        service.ready().await;
        let workspace = Workspace {
            nats,
            core,
            service,
            env,
            database,
            certificate,
            _seed: seed,
        };
        workspace.core_knows_us().await;
        workspace
    }
}

impl Workspace {
    pub fn with() -> Builder {
        Builder::default()
    }

    pub async fn start() -> Self {
        Self::with().start().await
    }

    /// Waits until the core has our INFO: before that it sends us no events.
    pub async fn core_knows_us(&self) {
        self.core
            .ask(
                "awaitNode",
                json!({"nodeID": self.node_id(), "events": ["watch.messages"]}),
            )
            .await;
    }

    /// The service's node id.
    pub fn node_id(&self) -> String {
        match self.env.get("NODE_ID") {
            Some(id) => id.clone(),
            None => {
                let host =
                    std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
                format!(
                    "{}-{}",
                    host.trim().to_lowercase(),
                    self.service.process.pid()
                )
            }
        }
    }

    /// A client that shook hands, raw.
    pub async fn client(&self) -> Client {
        self.connect("/websocket").await
    }

    /// A client that shook hands, over SockJS.
    pub async fn sockjs(&self) -> Client {
        self.connect("/sockjs/123/abcdefgh/websocket").await
    }

    async fn connect(&self, path: &str) -> Client {
        let port = self.service.port;
        let Some(certificate) = &self.certificate else {
            return Client::connect_to(port, path).await;
        };
        let wire = certificate.connect(port).await.expect("a TLS handshake");
        let mut client = Client::open_over(Box::new(wire), port, path, &[])
            .await
            .unwrap_or_else(|error| panic!("no socket: {error}"));
        client.handshake().await;
        client
    }

    /// A client logged in by its `<name>-token`.
    pub async fn login(&self, name: &str) -> Client {
        let mut client = self.client().await;
        client.login(name).await;
        client
    }

    /// The core broadcasts an event.
    pub async fn broadcast(&self, event: &str, args: Value) {
        self.core
            .ask("broadcast", json!({"event": event, "args": args}))
            .await;
    }

    /// Waits for a call or event that the core gets from us; answers its params.
    pub async fn core_hears(&self, name: &str, params: Value) -> Value {
        let mut found = self
            .core
            .ask("await", json!({"match": {"name": name, "params": params}}))
            .await;
        found[0]["params"].take()
    }

    /// The calls and events of a name that the core got from us since the last time.
    pub async fn core_heard(&self, name: &str) -> Vec<Value> {
        let found = self
            .core
            .ask("calls", json!({"match": {"name": name}, "clear": false}))
            .await;
        found.as_array().cloned().unwrap_or_default()
    }
}

/// tests/peers/seed.json without what the core alone reads.
fn seed() -> TempDir {
    let dir = TempDir::new("seed");
    let text = std::fs::read_to_string(root().join("tests/peers/seed.json")).expect("the seed");
    let mut seed: Value = serde_json::from_str(&text).expect("JSON");
    seed.as_object_mut()
        .expect("collections")
        .remove("rocketchat_permissions");
    std::fs::write(dir.path().join("seed.json"), seed.to_string()).expect("written");
    dir
}
