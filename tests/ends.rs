//! What came before the end is done: requests in front of a close frame, a FIN, an RST.

use serde_json::{Value, json};

use crate::support::client::frame;
use crate::support::{Client, Workspace, eventually};

const RAW: &str = "/websocket";
const SOCKJS: &str = "/sockjs/1/abcdefgh/websocket";
const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1"]}"#;

/// How a client ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    CloseFrame,
    Fin,
    Reset,
}

const ENDS: [End; 3] = [End::CloseFrame, End::Fin, End::Reset];

/// Says all of it in one write, and ends.
async fn says_and_ends(mut client: Client, messages: &[Value], end: End) {
    let mut bytes: Vec<u8> = messages
        .iter()
        .flat_map(|message| client.framed(message))
        .collect();
    if end == End::CloseFrame {
        bytes.extend(frame(0x88, &1000_u16.to_be_bytes()));
    }
    client.bytes(&bytes).await;
    match end {
        // Its answer and the end of the stream are awaited by nobody.
        End::CloseFrame | End::Fin => client.shut().await,
        End::Reset => client.reset(),
    }
}

fn call(id: &str, method: &str, params: Value) -> Value {
    json!({"msg": "method", "id": id, "method": method, "params": params})
}

/// The numbers of the entries that a name has in the core's journal, of one session.
async fn told(workspace: &Workspace, name: &str, session: &str) -> Option<i64> {
    let found = workspace.core_heard(name).await;
    let of_session = |entry: &&Value| entry["params"].to_string().contains(session);
    found
        .iter()
        .rev()
        .find(of_session)
        .and_then(|entry| entry["n"].as_i64())
}

// contract: ddp/end/done, methods/logout
#[tokio::test]
async fn a_logout_in_front_of_the_end_is_never_lost() {
    let workspace = Workspace::start().await;
    // Each logs in with a token of its own: a logout takes it away.
    let mut tokens = 0..;
    for (path, rounds) in [(RAW, 20), (SOCKJS, 5)] {
        for end in ENDS {
            let before = workspace.core_heard("accounts.logout").await.len();
            for _ in 0..rounds {
                let mut client = Client::connect_to(workspace.service.port, path).await;
                let token = tokens.next().map(|token| format!("token-{token}"));
                let answer = client.call("login", json!([{"resume": token}])).await;
                assert!(answer.get("error").is_none(), "{answer}");
                says_and_ends(client, &[call("1", "logout", json!([]))], end).await;
            }
            // The call to the account service, and the event.
            eventually(&format!("{rounds} logouts, {path} {end:?}"), || async {
                let heard = workspace.core_heard("accounts.logout").await.len();
                (heard - before >= 2 * rounds).then_some(())
            })
            .await;
        }
    }
}

// contract: ddp/end/done, ddp/end/told
#[tokio::test]
async fn what_waits_behind_a_running_method_is_done_in_order_and_the_end_is_told_last() {
    let workspace = Workspace::start().await;
    let held =
        json!({"action": "meteor.callMethodWithToken", "params": ["*", "*", "echo"], "hold": true});
    workspace.core.ask("behave", held).await;
    for (round, end) in ENDS.into_iter().enumerate() {
        let mark = |at: u8| json!([format!("{end:?} {at}")]);
        let client = workspace.login("alice").await;
        let session = client.session.clone();
        let messages = [
            call("1", "echo", mark(1)),
            json!({"msg": "sub", "id": "s", "name": "stream-room-messages", "params": ["private-id", false]}),
            call("2", "whoami", mark(2)),
            call("3", "whoami", mark(3)),
        ];
        says_and_ends(client, &messages, end).await;
        let running = json!({"name": "meteor.callMethodWithToken", "params": ["alice-id", "*", "echo", mark(1)]});
        workspace.core.ask("await", json!({"match": running})).await;
        assert_eq!(
            told(&workspace, "socket.disconnected", &session).await,
            None,
            "{end:?}"
        );
        workspace.core.ask("release", json!({})).await;
        let gone = json!({"match": {"name": "presence.removeConnection"}, "count": round + 1});
        workspace.core.ask("await", gone).await;
        let calls = workspace.core_heard("meteor.callMethodWithToken").await;
        let of_round: Vec<_> = calls
            .iter()
            .filter(|call| {
                call["params"][3][0]
                    .as_str()
                    .is_some_and(|mark| mark.starts_with(&format!("{end:?}")))
            })
            .collect();
        let marks: Vec<_> = of_round.iter().map(|call| &call["params"][3]).collect();
        assert_eq!(marks, [&mark(1), &mark(2), &mark(3)], "{end:?}");
        let last = of_round[2]["n"].as_i64();
        assert!(
            told(&workspace, "socket.disconnected", &session).await > last,
            "{end:?}"
        );
        assert!(
            told(&workspace, "presence.removeConnection", &session).await > last,
            "{end:?}"
        );
    }
    assert_eq!(
        workspace.core_heard("authorization.canAccessRoom").await,
        Vec::<Value>::new(),
        "nobody is left to be published to"
    );
}

// contract: ddp/end/limit, ddp/end/sent-away
#[tokio::test]
async fn it_counts_against_the_limit_until_it_is_done_or_thrown_out() {
    let workspace = Workspace::with()
        .env("MAX_CONCURRENT_CONNECTIONS", "1")
        .start()
        .await;
    let port = workspace.service.port;
    let held =
        json!({"action": "meteor.callMethodWithToken", "params": ["*", "*", "echo"], "hold": true});
    workspace.core.ask("behave", held).await;
    for thrown_out in [false, true] {
        let client = workspace.login("alice").await;
        let messages = [
            call("1", "echo", json!([])),
            call("2", "whoami", json!([thrown_out])),
        ];
        says_and_ends(client, &messages, End::CloseFrame).await;
        workspace.core.ask("await", json!({"match": {"name": "meteor.callMethodWithToken", "params": ["*", "*", "echo"]}, "count": 1 + usize::from(thrown_out)})).await;
        assert!(
            Client::open_with(port, RAW, &[]).await.is_err(),
            "its place is taken"
        );
        if thrown_out {
            workspace
                .broadcast("user.forceLogout", json!(["alice-id"]))
                .await;
        } else {
            workspace.core.ask("release", json!({})).await;
        }
        workspace.service.ready().await;
    }
    // What waited was done the first time, and not the second.
    workspace.core.ask("release", json!({})).await;
    let last = workspace.login("bob").await;
    let done: Vec<_> = workspace
        .core_heard("meteor.callMethodWithToken")
        .await
        .into_iter()
        .filter(|call| call["params"][2] == "whoami")
        .map(|call| call["params"][3].clone())
        .collect();
    assert_eq!(done, [json!([false])]);
    drop(last);
}

// contract: ddp/end/drain
#[tokio::test]
async fn in_a_drain_nothing_more_is_done() {
    let mut workspace = Workspace::with().env("SHUTDOWN_GRACE", "8").start().await;
    let held =
        json!({"action": "meteor.callMethodWithToken", "params": ["*", "*", "echo"], "hold": true});
    workspace.core.ask("behave", held).await;
    let client = workspace.login("alice").await;
    let messages = [call("1", "echo", json!([])), call("2", "whoami", json!([]))];
    says_and_ends(client, &messages, End::Fin).await;
    workspace
        .core
        .ask(
            "await",
            json!({"match": {"name": "meteor.callMethodWithToken"}}),
        )
        .await;
    workspace.service.terminate();
    workspace
        .core_hears("presence.removeConnection", json!(["alice-id"]))
        .await;
    workspace.core.ask("release", json!({})).await;
    let status = workspace.service.process.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
    let calls = workspace.core_heard("meteor.callMethodWithToken").await;
    assert_eq!(calls.len(), 1, "{calls:?}");
}

// contract: ddp/end/pong
#[tokio::test]
async fn pings_in_front_of_a_close_frame_are_answered_before_it_is() {
    let workspace = Workspace::start().await;
    for path in [RAW, SOCKJS] {
        let mut client = Client::open(workspace.service.port, path).await;
        let mut bytes = client.framed(&serde_json::from_str(CONNECT).expect("JSON"));
        bytes.extend(client.framed(&json!({"msg": "ping", "id": "a"})));
        bytes.extend(frame(0x89, b"control"));
        bytes.extend(client.framed(&json!({"msg": "ping", "id": "b"})));
        bytes.extend(frame(0x88, &1001_u16.to_be_bytes()));
        client.bytes(&bytes).await;
        let end = client.closed().await;
        assert_eq!(end.code, Some(1001), "{path}");
        let said: Vec<_> = client
            .seen()
            .iter()
            .map(|message| message["msg"].clone())
            .collect();
        assert_eq!(said, ["connected", "pong", "pong"], "{path}");
    }
}

// contract: ddp/message/unsub-overtakes
#[tokio::test]
async fn an_unsub_waits_for_no_method() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    let active = alice.listen("room-messages", "GENERAL").await;
    let stuck = alice.begin("peer.never", json!([])).await;
    alice.send(json!({"msg": "unsub", "id": active})).await;
    alice.expect(json!({"msg": "nosub", "id": active})).await;
    let waiting = json!({"msg": "sub", "id": "w", "name": "stream-room-messages", "params": ["GENERAL", false]});
    alice.send(waiting).await;
    alice.send(json!({"msg": "unsub", "id": "w"})).await;
    let taken_out = alice.expect(json!({"msg": "nosub", "id": "w"})).await;
    assert_eq!(
        taken_out,
        json!({"msg": "nosub", "id": "w"}),
        "no error: {stuck} is away"
    );

    // One whose rule is being asked: the core's late answer grants nothing.
    let mut bob = workspace.login("bob").await;
    workspace
        .core
        .ask(
            "behave",
            json!({"action": "authorization.canAccessRoom", "hold": true, "times": 1}),
        )
        .await;
    let asked = json!({"msg": "sub", "id": "r", "name": "stream-room-messages", "params": ["private-id", false]});
    bob.send(asked).await;
    workspace
        .core_hears("authorization.canAccessRoom", json!(["*"]))
        .await;
    bob.send(json!({"msg": "unsub", "id": "r"})).await;
    bob.expect(json!({"msg": "nosub", "id": "r"})).await;
    workspace.core.ask("release", json!({})).await;
    assert_eq!(
        bob.call("whoami", json!([])).await["result"]["uid"],
        "bob-id"
    );
    let mut witness = workspace.login("alice").await;
    witness.listen("room-messages", "private-id").await;
    workspace
        .broadcast(
            "watch.messages",
            json!([{"message": {"_id": "m", "rid": "private-id", "msg": "x"}}]),
        )
        .await;
    witness.hears("room-messages", "private-id").await;
    assert_eq!(bob.so_far().await, Vec::<Value>::new());
}
