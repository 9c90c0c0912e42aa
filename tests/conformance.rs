//! RFC 6455 case by case: `conformance/websocket.ndjson` has one for every case of Autobahn's TestSuite without compression,
//! in our words and with the answers that are documented here. README.md beside it says how to read them.

mod cases;
mod ear;
mod payload;
mod player;

use std::fmt::Write;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::cases::Case;
use self::payload::Path;
use self::player::{Cut, play};
use crate::bad_input::assert_quiet;
use crate::support::{Workspace, root};

/// The groups of cases and how many each has. 0 is our own, of 12 and 13 (compression) each group has one.
const GROUPS: &[(&str, usize)] = &[
    ("0", 4),
    ("1.1", 8),
    ("1.2", 8),
    ("2", 11),
    ("3", 7),
    ("4.1", 5),
    ("4.2", 5),
    ("5", 20),
    ("6.1", 3),
    ("6.2", 4),
    ("6.3", 2),
    ("6.4", 4),
    ("6.5", 5),
    ("6.6", 11),
    ("6.7", 4),
    ("6.8", 2),
    ("6.9", 4),
    ("6.10", 3),
    ("6.11", 5),
    ("6.12", 8),
    ("6.13", 5),
    ("6.14", 10),
    ("6.15", 1),
    ("6.16", 3),
    ("6.17", 5),
    ("6.18", 5),
    ("6.19", 5),
    ("6.20", 7),
    ("6.21", 8),
    ("6.22", 34),
    ("6.23", 7),
    ("7.1", 6),
    ("7.3", 6),
    ("7.5", 1),
    ("7.7", 13),
    ("7.9", 9),
    ("7.13", 2),
    ("9.1", 6),
    ("9.2", 6),
    ("9.3", 9),
    ("9.4", 9),
    ("9.5", 6),
    ("9.6", 6),
    ("9.7", 6),
    ("9.8", 6),
    ("10.1", 1),
    ("12", 5),
    ("13", 7),
];
/// Autobahn's cases without compression.
const AUTOBAHN: usize = 301;

/// So many bytes are written at once, over all cases that are played; one has at least the first of the two.
const AT_LEAST: usize = 512 * 1024;
const AT_ONCE: usize = 32 * 1024 * 1024;

/// Chooses masks and cuts: a failure names its seed.
const SEED: &str = "CONFORMANCE_SEED";

fn all() -> Vec<Case> {
    let file = root().join("tests/conformance/websocket.ndjson");
    let text = std::fs::read_to_string(file).expect("the cases");
    let lines = text.lines().enumerate();
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("line {}: {error}", at + 1))
        })
        .collect()
}

#[test]
fn every_case_is_there() {
    let autobahn = GROUPS
        .iter()
        .filter(|(group, _)| !matches!(*group, "0" | "12" | "13"));
    assert_eq!(autobahn.map(|(_, count)| count).sum::<usize>(), AUTOBAHN);
    let expected: Vec<String> = GROUPS
        .iter()
        .flat_map(|(group, count)| (1..=*count).map(move |n| format!("{group}.{n}")))
        .collect();
    let found: Vec<String> = all().into_iter().map(|case| case.case).collect();
    assert_eq!(found, expected);
}

// contract: ddp/websocket/conformance, ddp/websocket/compression
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_has_its_documented_answer() {
    let workspace = Workspace::with()
        .env("HEARTBEAT_INTERVAL", "60")
        .env("CONNECTION_TIMEOUT", "300")
        .start()
        .await;
    let mut witness = workspace.login("alice").await;
    witness.listen("room-messages", "GENERAL").await;

    let seed = std::env::var(SEED).map_or_else(
        |_| u64::from(rand::random::<u32>()),
        |seed| seed.parse().expect("a number"),
    );
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    let mut seeds = seed..;
    let port = workspace.service.port;
    for case in all().into_iter().map(Arc::new) {
        let own = case.chops.map(Cut::Own);
        for cut in [Cut::OneWrite, Cut::SingleBytes, Cut::Random]
            .into_iter()
            .chain(own)
        {
            for path in Path::BOTH {
                let size = u32::try_from(case.size().clamp(AT_LEAST, AT_ONCE)).expect("a size");
                let place = room.clone().acquire_many_owned(size).await.expect("open");
                let (case, seed) = (case.clone(), seeds.next().expect("a seed"));
                playing.spawn(async move {
                    let played = play(port, &case, path, cut, seed).await;
                    drop(place);
                    let about = &case.about;
                    let name = format!("{} {path:?} {cut:?} ({about})", case.case);
                    played.map_err(|wrong| format!("{name}: {wrong}"))
                });
            }
        }
    }
    let played = playing.len();
    let results = playing.join_all().await;
    let mut wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    wrong.sort();
    let mut table = String::new();
    for (group, count) in GROUPS {
        writeln!(table, "{group:>5} {count:>3}").expect("a line");
    }
    println!("{table}{played} played");
    assert!(
        wrong.is_empty(),
        "{} of {played} wrong, {SEED}={seed}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );

    workspace
        .broadcast(
            "watch.messages",
            json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "still here"}}]),
        )
        .await;
    let heard = witness.hears("room-messages", "GENERAL").await;
    assert_eq!(heard[0]["msg"], "still here");
    assert_eq!(witness.call("echo", json!([1])).await["result"], json!([1]));
    assert_quiet(&workspace).await;
}
