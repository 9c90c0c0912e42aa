//! What a session costs at rest.

use super::support::*;
use crate::client::Client;
use crate::ddp::{Framing, SharedFrame};
use crate::session::Session;

#[tokio::test(start_paused = true)]
async fn a_sessions_task_is_small() {
    let task = size_of::<Session<crate::session::Wire>>();
    let timer = size_of::<tokio::time::Sleep>();
    println!(
        "session {task}, its timer {timer}, client {}",
        size_of::<Client>()
    );
    // By our count of what the runtime and the tracker put around it, some 104 bytes, this fits into the 384 that are
    // allocated at once; the next size for it is 512.
    assert!(task <= 272, "{task}");
    assert!(task + timer + size_of::<Client>() <= 1024);
}

#[tokio::test(start_paused = true)]
async fn a_session_at_rest_holds_nothing_of_what_went_through() {
    let rig = Rig::new();
    let mut peer = rig.client_with(Framing::SockJs, 4 << 20).await;
    let params = "x".repeat(500_000);
    peer.say(&format!(
        r#"{{"msg":"method","id":"1","method":"echo","params":["{params}"]}}"#
    ))
    .await;
    assert!(peer.message().await.len() > 500_000);
    peer.message().await;
    peer.settled().await;
    assert_eq!(peer.client.outbox().unsent(), 0);

    // An event of which the session has a share: once it was written, ours is the only one.
    let event = SharedFrame::new(br#"{"msg":"changed"}"#.to_vec());
    assert!(peer.client.send_shared(&event));
    assert!(!event.framed(Framing::SockJs).bytes().is_unique());
    assert_eq!(peer.message().await, r#"{"msg":"changed"}"#);
    peer.settled().await;
    let bytes = event.framed(Framing::SockJs).bytes().clone();
    drop(event);
    assert!(bytes.is_unique(), "the session holds the frame");
}
