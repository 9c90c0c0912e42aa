//! What comes from the plain broker: on every subject that a node with `BROKER=nats` listens to, and as answers to what
//! it asks.
//!
//! A stranger on the same NATS sends them, one after the other. What else it publishes on the same subject tells that the
//! node is through with an input; then the witness hears its event, and what was counted as dropped is looked at.
//! The service itself offers no methods: those that are called are a node of the library, `pod_1`.

use std::collections::{BTreeSet, VecDeque};

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::language::{Input, inputs, same, written_out};
use super::own_words;
use super::speaker::{Said, Speaker};
use super::witness::Witness;
use crate::plain_broker::{Node, answering};
use crate::support::nats::{Nats, listening};
use crate::support::{Client, Collector, DEADLINE, Workspace, eventually, free_port};

/// `PLAIN_NODE`, as one token of a subject.
const NODE: &str = "streamer_1";
/// Whom a stranger's instance is told apart by.
const NODE_ID: &str = "rocketchat-node-id";
const METHODS: &str = "meteor.callMethodWithToken";
/// Where what was asked is answered, and where that of a mark is.
const TOLD: &str = "stranger.told";
const MARK: &str = "stranger.mark";
/// What the node asks of an instance that it has not met.
const MARK_ASKED: &str = "$SRV.INFO.mark.mark";
/// What the log says of a core that answers badly.
const FAULTS: [&str; 2] = [
    "the core failed in a call",
    "the core answered what cannot be read",
];

/// What came of an input: a subject and what was said there, or `client` and what the client got.
type Told = VecDeque<(String, Value)>;

struct Stranger {
    workspace: Workspace,
    collector: Collector,
    witness: Witness,
    /// Whose calls the stranger answers.
    bob: Client,
    speaker: Speaker,
    /// To what the stranger asked.
    told: Subscriber,
    /// Of the stranger's instances.
    asked: Subscriber,
    calls: Subscriber,
    _there: Subscriber,
    /// Where the node gets its answers, before a dot and what they are to.
    inbox: String,
    /// Which run of the service's one service it is.
    instance: String,
    callee: Node,
    status: u16,
    /// By the service and by the callee.
    dropped: [u64; 2],
    traces: BTreeSet<String>,
}

impl Stranger {
    async fn comes() -> Self {
        let (collector, nats, status) =
            (Collector::start().await, Nats::start().await, free_port());
        let callee = Node::join(&nats, "pod.1", vec![answering()]).await;
        let workspace = workspace(nats, &collector, status).await;
        let silent = json!({"action": METHODS, "params": ["*", "*", "hostile"], "never": true});
        workspace.core.ask("behave", silent).await;
        let nats = workspace.nats.connect().await;
        let mut stranger = Self {
            told: listening(&nats, "stranger.>").await,
            asked: listening(&nats, "$SRV.INFO.*.*").await,
            calls: listening(&nats, &format!("rpc.{METHODS}")).await,
            // Silent, but there: the server would say at once that nobody is.
            _there: listening(&nats, "$SRV.PING.*.*").await,
            speaker: Speaker::to(workspace.nats.port()).await,
            witness: Witness::of(&workspace).await,
            bob: workspace.login("bob").await,
            inbox: String::new(),
            instance: String::new(),
            workspace,
            collector,
            callee,
            status,
            dropped: [0, 0],
            traces: BTreeSet::new(),
        };
        stranger.looks_around().await;
        stranger
    }

    /// Learns where the node gets its answers, and which instance its service is.
    async fn looks_around(&mut self) {
        let name = "a look around";
        let id = self.bob.begin("hostile", json!([name])).await;
        let question = self.is_called(name).await;
        let (inbox, _) = question.rsplit_once('.').expect("a token for the call");
        self.inbox = inbox.to_owned();
        let nothing = Said::json(&json!({}));
        self.speaker.publish(&question, None, &nothing).await;
        self.bob.expect(json!({"msg": "result", "id": id})).await;
        self.bob.expect(json!({"msg": "updated"})).await;

        let nothing = Said::json(&json!(""));
        let subject = "$SRV.PING.streamer";
        self.speaker.publish(subject, Some(MARK), &nothing).await;
        let answer = timeout(DEADLINE, self.told.next()).await;
        let answer = answer.expect("an answer").expect("a connection");
        let answer: Value = serde_json::from_slice(&answer.payload).expect("JSON");
        self.instance = answer["id"].as_str().expect("an id").to_owned();
    }

    /// Where the answer to the call of an input is to go.
    async fn is_called(&mut self, name: &str) -> String {
        loop {
            let call = timeout(DEADLINE, self.calls.next()).await;
            let call = call.unwrap_or_else(|_| panic!("{name}: nobody is called"));
            let call = call.expect("a connection");
            let params: Value = serde_json::from_slice(&call.payload).expect("JSON");
            if params[2] == "hostile" {
                assert_eq!(params[3], json!([name]), "asked again after its answer");
                return call.reply.expect("an inbox").to_string();
            }
        }
    }

    async fn play(&mut self, input: &Input) {
        let name = &*input.name;
        let at = input.at.as_deref().expect("a subject");
        let at = at.replace("{instance}", &self.instance);
        let all = match &input.send {
            Value::Array(all) => all.iter().map(Said::of).collect(),
            one => vec![Said::of(one)],
        };
        let (end, expected) = input.expect.split_last().expect("what is expected");
        let least = expected.iter().filter(|one| subject_of(one).contains('.'));
        let least = least.count();
        let mut told = match at.split('.').next() {
            Some("event" | "emit") => self.says(&at, &all).await,
            Some("$SRV") => self.asks(&at, &all, name, least).await,
            Some("rpc" | "node") => self.calls_us(&at, &all, name, least).await,
            Some("inbox") => self.answers(&at, &all, name, least).await,
            Some("call") => self.answers_bob(&all, name).await,
            _ => panic!("{name}: {at}"),
        };
        for expected in expected {
            self.came(name, expected, &mut told).await;
        }
        assert!(told.is_empty(), "{name}: {told:?}");
        if at.starts_with("emit.") {
            self.witness
                .hears_balanced_after(&self.workspace, name)
                .await;
        } else {
            self.witness.hears_after(&self.workspace, name).await;
        }
        let callee = usize::from(at.starts_with("rpc.") || at.starts_with("node."));
        match end.as_str() {
            Some("malformed") => self.dropped[callee] += all.len() as u64,
            Some("nothing") => {}
            _ => panic!("{name}: {end}"),
        }
        let figures = own_words::status(self.status).await;
        let dropped = figures["mesh"]["malformedPackets"].as_u64();
        let dropped = [
            dropped.expect("a number"),
            self.callee.mesh.stats().malformed,
        ];
        assert_eq!(dropped, self.dropped, "{name}");
    }

    async fn publish(&mut self, at: &str, said: &Said, usual: Option<&str>) {
        let reply = match &said.reply {
            Some(reply) => reply.as_deref(),
            None => usual,
        };
        let reply = reply.map(|reply| reply.replace("{inbox}", &self.inbox));
        self.speaker.publish(at, reply.as_deref(), said).await;
    }

    /// An event. Nobody is told of it, and the witness's comes after it.
    async fn says(&mut self, at: &str, all: &[Said]) -> Told {
        for said in all {
            self.publish(at, said, None).await;
        }
        Told::new()
    }

    /// A question of NATS's service protocol.
    async fn asks(&mut self, at: &str, all: &[Said], name: &str, least: usize) -> Told {
        for said in all {
            self.publish(at, said, Some(TOLD)).await;
        }
        self.publish(at, &Said::json(&json!("")), Some(MARK)).await;
        // The core and the callee are asked by some of them as well.
        let ours = |message: &Message| body(message)["metadata"][NODE_ID] == NODE;
        until(&mut self.told, MARK, least, name, ours).await
    }

    /// A call of the callee's methods.
    async fn calls_us(&mut self, at: &str, all: &[Said], name: &str, least: usize) -> Told {
        for said in all {
            self.publish(at, said, Some(TOLD)).await;
        }
        let mark = Said::json(&json!(["the mark"]));
        self.publish("rpc.test.echo", &mark, Some(MARK)).await;
        until(&mut self.told, MARK, least, name, |_| true).await
    }

    /// An answer to what the node asks others, or to nothing.
    async fn answers(&mut self, at: &str, all: &[Said], name: &str, least: usize) -> Told {
        let at = at.replacen("inbox", &self.inbox, 1);
        for said in all {
            self.publish(&at, said, None).await;
        }
        let mark = json!({"name": "mark", "id": "mark", "metadata": {NODE_ID: "stranger"}});
        let to_all = format!("{}.all", self.inbox);
        self.publish(&to_all, &Said::json(&mark), None).await;
        let inbox = self.inbox.clone();
        let ours = move |message: &Message| {
            let reply = message.reply.as_ref().map(|reply| reply.as_str());
            reply.is_some_and(|reply| reply.starts_with(&inbox))
        };
        until(&mut self.asked, MARK_ASKED, least, name, ours).await
    }

    /// An answer to a call of a client's; what the client gets of it.
    async fn answers_bob(&mut self, all: &[Said], name: &str) -> Told {
        let id = self.bob.begin("hostile", json!([name])).await;
        let mut question = self.is_called(name).await;
        for said in all {
            self.speaker.publish(&question, None, said).await;
            if said.is_no_responders() {
                question = self.is_called(name).await;
            }
        }
        let mut result = self.bob.expect(json!({"msg": "result", "id": id})).await;
        self.bob
            .expect(json!({"msg": "updated", "methods": [id]}))
            .await;
        let fields = result.as_object_mut().expect("a message");
        fields.retain(|name, _| name != "msg" && name != "id");
        [("client".to_owned(), result)].into()
    }

    /// One of what is expected.
    async fn came(&mut self, name: &str, expected: &Value, told: &mut Told) {
        let on = subject_of(expected);
        let expected = &expected[on];
        match on {
            "heard" => self.witness.hears(name, expected).await,
            "services" => {
                let figures = own_words::status(self.status).await;
                for (service, nodes) in expected.as_object().expect("services") {
                    assert_eq!(&figures["services"][service], nodes, "{name}: {service}");
                }
            }
            "span" => self.is_traced(name, expected).await,
            on => {
                let (subject, came) = told.pop_front().expect("it was waited for");
                assert_eq!(subject, on, "{name}: {came}");
                assert!(
                    same(&written_out(expected), &came),
                    "{name}: {came}, not {expected}"
                );
            }
        }
    }

    /// `[trace, parent, state]` of a span that the collector gets.
    async fn is_traced(&mut self, name: &str, expected: &Value) {
        let trace = expected[0].as_str().expect("a trace");
        let span = self.collector.span(name, |span| span.trace == trace).await;
        let came = json!([span.trace, span.parent, span.state]);
        assert_eq!(&came, expected, "{name}");
        self.traces.insert(trace.to_owned());
    }

    async fn leaves(mut self) {
        own_words::assert_whole(&self.workspace, "the plain broker", &FAULTS);
        assert_eq!(self.bob.so_far().await, Vec::<Value>::new());
        self.witness.heard_no_more().await;
        let traces = self.collector.spans().into_iter().map(|span| span.trace);
        assert_eq!(traces.collect::<BTreeSet<_>>(), self.traces);
    }
}

/// One that knows the callee.
async fn workspace(nats: Nats, collector: &Collector, status: u16) -> Workspace {
    let builder = Workspace::with()
        .plain()
        .nats(nats)
        .env("ADMIN_PORT", &status.to_string())
        // Only what a sender's context asks for is a span.
        .env("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        // Nobody is missed, and nobody asked but by what is played.
        .env("HEARTBEAT_INTERVAL", "1800")
        .env("HEARTBEAT_TIMEOUT", "3600");
    let env = collector.env().into_iter();
    let builder = env.fold(builder, |builder, (name, value)| builder.env(name, &value));
    let workspace = builder.start().await;
    eventually("the callee is known", || async {
        let figures = own_words::status(status).await;
        (figures["services"]["test"] == json!(["pod_1"])).then_some(())
    })
    .await;
    workspace
}

/// The one key of an expectation.
fn subject_of(expected: &Value) -> &str {
    let keys = expected.as_object().and_then(|one| one.keys().next());
    keys.unwrap_or_else(|| panic!("a subject and what is said there: {expected}"))
}

/// The value of a payload, or its text where it is none; with its headers, where it has some.
fn body(message: &Message) -> Value {
    let text = || Value::from(String::from_utf8_lossy(&message.payload));
    let body = serde_json::from_slice(&message.payload).unwrap_or_else(|_| text());
    let Some(headers) = &message.headers else {
        return body;
    };
    let first = |(name, values): (&async_nats::HeaderName, &Vec<async_nats::HeaderValue>)| {
        (name.to_string(), json!(values[0].as_str()))
    };
    let head: serde_json::Map<_, _> = headers.iter().map(first).collect();
    json!({"head": head, "body": body})
}

/// What is said by those who are meant until the mark; `least` of it are waited for.
async fn until(
    from: &mut Subscriber,
    mark: &str,
    least: usize,
    name: &str,
    ours: impl Fn(&Message) -> bool,
) -> Told {
    let (mut told, mut marked) = (Told::new(), false);
    while !marked || told.len() < least {
        let next = timeout(DEADLINE, from.next()).await;
        let next = next.unwrap_or_else(|_| panic!("{name}: told only {told:?}, {marked}"));
        let next = next.expect("a connection");
        if !ours(&next) {
            continue;
        }
        match next.subject.as_str() {
            on if on == mark => marked = true,
            on => told.push_back((on.to_owned(), body(&next))),
        }
    }
    told
}

// contract: mesh/broker/subjects, mesh/broker/balanced, mesh/broker/results, mesh/broker/errors
// contract: mesh/broker/no-responders, mesh/broker/registration, mesh/broker/nodes, telemetry/traces/plain
#[tokio::test]
async fn whatever_comes_from_the_plain_broker() {
    let mut stranger = Stranger::comes().await;
    for input in inputs("mesh-plain") {
        stranger.play(&input).await;
    }
    stranger.leaves().await;
}
