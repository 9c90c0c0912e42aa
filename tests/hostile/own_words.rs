//! What a process of the service says of itself while it is played with: its status page, and its log.

use serde_json::Value;

use crate::support::{Workspace, http};

/// More lines of warning than a limited few are a way to fill a disk.
const MOST_WARNINGS: usize = 40;

/// The status page. (The metrics say the same, in far more bytes.)
pub async fn status(port: u16) -> Value {
    let page = http::get(port, "/status.json").await;
    let page = page.expect("the status page").body;
    serde_json::from_str(&page).expect("JSON")
}

/// Nothing panicked, and nothing above a warning was logged but for these messages.
pub fn assert_whole(workspace: &Workspace, played: &str, but_for: &[&str]) {
    let service = &workspace.service;
    let told = |line: &Value| {
        line["msg"]
            .as_str()
            .is_some_and(|msg| but_for.contains(&msg))
    };
    for level in ["error", "fatal"] {
        let mut lines = service.logged(level);
        lines.retain(|line| !told(line));
        assert_eq!(lines, Vec::<Value>::new(), "{played}");
    }
    let warnings = service.logged("warn").len();
    assert!(warnings <= MOST_WARNINGS, "{played}: {warnings}");
    let panicked = service.process.tail();
    assert!(panicked.is_empty(), "{played}: {panicked}");
}
