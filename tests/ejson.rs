//! EJSON that no reader takes, judged as npm `ejson` judges it, and half surrogate pairs.

use std::fmt::Write as _;

use ddp_streamer::ejson::is_readable;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Workspace, root};

/// How many random documents are judged, the same every time.
const RANDOM: usize = 20_000;

/// Keys that mean something to a reader, as they are written; some mean something to its way of copying.
const KEYS: &[&str] = &[
    "$date",
    "$InfNaN",
    "$binary",
    "$escape",
    "$regexp",
    "$flags",
    "$type",
    "$value",
    r"\u0024date",
    r"$\u0062inary",
    "$x",
    "a",
    "b",
    "",
    "0",
    "1",
];
const COPIED: &[&str] = &[
    "callee",
    "length",
    "toString",
    "valueOf",
    "__proto__",
    "$Uint8ArrayPolyfill",
];
/// Values without others inside.
const LEAVES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2.5",
    "1e400",
    r#""""#,
    r#""a""#,
    r#""=""#,
    r#""ab=""#,
    r#""abcd=""#,
    r#""!!""#,
    r#""é==""#,
    r#""😀=""#,
    r#""😀ab=""#,
    r#""\u003d""#,
    r#""\ud83d""#,
    r#""(""#,
    r#""[a-""#,
    r#""a{2,1}""#,
    r#""\\b+""#,
    r#""\\u{61}+""#,
    r#""\\p{L}""#,
    r#""(?<n>a)|(?<n>b)""#,
    r#""(?i:a)""#,
    r#""(?<=a)\\1""#,
    r#""u""#,
    r#""giu""#,
    r#""xsgg""#,
    r#""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxu""#,
];

fn documents(keys: Vec<&'static str>) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let key = || prop::sample::select(keys.clone());
        let fields =
            prop::collection::vec((key(), inner.clone()), 0..4).prop_map(|fields| object(&fields));
        let pair = |first: &'static str, second: &'static str| {
            (inner.clone(), inner.clone(), any::<bool>()).prop_map(move |(one, other, turned)| {
                match turned {
                    true => object(&[(second, other), (first, one)]),
                    false => object(&[(first, one), (second, other)]),
                }
            })
        };
        let one = prop::sample::select(&KEYS[..4]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|all| format!("[{}]", all.join(" , "))),
            fields,
            pair("$regexp", "$flags"),
            pair("$type", "$value"),
            (one, inner.clone()).prop_map(|field| object(&[field])),
        ]
    })
}

fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| format!("\"{key}\": {value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

/// Random documents, each in a message's params.
fn random(keys: &[&'static str]) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let strategy = documents(keys.to_vec());
    let document = |_| {
        strategy
            .new_tree(&mut runner)
            .expect("a document")
            .current()
    };
    (0..RANDOM)
        .map(document)
        .map(|document| format!(r#"{{"msg":"method","params":[{document}]}}"#))
        .collect()
}

/// What npm `ejson` says of each.
async fn judged(documents: &[String]) -> Vec<bool> {
    let mut lines = String::new();
    for document in documents {
        writeln!(lines, "{}", Value::from(document.as_str())).expect("written");
    }
    let peers = root().join("tests/peers");
    let mut judge = Command::new("node")
        .arg(peers.join("ejson-judge.js"))
        .arg(&peers)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let mut stdin = judge.stdin.take().expect("stdin");
    let feed = async move {
        stdin
            .write_all(lines.as_bytes())
            .await
            .map(|()| drop(stdin))
    };
    let (fed, output) = tokio::join!(feed, judge.wait_with_output());
    fed.expect("the judge reads");
    let output = String::from_utf8(output.expect("the judge ends").stdout).expect("text");
    let verdicts: Vec<bool> = output.lines().map(|line| line == "true").collect();
    assert_eq!(verdicts.len(), documents.len());
    verdicts
}

// contract: ddp/message/ejson-unreadable
#[tokio::test]
async fn the_verdict_is_npm_ejsons() {
    let documents = random(KEYS);
    let verdicts = judged(&documents).await;
    let refused = verdicts.iter().filter(|takes| !**takes).count();
    assert!(
        refused > RANDOM / 20 && refused < RANDOM * 19 / 20,
        "{refused} refused"
    );
    for (document, takes) in documents.iter().zip(verdicts) {
        assert_eq!(is_readable(document), takes, "{document}");
    }
}

/// What a copy is made of differs from what came. Here one thing is ours: a length that could be a burden is refused
/// wherever it stands, and so is a prototype of bytes.
// contract: ddp/message/ejson-unreadable
#[tokio::test]
async fn nothing_passes_that_npm_ejson_refuses_whatever_it_copies() {
    let documents = random(&[KEYS, COPIED].concat());
    let mut stricter = 0;
    for (document, takes) in documents.iter().zip(judged(&documents).await) {
        match (is_readable(document), takes) {
            (true, false) => panic!("we take what npm ejson refuses: {document}"),
            (false, true) => {
                assert!(
                    document.contains("length") || document.contains("Polyfill"),
                    "{document}"
                );
                stricter += 1;
            }
            _ => {}
        }
    }
    assert!(stricter < RANDOM / 100, "{stricter}");
}

const BAD: &[&str] = &[
    r#"{"$type":"oid","$value":"507f1f77bcf86cd799439011"}"#,
    r#"{"$regexp":"(","$flags":""}"#,
    r#"{"$binary":12}"#,
    r#"{"$escape":null}"#,
];

// contract: ddp/message/ejson-unreadable, ddp/close/1007
#[tokio::test]
async fn what_no_reader_takes_ends_its_session_and_reaches_nobody() {
    let workspace = Workspace::start().await;
    let mut witness = workspace.login("alice").await;
    witness.listen("notify-room", "GENERAL/user-activity").await;
    for path in ["/websocket", "/sockjs/1/abcdefgh/websocket"] {
        for bad in BAD {
            for deep in [(*bad).to_owned(), format!(r#"{{"a":[[{{"b":{bad}}}]]}}"#)] {
                for message in [
                    format!(r#"{{"msg":"method","id":"1","method":"echo","params":[{deep}]}}"#),
                    format!(
                        r#"{{"msg":"method","id":"1","method":"stream-notify-room","params":["GENERAL/user-activity","bob",{deep},{{}}]}}"#
                    ),
                    format!(
                        r#"{{"msg":"sub","id":"1","name":"stream-notify-all","params":["x",{deep}]}}"#
                    ),
                    format!(r#"{{"msg":"ping","more":{deep}}}"#),
                ] {
                    let mut client = Client::connect_to(workspace.service.port, path).await;
                    client.text(&message).await;
                    let closed = client.closed().await;
                    assert_eq!(
                        (closed.code, &*closed.reason),
                        (Some(1007), "UNSUPPORTED_DATA"),
                        "{path} {message}"
                    );
                    assert_eq!(client.seen(), Vec::<Value>::new(), "{path} {message}");
                }
            }
        }
    }
    // Nothing of its frame is done: neither what stands before it, nor behind.
    let good = r#"{"msg":"method","id":"1","method":"echo","params":["good"]}"#;
    let bad = r#"{"msg":"method","id":"2","method":"echo","params":[{"$binary":12}]}"#;
    let mut client = workspace.sockjs().await;
    client
        .raw(Message::text(json!([good, bad]).to_string()))
        .await;
    assert_eq!(client.closed().await.code, Some(1007));
    assert_eq!(
        witness.call("echo", json!(["heard"])).await["result"],
        json!(["heard"])
    );
    let calls = workspace.core_heard("meteor.callMethodWithToken").await;
    let methods: Vec<_> = calls.iter().map(|call| &call["params"][3]).collect();
    assert_eq!(methods, [&json!(["heard"])]);
    assert_eq!(witness.so_far().await, Vec::<Value>::new());
    // What only looks odd passes.
    for good in [
        r#"{"$date":"x"}"#,
        r#"{"$binary":"!!"}"#,
        r#"{"$regexp":"a"}"#,
        r#"{"$escape":{"$binary":12}}"#,
    ] {
        witness
            .text(&format!(
                r#"{{"msg":"method","id":"odd","method":"peer.true","params":[{good}]}}"#
            ))
            .await;
        let result = witness.expect(json!({"msg": "result", "id": "odd"})).await;
        assert_eq!(result["result"], true, "{good}");
    }
}

// contract: ddp/message/lone-surrogates
#[tokio::test]
async fn half_a_surrogate_pair_passes_as_it_came() {
    let workspace = Workspace::start().await;
    for path in ["/websocket", "/sockjs/1/abcdefgh/websocket"] {
        let mut client = Client::connect_to(workspace.service.port, path).await;
        client.login("alice").await;
        // As an id, as a name, in what is passed on and comes back.
        client
            .text(r#"{"msg":"method","id":"i\ud83d","method":"echo","params":["cut \ud83d"]}"#)
            .await;
        assert_eq!(
            client.said().await.unwrap(),
            r#"{"msg":"result","id":"i\ud83d","result":["cut \ud83d"]}"#,
            "{path}"
        );
        assert_eq!(
            client.said().await.unwrap(),
            r#"{"msg":"updated","methods":["i\ud83d"]}"#,
            "{path}"
        );
        client
            .text(r#"{"msg":"sub","id":"s\udc00","name":"x\ud83d"}"#)
            .await;
        let reason = r"Subscription 'x\ud83d' not found";
        let nosub = format!(
            r#"{{"msg":"nosub","id":"s\udc00","error":{{"isClientSafe":true,"error":404,"reason":"{reason}","message":"{reason} [404]","errorType":"Meteor.Error"}}}}"#
        );
        assert_eq!(client.said().await.unwrap(), nosub, "{path}");
        client.text(r#"{"msg":"sub","id":"e\ud83d","name":"stream-notify-all","params":["a\ud83d",false]}"#).await;
        assert_eq!(
            client.said().await.unwrap(),
            r#"{"msg":"ready","subs":["e\ud83d"]}"#,
            "{path}"
        );
        client.text(r#"{"msg":"unsub","id":"e\ud83d"}"#).await;
        assert_eq!(
            client.said().await.unwrap(),
            r#"{"msg":"nosub","id":"e\ud83d"}"#,
            "{path}"
        );
        client.text(r#"{"msg":"method","id":"1","method":"setUserStatus","params":["busy","cut \ud83d"]}"#).await;
        client.expect(json!({"msg": "result", "id": "1"})).await;
    }
    // In the array of SockJS itself, where it is no escape of the message any more.
    let mut sockjs = workspace.sockjs().await;
    sockjs
        .raw(Message::text(r#"["{\"msg\":\"ping\",\"id\":\"\ud83d\"}"]"#))
        .await;
    assert_eq!(
        sockjs.said().await.unwrap(),
        r#"{"msg":"pong","id":"\ud83d"}"#
    );
}
