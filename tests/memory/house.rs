//! A service in this process, as its users run it, and a core beside it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ddp_streamer::app::{App, Parts};
use ddp_streamer::config;
use ddp_streamer::mesh::{
    Answer, LocalBus, Mesh, MeshConfig, MeshState, NodeId, Request, ServiceSpec, Transporter,
};
use ddp_streamer::store::Store;
use serde_json::value::RawValue;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(25);

pub struct House {
    pub address: SocketAddr,
    pub bus: LocalBus,
    pub mesh: Mesh,
    _core: Mesh,
    _stop: DropGuard,
}

impl House {
    pub async fn open() -> Self {
        let (bus, tracker, stop) = (
            LocalBus::new(),
            TaskTracker::new(),
            CancellationToken::new(),
        );
        let settings = [
            ("PORT", "0"),
            ("BIND_IP", "127.0.0.1"),
            ("TRANSPORTER", "nats://in-this-process:4222"),
            ("MONGO_URL", "memory:"),
            ("NODE_ID", "streamer-1"),
            ("DDP_PASSWORD_LOGIN", "true"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = config::load(settings.into_iter()).unwrap().config;
        let parts = Parts {
            transporter: Some(Transporter::Local(bus.clone())),
            store: Some(Store::memory()),
        };
        let app = App::build(config, parts).await.unwrap();
        let (address, mesh) = (app.local_addr(), app.mesh().clone());
        let stopped = stop.clone().cancelled_owned();
        tracker.spawn(async move { app.run(stopped).await });
        let config = MeshConfig::new(
            NodeId::new("core-1").unwrap(),
            Transporter::Local(bus.clone()),
        );
        let core = Mesh::start(config, services(), Arc::new(()), &tracker, &stop).unwrap();
        for node in [&mesh, &core] {
            let mut states = node.state();
            let joined = states.wait_for(|state| *state == MeshState::Joined);
            joined.await.unwrap();
        }
        until(|| mesh.offers("accounts.login")).await;
        Self {
            address,
            bus,
            mesh,
            _core: core,
            _stop: stop.drop_guard(),
        }
    }
}

/// A core that grants whatever it is asked, and knows every user.
fn services() -> Vec<ServiceSpec> {
    let service = |(name, actions): &(&str, &[&str])| {
        actions
            .iter()
            .fold(ServiceSpec::new(*name), |spec, action| {
                spec.action(*action, |request| async move { answer(&request) })
            })
    };
    let all: [(&str, &[&str]); 4] = [
        ("accounts", &["login", "logout"]),
        (
            "authorization",
            &[
                "hasPermission",
                "hasAtLeastOnePermission",
                "canAccessRoom",
                "canAccessRoomId",
            ],
        ),
        (
            "presence",
            &[
                "newConnection",
                "removeConnection",
                "updateConnection",
                "setStatus",
                "setConnectionStatus",
            ],
        ),
        (
            "meteor",
            &[
                "callMethodWithToken",
                "getLoginServiceConfiguration",
                "getAutoUpdateClientVersions",
            ],
        ),
    ];
    let mut all: Vec<_> = all.iter().map(service).collect();
    all.push(ServiceSpec::new("meteor-events").events(["otrMessage"]));
    all
}

fn answer(request: &Request) -> Answer {
    let text = match request.action.as_str() {
        "accounts.login" if request.params.get().contains("\"t\"") => {
            r#"{"uid":"u","token":"t","hashedToken":"h","tokenExpires":{"$date":1},"type":"resume"}"#
        }
        "accounts.login" => "false",
        "meteor.getLoginServiceConfiguration" | "meteor.getAutoUpdateClientVersions" => "[]",
        "meteor.callMethodWithToken" => r#"{"result":null}"#,
        _ => "true",
    };
    Ok(Some(RawValue::from_string(text.to_owned()).unwrap()))
}

/// Waits until it is so.
pub async fn until(is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .expect("it never was so");
}

/// In time, or not at all.
pub async fn within<T>(what: &str, done: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, done).await {
        Ok(done) => done,
        Err(_) => panic!("{what} never ended"),
    }
}
