//! `ddp-streamer sandbox --relay`: the same page and people, with the sandbox as the single server behind.

use serde_json::json;
use tokio::process::Command;

use crate::support::process::{Process, collect};
use crate::support::sandbox::{Sandbox, word_after};
use crate::support::service::binary;
use crate::support::{eventually, http};

// contract: relay/servers
#[tokio::test(flavor = "multi_thread")]
async fn people_talk_through_the_edge() {
    let mut sandbox = Sandbox::start(&["--relay", "--port", "0", "--page-port", "0"]).await;
    let server = word_after(&sandbox.said, &sandbox.process, "Server").await;
    assert_ne!(server, sandbox.service);
    let page = http::get(sandbox.page_port(), "/").await.expect("a page");
    assert_eq!(page.status, 200);

    let mut command = Command::new(binary());
    command.args(["watch", &sandbox.service, "--token", "alice-token"]);
    command.args(["--sub", "room-messages:GENERAL"]);
    let (watch, _stdin, stdout) = Process::start("ddp-streamer watch", command);
    let heard = collect(stdout);
    // It says nothing until something comes: tried until the first is heard.
    eventually("what bob says is heard by alice", || async {
        let said = json!({ "rid": "GENERAL", "msg": "over the edge" });
        let (ok, result, error) = sandbox.call("bob", "sendMessage", said).await;
        assert!(ok && result.contains("over the edge"), "{error}");
        let lines = heard.lock().expect("lines").clone();
        let it = |line: &String| line.contains(" room-messages GENERAL [{");
        lines.iter().any(it).then_some(())
    })
    .await;
    drop(watch);
    let room = sandbox.call("bob", "getRoomIdByNameOrId", json!("secret"));
    let (ok, _, error) = room.await;
    assert!(!ok);
    assert_eq!(
        error.trim(),
        "getRoomIdByNameOrId: Not allowed [error-not-allowed]"
    );
    sandbox.process.signal("INT");
    assert!(sandbox.process.ended().await.success());
}
