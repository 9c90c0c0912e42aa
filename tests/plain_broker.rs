//! `BROKER=nats`: the plain broker of 8.x, with the service as users run it, and with a node of the library alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::client::RequestErrorKind;
use ddp_streamer::mesh::{
    Call, CallError, Code, Event, Listed, Mesh, MeshConfig, MeshState, NatsTarget, NodeId,
    NodeSnapshot, PacketKind, Release, RemoteError, Request, ServiceSpec, Transporter,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::nats::{Nats, listening};
use crate::support::peer::matches;
use crate::support::{DEADLINE, Peer, Service, Workspace, eventually, http};

/// How long a call is sent again that reaches nobody: 100, 250, 500, 1000 and 2000 ms,
const IN_VAIN: Duration = Duration::from_millis(3850);
/// and what would come next.
const ONE_MORE: Duration = Duration::from_millis(4000);

/// A node of the library, and what it heard.
pub struct Node {
    pub mesh: Mesh,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Node {
    /// Joins; `change` may turn the settings first.
    async fn join_with(
        nats: &Nats,
        name: &str,
        services: Vec<ServiceSpec>,
        change: impl FnOnce(&mut MeshConfig),
    ) -> Self {
        let target = NatsTarget::parse(&nats.url()).unwrap();
        let mut config = MeshConfig::new(NodeId::new(name).unwrap(), Transporter::Plain(target));
        change(&mut config);
        let heard = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let kept = heard.clone();
        let listener = move |event: &Event<'_>| {
            let data = serde_json::from_str(event.data.get()).unwrap();
            kept.lock().unwrap().push((event.name.to_string(), data));
        };
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        let mesh = Mesh::start(config, services, Arc::new(listener), &tracker, &token).unwrap();
        let mut states = mesh.state();
        states
            .wait_for(|state| *state == MeshState::Joined)
            .await
            .unwrap();
        Self { mesh, heard }
    }

    pub async fn join(nats: &Nats, name: &str, services: Vec<ServiceSpec>) -> Self {
        Self::join_with(nats, name, services, |_| {}).await
    }

    async fn call(&self, action: &str, params: Value) -> Result<Option<Value>, CallError> {
        let params = params.to_string();
        let answer = self.mesh.call(Call::new(action, &params)).await?;
        Ok(answer.map(|data| serde_json::from_str(data.get()).unwrap()))
    }

    /// Events of others and its own, those of the registry left out.
    fn heard(&self) -> Vec<(String, Value)> {
        let heard = self.heard.lock().unwrap();
        let events = heard.iter().filter(|(name, _)| !name.starts_with('$'));
        events.cloned().collect()
    }

    async fn hears(&self, count: usize) -> Vec<(String, Value)> {
        eventually("events", || async {
            (self.heard().len() >= count).then(|| self.heard())
        })
        .await
    }
}

/// How many calls were sent.
fn requests_of(mesh: &Mesh) -> u64 {
    let sent = mesh.stats().published_by_kind;
    sent.iter()
        .filter(|(kind, _)| *kind == PacketKind::Request)
        .map(|(_, count)| count)
        .sum()
}

async fn core(nats: &Nats, args: &[&str]) -> Peer {
    Peer::start("nats-core.js", &[&["--nats", &nats.url()], args].concat()).await
}

/// A service with a few ways to answer.
pub fn answering() -> ServiceSpec {
    ServiceSpec::new("test")
        .event("test.event")
        .action("echo", |request: Request| async move {
            Ok(Some(request.params))
        })
        .action("undefined", |_| async { Ok(None) })
        .action("never", |_| std::future::pending())
        .action("refuses", |_| async {
            let code = Code::Text("error-not-allowed".into());
            Err(RemoteError::from_meteor(code, Some("Not allowed".into()), None).into())
        })
        .action("breaks", |_| async {
            Err(RemoteError::internal("boom\r\nbang").into())
        })
}

// contract: mesh/broker/subjects, configuration/variable/BROKER
#[tokio::test]
async fn two_people_and_a_message() {
    let workspace = Workspace::with().plain().start().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.sockjs().await;
    let login = bob.login("bob").await;
    assert!(login["result"]["tokenExpires"]["$date"].is_i64(), "{login}");
    for client in [&mut alice, &mut bob] {
        client.listen("room-messages", "GENERAL").await;
    }
    let sent = alice
        .call(
            "sendMessage",
            json!([{"_id": "m1", "rid": "GENERAL", "msg": "hello"}]),
        )
        .await;
    assert_eq!(sent["result"]["msg"], "hello", "{sent}");
    for client in [&mut alice, &mut bob] {
        let args = client.hears("room-messages", "GENERAL").await;
        let expected = json!([{"_id": "m1", "msg": "hello", "u": {"_id": "alice-id"}}]);
        assert!(matches(&expected, &args), "{args}");
    }
    workspace
        .core_hears("presence.newConnection", json!(["alice-id", alice.session]))
        .await;
}

// contract: mesh/broker/results, mesh/broker/errors
#[tokio::test]
async fn results_and_errors_of_methods() {
    let workspace = Workspace::with()
        .plain()
        .env("DDP_MAX_MESSAGE_BYTES", "2MiB")
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    for (method, expected) in [
        ("peer.false", Some(json!(false))),
        ("peer.null", Some(json!(null))),
        ("peer.undefined", None),
        ("peer.date", Some(json!({"$date": 0}))),
        ("peer.binary", Some(json!({"$binary": "AQID"}))),
    ] {
        let result = alice.call(method, json!([])).await;
        assert_eq!(result.get("result").cloned(), expected, "{method}");
        assert!(result.get("error").is_none(), "{method}");
    }
    let refused = alice.call("peer.meteorError", json!([])).await;
    assert_eq!(
        refused["error"],
        json!({
            "isClientSafe": true, "errorType": "Meteor.Error", "error": "error-not-allowed", "reason": "Not allowed",
            "message": "Not allowed [error-not-allowed]", "details": {"method": "peer.meteorError"}
        })
    );
    let unknown = alice.call("no-such-method", json!([])).await;
    assert_eq!(unknown["error"]["error"], 404, "{unknown}");
    let failed = alice.call("peer.error", json!([])).await;
    assert_eq!(failed["error"]["error"], 500, "{failed}");
    assert_eq!(failed["error"]["reason"], "Internal server error");
    let large = alice.call("echo", json!(["x".repeat(1 << 20)])).await;
    assert_eq!(large["error"]["error"], 413, "over NATS's max_payload");
}

// contract: mesh/broker/subjects, streams/write/form
#[tokio::test]
async fn what_a_client_writes_goes_out_as_an_object() {
    let workspace = Workspace::with().plain().start().await;
    let nats = workspace.nats.connect().await;
    let mut stream = listening(&nats, "event.stream").await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    for client in [&mut alice, &mut bob] {
        client.listen("notify-room", "GENERAL/user-activity").await;
    }
    let args = json!(["GENERAL/user-activity", "alice", ["user-typing"], {}]);
    alice.call("stream-notify-room", args).await;
    bob.hears("notify-room", "GENERAL/user-activity").await;
    let sent = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
    let sent: Value = serde_json::from_slice(&sent.unwrap().unwrap().payload).unwrap();
    let expected = json!([{"stream": "notify-room", "eventName": "GENERAL/user-activity", "args": ["alice", ["user-typing"], {}], "origin": "*"}]);
    assert!(matches(&expected, &sent), "{sent}");
    assert_eq!(
        bob.so_far().await,
        Vec::<Value>::new(),
        "its own event does not come back"
    );
    // Another streamer's.
    let theirs = json!([{"stream": "notify-room", "eventName": "GENERAL/user-activity", "args": ["carol", [], {}], "origin": "other"}]);
    nats.publish("event.stream", theirs.to_string().into())
        .await
        .unwrap();
    for client in [&mut alice, &mut bob] {
        let args = client.hears("notify-room", "GENERAL/user-activity").await;
        assert_eq!(args[0], "carol");
    }
}

// contract: mesh/outage/reconnect, mesh/outage/after
#[tokio::test]
async fn nats_killed_and_restarted_drops_no_client() {
    let mut workspace = Workspace::with().plain().start().await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "GENERAL").await;
    workspace.core.ask("calls", json!({})).await;
    let hanging = alice.begin("peer.never", json!([])).await;
    workspace
        .core_hears("meteor.callMethodWithToken", json!(["alice-id"]))
        .await;
    workspace.nats.kill().await;
    let failed = alice.expect(json!({"msg": "result", "id": hanging})).await;
    assert_eq!(failed["error"]["error"], 503, "{failed}");
    let asked = Instant::now();
    let failed = alice.call("echo", json!(["stale"])).await;
    assert_eq!(failed["error"]["error"], 503, "{failed}");
    assert!(asked.elapsed() < IN_VAIN, "at once");

    workspace.nats.restart().await;
    workspace.service.ready().await;
    workspace.core_knows_us().await;
    workspace
        .core_hears("presence.newConnection", json!(["*", alice.session]))
        .await;
    let sent = alice
        .call("sendMessage", json!([{"rid": "GENERAL", "msg": "fresh"}]))
        .await;
    assert!(sent.get("error").is_none(), "{sent}");
    let args = alice.hears("room-messages", "GENERAL").await;
    assert_eq!(args[0]["msg"], "fresh");
    let calls = workspace.core_heard("meteor.callMethodWithToken").await;
    assert!(!json!(calls).to_string().contains("stale"), "{calls:?}");
}

// contract: mesh/outage/reconnect
#[tokio::test]
async fn refused_by_nats_it_tries_on() {
    let mut workspace = Workspace::with().plain().start().await;
    workspace.nats.kill().await;
    workspace.nats.restart_with(&["--auth", "secret"]).await;
    let port = workspace.service.port;
    eventually("readiness says that NATS is away", || async move {
        let answer = http::get(port, "/readyz").await.ok()?;
        (answer.status == 503).then_some(())
    })
    .await;
    eventually("the refusal is told", || async {
        let lines = workspace.service.logged("warn");
        let told = lines
            .iter()
            .any(|line| line.to_string().contains("trying on"));
        told.then_some(())
    })
    .await;
    workspace.nats.kill().await;
    workspace.nats.restart().await;
    workspace.service.ready().await;
    // Its client waits longer between attempts than ours.
    nats_knows_the_core(&workspace, true).await;
    let mut alice = workspace.login("alice").await;
    assert_eq!(alice.call("echo", json!([1])).await["result"], json!([1]));
}

/// Waits until NATS knows whether the core's methods are offered.
async fn nats_knows_the_core(workspace: &Workspace, there: bool) {
    let nats = workspace.nats.connect().await;
    eventually("NATS knows of the core", || async {
        let subject = "rpc.meteor.callMethodWithToken";
        let asked = nats.request(subject, "[]".into()).await;
        let nobody = asked.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders);
        (nobody != there).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_core_that_is_restarted_is_found() {
    let mut workspace = Workspace::with().plain().start().await;
    let mut alice = workspace.login("alice").await;
    workspace.core.tell("crash").await;
    workspace.core.process.ended().await;
    // NATS notices that a little later than we do.
    nats_knows_the_core(&workspace, false).await;
    let failed = alice.call("echo", json!([1])).await;
    assert_eq!(failed["error"]["error"], 503, "{failed}");
    let services = json!({"loginServices": [{"_id": "x-id", "service": "x"}]});
    workspace.core = core(&workspace.nats, &["--node", "core-1"]).await;
    workspace.core.ask("set", json!({"state": services})).await;
    assert_eq!(alice.call("echo", json!([2])).await["result"], json!([2]));
    let asked = json!({"match": {"name": "meteor.getLoginServiceConfiguration"}});
    workspace.core.ask("await", asked).await;
}

// contract: mesh/broker/nodes, mesh/licence
#[tokio::test]
async fn the_licence_rule_counts_the_nodes_that_answer() {
    let workspace = Workspace::with()
        .plain()
        .env("LICENSE_CHECK_INTERVAL", "1")
        .start()
        .await;
    let mut env = workspace.env.clone();
    env.insert("PORT".into(), crate::support::free_port().to_string());
    env.insert("NODE_ID".into(), "another".into());
    let mut second = Service::spawn(&env);
    second.ready().await;
    let nodes = workspace.core.ask("nodes", json!({})).await;
    let ids: Vec<&str> = nodes
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["services"][0]["name"] == "streamer")
        .filter_map(|node| node["id"].as_str())
        .collect();
    assert!(
        ids.contains(&"streamer_1") && ids.contains(&"another"),
        "{nodes}"
    );
    workspace
        .core
        .ask("set", json!({"state": {"license": {"valid": false}}}))
        .await;
    let ended = second.process.ended().await;
    assert!(!ended.success(), "the first of the two stops");
    let mut alice = workspace.login("alice").await;
    assert_eq!(alice.call("echo", json!([1])).await["result"], json!([1]));
}

// contract: mesh/broker/subjects, mesh/broker/results, mesh/broker/errors
#[tokio::test]
async fn nodes_call_each_other_in_both_directions() {
    let nats = Nats::start().await;
    let core = core(&nats, &[]).await;
    let node = Node::join(&nats, "pod.1", vec![answering()]).await;
    assert_eq!(node.mesh.node_id().as_str(), "pod_1");
    let ask = async |message: Value| core.try_ask("call", message).await;
    let echo = json!({"action": "test.echo", "params": [1, {"$date": 0}]});
    assert_eq!(ask(echo).await, Ok(json!([1, {"$date": 0}])));
    let pinned = json!({"action": "test.undefined", "params": [], "nodeID": "pod.1"});
    assert_eq!(ask(pinned).await, Ok(json!(null)));
    let refused = ask(json!({"action": "test.refuses", "params": []}))
        .await
        .unwrap_err();
    let expected = json!({"isClientSafe": true, "errorType": "Meteor.Error", "error": "error-not-allowed", "reason": "Not allowed",
                          "message": "Not allowed [error-not-allowed]"});
    assert!(matches(&expected, &refused), "{refused}");
    let broken = ask(json!({"action": "test.breaks", "params": []}))
        .await
        .unwrap_err();
    assert_eq!(broken["message"], "boom\r\nbang");

    // Two of the library's own, and a call to oneself.
    let other = Node::join(&nats, "other", vec![]).await;
    assert_eq!(
        other.call("test.echo", json!([2])).await.unwrap(),
        Some(json!([2]))
    );
    assert_eq!(
        node.call("test.echo", json!([3])).await.unwrap(),
        Some(json!([3]))
    );
    let Err(CallError::Remote(error)) = other.call("test.refuses", json!([])).await else {
        panic!("not refused")
    };
    assert_eq!(
        error.meteor().unwrap().code,
        Code::Text("error-not-allowed".into())
    );
    let id = NodeId::new("pod.1").unwrap();
    let on = other.mesh.call(Call::new("test.echo", "[4]").on(&id)).await;
    assert_eq!(on.unwrap().unwrap().get(), "[4]");
    let late = Call::new("test.never", "[]").timeout(Duration::from_millis(100));
    let late = other.mesh.call(late).await.unwrap_err();
    assert!(matches!(late, CallError::Timeout { .. }) && late.code() == 504);
}

// contract: mesh/broker/no-responders, mesh/call/unknown-service
#[tokio::test]
async fn what_reaches_nobody_is_sent_again_and_nothing_else_is() {
    let nats = Nats::start().await;
    let node = Node::join(&nats, "a", vec![]).await;
    let asked = Instant::now();
    let missing = node.call("test.echo", json!([])).await.unwrap_err();
    assert!(
        matches!(missing, CallError::ServiceNotFound { .. }),
        "{missing}"
    );
    let took = asked.elapsed();
    assert!(
        (IN_VAIN..IN_VAIN + ONE_MORE).contains(&took),
        "100, 250, 500, 1000, 2000 ms: {took:?}"
    );
    let asked = Instant::now();
    assert!(node.call("ee-settings.x", json!([])).await.is_err());
    assert!(asked.elapsed() < IN_VAIN, "never waited for");

    let asked_before = requests_of(&node.mesh);
    let (found, ()) = tokio::join!(node.call("test.echo", json!([1])), async {
        eventually("it was sent in vain", || async {
            (requests_of(&node.mesh) > asked_before).then_some(())
        })
        .await;
        let late = Node::join(&nats, "late", vec![answering()]).await;
        std::mem::forget(late);
    });
    assert_eq!(found.unwrap(), Some(json!([1])));

    // An error, whatever its code, is an answer.
    let plain = nats.connect().await;
    let mut requests = listening(&plain, "rpc.counting.x").await;
    for args in ["[1]", "[2]"] {
        let (answer, ()) = tokio::join!(
            node.call("counting.x", serde_json::from_str(args).unwrap()),
            async {
                let request = requests.next().await.unwrap();
                assert_eq!(request.payload, args, "asked once: the next is another");
                let mut headers = HeaderMap::new();
                headers.insert("Nats-Service-Error-Code", "503");
                headers.insert("Nats-Service-Error", "not now");
                let reply = request.reply.unwrap();
                plain
                    .publish_with_headers(reply, headers, "".into())
                    .await
                    .unwrap();
            }
        );
        let Err(CallError::Remote(error)) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(error.message, "not now");
    }
}

// contract: mesh/broker/balanced
#[tokio::test]
async fn a_balanced_event_reaches_one_node_of_each_service() {
    let nats = Nats::start().await;
    let core = core(&nats, &[]).await;
    let listening = |name: &str| ServiceSpec::new(name).events(["accounts.login", "test.*"]);
    let one = Node::join(&nats, "one", vec![listening("a")]).await;
    let two = Node::join(&nats, "two", vec![listening("a")]).await;
    let other = Node::join(&nats, "other", vec![listening("b")]).await;
    let sender = Node::join(&nats, "sender", vec![]).await;
    for n in 0..20 {
        sender.mesh.emit("accounts.login", &json!([n]).to_string());
    }
    let event = json!({"event": "test.x", "args": [20]});
    core.ask("emit", event).await;
    let numbers = |heard: Vec<(String, Value)>| {
        let mut numbers: Vec<_> = heard
            .iter()
            .filter_map(|(_, args)| args[0].as_u64())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    let all: Vec<u64> = (0..21).collect();
    assert_eq!(numbers(other.hears(21).await), all);
    let shared = eventually("each once", || async {
        let heard = [one.heard(), two.heard()].concat();
        (heard.len() >= 21).then_some(heard)
    });
    assert_eq!(numbers(shared.await), all);
    for service in ["sau-monitor", "device-management"] {
        let wanted = json!({"name": "accounts.login", "groups": [service]});
        let heard = core
            .ask("await", json!({"match": wanted, "count": 20}))
            .await;
        assert_eq!(heard.as_array().map(Vec::len), Some(20), "{service}");
    }

    // Who sends is one of its service as well, where it is the only one; else another is.
    other.mesh.emit("test.x", "[21]");
    let heard = other.hears(22).await;
    assert_eq!(heard[21], ("test.x".to_owned(), json!([21])));
    eventually(
        "one of them has it, and they know of each other",
        || async {
            let all_heard = one.heard().len() + two.heard().len() == 22;
            (all_heard && one.mesh.nodes_of("a").len() == 2).then_some(())
        },
    )
    .await;
    let (at_one, at_two) = (one.heard().len(), two.heard().len());
    one.mesh.emit("test.x", "[22]");
    assert_eq!(numbers(other.hears(23).await)[22], 22);
    two.hears(at_two + 1).await;
    assert_eq!(one.heard().len(), at_one);
}

#[tokio::test]
async fn events_keep_the_order_of_nats() {
    let nats = Nats::start().await;
    let listens = ServiceSpec::new("streamer").events(["a", "b.c", "own"]);
    let node = Node::join(&nats, "node", vec![listens]).await;
    let plain = nats.connect().await;
    let names = ["a", "b.c", "unknown", "a", "b.c"];
    for n in 0..2000 {
        let subject = format!("event.{}", names[n % names.len()]);
        plain
            .publish(subject, json!([n]).to_string().into())
            .await
            .unwrap();
    }
    plain
        .publish("event.$node.disconnected", "[]".into())
        .await
        .unwrap();
    plain.publish("event.a", "{".into()).await.unwrap();
    plain.publish("event.a", "".into()).await.unwrap();
    plain.flush().await.unwrap();
    let heard = node.hears(1601).await;
    let expected: Vec<_> = (0..2000)
        .filter(|n| n % names.len() != 2)
        .map(|n| (names[n % names.len()].to_owned(), json!([n])))
        .chain([("a".to_owned(), json!([]))])
        .collect();
    assert!(heard == expected, "{:?}", heard.len());
    assert_eq!(node.mesh.stats().malformed, 1);

    // Own events come once, without NATS; to the others only, not at all.
    let mut sent = listening(&plain, "event.own").await;
    node.mesh.broadcast("own", "[1]");
    node.mesh.broadcast_to_others("own", "[2]");
    for n in [1, 2] {
        let message = tokio::time::timeout(DEADLINE, sent.next()).await;
        let message = message.expect("in time").unwrap();
        assert_eq!(message.payload, json!([n]).to_string());
    }
    plain.publish("event.own", "[3]".into()).await.unwrap();
    let heard = node.hears(1603).await;
    assert_eq!(
        heard[1601..],
        [
            ("own".to_owned(), json!([1])),
            ("own".to_owned(), json!([3]))
        ]
    );
}

// contract: mesh/broker/nodes, mesh/release/decided, mesh/release/offers
#[tokio::test]
async fn who_is_there_is_known_by_asking() {
    let nats = Nats::start().await;
    let soon = |config: &mut MeshConfig| config.node.heartbeat_interval = Duration::from_secs(2);
    let node = Node::join_with(&nats, "me", vec![ServiceSpec::new("streamer")], soon).await;
    assert_eq!(
        node.mesh.services(),
        [("streamer".to_owned(), vec![NodeId::new("me").unwrap()])]
    );
    assert_eq!(node.mesh.release(), Release::V8);
    assert_eq!(node.mesh.meteor_events("stream"), Listed::All);
    assert_eq!(node.mesh.meteor_events("otrMessage"), Listed::None);
    // A service that is not Rocket.Chat's answers too.
    let plain = nats.connect().await;
    let mut pings = listening(&plain, "$SRV.PING").await;

    let core = core(&nats, &["--node", "core.1"]).await;
    let known = || async { node.mesh.offers("authorization.canReadRoom").then_some(()) };
    eventually("the core is known", known).await;
    assert_eq!(
        node.mesh.nodes_of("meteor"),
        [NodeId::new("core_1").unwrap()]
    );
    assert!(node.mesh.has_service("accounts") && !node.mesh.has_service("status-visibility"));
    assert!(!node.mesh.offers("authorization.nothing"));
    let ping = pings.next().await.unwrap();
    let foreign = json!({"type": "io.nats.micro.v1.ping_response", "name": "foreign", "id": "F1", "version": "1.0.0", "metadata": {}});
    plain
        .publish(ping.reply.unwrap(), foreign.to_string().into())
        .await
        .unwrap();

    core.ask("services", json!({"add": ["status-visibility"], "actions": {"authorization": {"remove": ["canReadRoom"]}}}))
        .await;
    let changed = || async {
        let mesh = &node.mesh;
        (mesh.offers("status-visibility.getHiddenFrom")
            && !mesh.offers("authorization.canReadRoom"))
        .then_some(())
    };
    eventually("services come and go", changed).await;
    assert!(!node.mesh.has_service("foreign"));

    let second = Node::join(&nats, "second", vec![ServiceSpec::new("streamer")]).await;
    node.mesh.look_around().await;
    assert_eq!(node.mesh.nodes_of("streamer").len(), 2);
    second.mesh.leave().await;
    core.tell("crash").await;
    eventually(
        "a dead node is gone long before the heartbeat time-out",
        || async {
            node.mesh.look_around().await;
            (node.mesh.services().len() == 1 && node.mesh.nodes_of("streamer").len() == 1)
                .then_some(())
        },
    )
    .await;
    let told: Vec<_> = node.heard.lock().unwrap().clone();
    for event in ["$node.connected", "$node.disconnected"] {
        let told = told
            .iter()
            .any(|(name, args)| name == event && args[0]["node"]["id"] == "core_1");
        assert!(told, "{event}");
    }
    let gone = node.call("meteor.getURL", json!([])).await.unwrap_err();
    assert!(
        matches!(gone, CallError::ServiceNotAvailable { .. }),
        "{gone}"
    );
}

#[tokio::test]
async fn a_node_that_only_hangs_is_not_gone() {
    let nats = Nats::start().await;
    let core = core(&nats, &[]).await;
    let node = Node::join(&nats, "me", vec![]).await;
    eventually("the core is known", || async {
        node.mesh.has_service("meteor").then_some(())
    })
    .await;
    core.process.signal("STOP");
    node.mesh.look_around().await;
    assert!(node.mesh.has_service("meteor"));
    core.process.signal("CONT");
}

#[tokio::test]
async fn who_cannot_hear_anybody_buries_nobody() {
    let mut nats = Nats::start().await;
    let _core = core(&nats, &[]).await;
    let hasty = |config: &mut MeshConfig| {
        config.node.heartbeat_timeout = Duration::from_millis(1500);
        config.node.heartbeat_interval = Duration::from_secs(600);
    };
    let node = Node::join_with(&nats, "me", vec![], hasty).await;
    eventually("the core is known", || async {
        node.mesh.has_service("meteor").then_some(())
    })
    .await;
    nats.kill().await;
    let mut states = node.mesh.state();
    let away = |state: &MeshState| matches!(state, MeshState::Away { .. });
    states.wait_for(away).await.unwrap();
    eventually("the core was silent for too long", || async {
        let nodes = node.mesh.nodes();
        let silent = |node: &NodeSnapshot| node.silent_for > Duration::from_millis(1500);
        nodes.iter().any(silent).then_some(())
    })
    .await;
    node.mesh.look_around().await;
    assert!(node.mesh.has_service("meteor"));
}

// contract: mesh/call/too-large
#[tokio::test]
async fn what_is_too_large_for_nats_is_never_published() {
    let mut nats = Nats::start().await;
    nats.kill().await;
    let dir = crate::support::process::TempDir::new("nats-conf");
    let file = dir.path().join("nats.conf");
    std::fs::write(&file, "max_payload: 1024").unwrap();
    nats.restart_with(&["-c", file.to_str().unwrap()]).await;
    let answers = ServiceSpec::new("test")
        .event("e")
        .action("long", |_| async {
            Ok(Some(
                serde_json::value::RawValue::from_string(format!("\"{}\"", "x".repeat(2000)))
                    .unwrap(),
            ))
        });
    let node = Node::join(&nats, "a", vec![answers]).await;
    let other = Node::join(&nats, "b", vec![ServiceSpec::new("other").event("e")]).await;
    let large = other
        .call("test.long", json!(["x".repeat(1100)]))
        .await
        .unwrap_err();
    assert!(matches!(large, CallError::TooLarge { limit: 1024, .. }) && large.code() == 413);
    let Err(CallError::Remote(error)) = other.call("test.long", json!([])).await else {
        panic!("answered")
    };
    assert_eq!(error.message, "Response too large");
    node.mesh
        .broadcast_to_others("e", &json!(["x".repeat(1100)]).to_string());
    node.mesh.broadcast_to_others("e", "[1]");
    assert_eq!(other.hears(1).await, [("e".to_owned(), json!([1]))]);
    assert_eq!(node.mesh.stats().events_lost_out, 1);
    assert_eq!(
        *node.mesh.state().borrow(),
        MeshState::Joined,
        "the server did not throw it out"
    );
}
