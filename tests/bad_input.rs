//! What a hostile or broken client can send: the documented answer or close, and nobody else notices. What is a row of
//! `hostile/` stands there; here is what needs a database, time or a crowd.

use serde_json::{Value, json};

use crate::support::{Client, Workspace, eventually};

/// No line above debug for what clients did (what the database cannot do is said at start), and no panic.
pub async fn assert_quiet(workspace: &Workspace) {
    // The log is written by a thread of its own: what is said from now on comes after all of it.
    let last = json!({"ver": "4", "sender": "stranger", "id": "x", "event": "last.word", "data": [], "broadcast": true});
    let subject = format!("MOL.EVENT.{}", workspace.node_id());
    let nats = workspace.nats.connect().await;
    nats.publish(subject, last.to_string().into())
        .await
        .expect("published");
    eventually("the last word is in the log", || async {
        let mut lines = workspace.service.logged("debug").into_iter();
        lines.find(|line| line["event"] == "last.word").map(drop)
    })
    .await;
    let loud: Vec<Value> = workspace
        .service
        .log()
        .into_iter()
        .filter(|line| matches!(line["level"].as_str(), Some("warn" | "error" | "fatal")))
        .filter(|line| {
            !line["msg"].as_str().is_some_and(|msg| {
                msg.starts_with("MONGO_URL=memory:")
                    || msg == "the instances collection keeps its own expiry"
            })
        })
        .collect();
    assert_eq!(loud, Vec::<Value>::new());
    assert!(
        workspace.service.process.tail().is_empty(),
        "{}",
        workspace.service.process.tail()
    );
}

#[tokio::test]
async fn operators_and_other_types_where_text_is_expected() {
    let workspace = Workspace::with().database().start().await;
    let mut alice = workspace.login("alice").await;
    let odd = [
        json!(null),
        json!(1),
        json!(true),
        json!([]),
        json!(["GENERAL"]),
        json!({"$ne": ""}),
        json!({"$gt": ""}),
        json!(""),
    ];
    for value in &odd {
        for stream in [
            "room-messages",
            "notify-room",
            "notify-user",
            "room-data",
            "notify-logged",
            "roles",
        ] {
            let (_, answer) = alice
                .try_sub(&format!("stream-{stream}"), json!([value]))
                .await;
            assert_eq!(
                answer["error"]["error"], "invalid-event-name",
                "{stream} {value}: {answer}"
            );
        }
    }
    let (_, answer) = alice
        .try_sub("stream-room-messages", json!({"0": "GENERAL"}))
        .await;
    assert_eq!(answer["msg"], "nosub");
    for options in [
        json!(null),
        json!(false),
        json!(true),
        json!({}),
        json!({"useCollection": 1, "args": "x"}),
        json!([1]),
    ] {
        let (_, answer) = alice
            .try_sub("stream-room-messages", json!(["GENERAL", options]))
            .await;
        assert_eq!(answer["msg"], "ready", "{options}: {answer}");
    }
    let (_, answer) = alice.try_sub("stream-no-such", json!(["x"])).await;
    assert_eq!(answer["error"]["error"], 404, "{answer}");
    let (_, answer) = alice.try_sub("no-such", json!([])).await;
    assert_eq!(
        answer["error"]["reason"], "Subscription 'no-such' not found",
        "{answer}"
    );

    let mut stranger = workspace.client().await;
    for value in odd {
        let answer = stranger.call("login", json!([{"resume": value}])).await;
        assert!(answer.get("error").is_some(), "{value}: {answer}");
        let answer = stranger.call("login", json!([value])).await;
        assert!(answer.get("error").is_some(), "{value}: {answer}");
    }
    let answer = stranger
        .call(
            "login",
            json!([{"user": {"username": "alice"}, "password": "alice-password"}]),
        )
        .await;
    assert_eq!(
        answer["error"]["error"], 403,
        "password logins are off: {answer}"
    );
    assert_eq!(
        answer["error"]["reason"],
        "You've been logged out by the server. Please log in again"
    );
    let calls = workspace.core_heard("accounts.login").await;
    let asked: Vec<&Value> = calls
        .iter()
        .filter(|call| call["kind"] == "call")
        .map(|call| &call["params"])
        .collect();
    assert_eq!(
        asked,
        [
            &json!([{"resume": "alice-token"}]),
            &json!([{"resume": ""}])
        ],
        "nobody is asked about what is no token"
    );
    assert_quiet(&workspace).await;
}

// contract: ddp/message/bound
#[tokio::test]
async fn too_much_at_once_is_refused_in_order() {
    let workspace = Workspace::with()
        .env("DDP_MAX_SUBSCRIPTIONS", "3")
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    for n in 0..3 {
        alice.listen("notify-all", &format!("event-{n}")).await;
    }
    let (_, answer) = alice
        .try_sub("stream-notify-all", json!(["one-more", false]))
        .await;
    assert_eq!(answer["error"]["error"], 429, "{answer}");

    let stuck = alice.begin("peer.never", json!([])).await;
    let mut refused = 0;
    for _ in 0..2100 {
        alice.begin("echo", json!([])).await;
    }
    for message in alice.so_far().await {
        assert_ne!(message["id"], json!(stuck));
        if message["msg"] == "result" {
            assert_eq!(message["error"]["error"], 429, "{message}");
            refused += 1;
        }
    }
    assert_eq!(
        refused, 100,
        "2000 wait, and pings are answered behind them"
    );
    assert_quiet(&workspace).await;
}

/// 16 MiB for each who hears `GENERAL`, of whom one reads them all, in order.
async fn two_thousand_messages(workspace: &Workspace, reading: &mut Client) {
    let text = "x".repeat(8000);
    for batch in 0..40 {
        let message =
            json!([{"message": {"_id": "$n", "rid": "GENERAL", "msg": text, "batch": batch}}]);
        let event = json!({"event": "watch.messages", "args": message, "count": 50});
        workspace.core.ask("broadcast", event).await;
        for n in 0..50 {
            let args = reading.hears("room-messages", "GENERAL").await;
            let came = (&args[0]["_id"], &args[0]["batch"]);
            assert_eq!(came, (&json!(n), &json!(batch)), "all, and in order");
        }
    }
}

// contract: ddp/close/1013, configuration/variable/DDP_MAX_BUFFERED_BYTES
#[tokio::test]
async fn a_client_that_does_not_read_delays_nobody() {
    let workspace = Workspace::with()
        .env("DDP_MAX_BUFFERED_BYTES", "1048576")
        .start()
        .await;
    let mut reading = workspace.login("alice").await;
    let mut stalled = workspace.login("bob").await;
    for client in [&mut reading, &mut stalled] {
        client.listen("room-messages", "GENERAL").await;
    }
    // Far more than the bound and what the kernel keeps for the stalled one.
    two_thousand_messages(&workspace, &mut reading).await;
    let end = stalled.closed().await;
    // Cut, if the test took its time.
    assert!(end.code.is_none_or(|code| code == 1013), "{end:?}");
    assert_eq!(reading.call("echo", json!([1])).await["result"], json!([1]));
}

// contract: ddp/close/1013, configuration/variable/DDP_MAX_BUFFERED_TOTAL
#[tokio::test]
async fn clients_that_do_not_read_hold_so_much_together() {
    let workspace = Workspace::with()
        .env("DDP_MAX_BUFFERED_BYTES", "64MiB")
        .env("DDP_MAX_BUFFERED_TOTAL", "64MiB")
        .start()
        .await;
    let mut reading = workspace.login("alice").await;
    reading.listen("room-messages", "GENERAL").await;
    let mut stalled = Vec::new();
    for _ in 0..8 {
        let mut client = workspace.login("bob").await;
        client.listen("room-messages", "GENERAL").await;
        stalled.push(client);
    }
    // Twice as much as all may have, and what the kernel keeps.
    two_thousand_messages(&workspace, &mut reading).await;
    let mut closed = 0;
    for client in &mut stalled {
        let mut heard = 0;
        let end = loop {
            match client.said().await {
                Ok(said) => heard += usize::from(said.contains("stream-room-messages")),
                Err(end) => break Some(end),
            }
            if heard == 2000 {
                break None;
            }
        };
        if let Some(end) = end {
            // Cut, if the test took its time.
            assert!(end.code.is_none_or(|code| code == 1013), "{end:?}");
            closed += 1;
        }
    }
    assert!((1..8).contains(&closed), "{closed}");
    let warned = workspace.service.logged("warn");
    assert!(
        warned.iter().any(|line| line["msg"]
            .as_str()
            .unwrap()
            .contains("DDP_MAX_BUFFERED_TOTAL")),
        "{warned:?}"
    );
}
