//! Where a scenario plays: the same clients, whatever core and mesh are behind the service.

use serde_json::Value;

use super::client::Client;
use super::peer::Peer;
use super::sandbox::Sandbox;
use super::service::Service;
use super::tls::{Certificate, HOST};
use super::workspace::{Builder, Workspace};
use crate::relay::edge_of;

/// A workspace with the service in front of it.
pub enum Scene {
    /// The binary on a real NATS, with a core in Node.js.
    Mesh(Box<Workspace>),
    /// The sandbox: all in one process.
    Sandbox(Box<Sandbox>),
    /// Another place, with the single-server edge in front of its service.
    Relayed(Box<Scene>, Box<Service>),
}

impl Scene {
    /// A workspace of the harness, with password logins.
    pub async fn mesh(builder: Builder) -> Self {
        Self::Mesh(Box::new(
            builder.env("DDP_PASSWORD_LOGIN", "true").start().await,
        ))
    }

    /// The sandbox, on free ports.
    pub async fn sandbox() -> Self {
        Self::Sandbox(Box::new(Sandbox::here().await))
    }

    /// Another place, with the single-server edge in front of its service.
    pub async fn relayed(behind: Self) -> Self {
        let edge = edge_of(&format!("ws://127.0.0.1:{}", behind.port()), &[]);
        edge.ready().await;
        Self::Relayed(Box::new(behind), Box::new(edge))
    }

    pub fn port(&self) -> u16 {
        match self {
            Self::Relayed(_, edge) => edge.port,
            Self::Mesh(workspace) => workspace.service.port,
            Self::Sandbox(sandbox) => sandbox.port(),
        }
    }

    /// A Node.js client of tests/peers/clients.
    pub async fn client(&self, script: &str) -> Peer {
        let certificate = match self {
            Self::Mesh(workspace) => workspace.certificate.as_ref().map(Certificate::chain),
            Self::Sandbox(_) | Self::Relayed(..) => None,
        };
        let url = match &certificate {
            Some(_) => format!("wss://{HOST}:{}", self.port()),
            None => format!("ws://127.0.0.1:{}", self.port()),
        };
        let (script, args) = (format!("clients/{script}.js"), ["--url", &url]);
        Peer::start_trusting(&script, &args, certificate.as_deref()).await
    }

    /// A client of the harness, logged in by its `<name>-token`.
    pub async fn login(&self, name: &str) -> Client {
        let mut client = match self {
            Self::Mesh(workspace) => return workspace.login(name).await,
            Self::Sandbox(_) | Self::Relayed(..) => Client::connect(self.port()).await,
        };
        client.login(name).await;
        client
    }

    /// The core broadcasts an event.
    pub async fn broadcast(&self, event: &str, args: Value) {
        match self {
            Self::Mesh(workspace) => workspace.broadcast(event, args).await,
            Self::Sandbox(sandbox) => sandbox.broadcast(event, args).await,
            Self::Relayed(behind, _) => Box::pin(behind.broadcast(event, args)).await,
        }
    }

    /// Waits for a call that the core gets from the service; answers its params.
    pub async fn core_hears(&self, action: &str, params: Value) -> Value {
        match self {
            Self::Mesh(workspace) => workspace.core_hears(action, params).await,
            Self::Sandbox(sandbox) => sandbox.core_hears(action, params).await,
            Self::Relayed(behind, _) => Box::pin(behind.core_hears(action, params)).await,
        }
    }
}
