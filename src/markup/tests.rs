use proptest::prelude::*;
use serde_json::Value;

use super::{Grammar, parse, parse_counted, parse_on};

const BOTH: [Grammar; 2] = [Grammar::V7, Grammar::V8];

/// What the judge made of the corpus: `{"text":…,"tree":…}` a line, written by `tests/peers/markup-judge.js --golden`.
const GOLDEN: &str = include_str!("../../tests/golden/markup.ndjson");

/// 2025-07-22, in days since 1970.
const TODAY: i64 = 20_291;

/// Pieces of markup that random messages are made of.
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
    "|",
    "[",
    "](",
    "](http://a.com)",
    ")",
    "(",
    "!",
    "![",
    "<",
    ">",
    "<t:",
    "<t:1700000000",
    ":R>",
    "@",
    "@bob",
    "#",
    "#gen",
    ":",
    ":smile:",
    ":)",
    ":*",
    "*)",
    "-_-",
    "😀",
    "👩\u{200d}",
    "\u{fe0f}",
    "☀",
    "🇧🇷",
    "+1234567",
    "+",
    "http://",
    "a.com",
    "x@y.com",
    "mailto:",
    "localhost",
    "/",
    "\\",
    "\\*",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "# ",
    "> ",
    "- ",
    "* ",
    "1. ",
    "- [x] ",
    "---",
    "| a |",
    "|---|",
    "a",
    "bc",
    "snake_case",
    "é",
    "\u{3000}",
    "1",
    "12:00",
    ".",
    ",",
];

// contract: events/ephemeral/md
#[test]
fn every_tree_of_the_corpus_is_that_of_the_judge() {
    let mut count = 0;
    let mut different = Vec::new();
    for line in GOLDEN.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = case["text"].as_str().unwrap();
        let tree: Value = serde_json::from_str(&parse_on(text, Grammar::V8, TODAY)).unwrap();
        count += 1;
        if tree != case["tree"] {
            different.push(format!(
                "{text:?}\n  judge {}\n  ours  {tree}",
                case["tree"]
            ));
        }
    }
    assert!(count >= 300, "{count} messages");
    assert!(
        different.is_empty(),
        "{} of {count} differ:\n{}",
        different.len(),
        different.join("\n")
    );
}

#[test]
fn every_kind_of_node_is_in_the_corpus() {
    let kinds = [
        "PARAGRAPH",
        "LINE_BREAK",
        "PLAIN_TEXT",
        "BOLD",
        "ITALIC",
        "STRIKE",
        "SPOILER",
        "SPOILER_BLOCK",
        "INLINE_CODE",
        "CODE",
        "CODE_LINE",
        "QUOTE",
        "HEADING",
        "UNORDERED_LIST",
        "ORDERED_LIST",
        "LIST_ITEM",
        "TASKS",
        "TASK",
        "LINK",
        "IMAGE",
        "MENTION_USER",
        "MENTION_CHANNEL",
        "EMOJI",
        "BIG_EMOJI",
        "TIMESTAMP",
        "HORIZONTAL_RULE",
        "TABLE",
        "TABLE_ROW",
        "TABLE_CELL",
    ];
    for kind in kinds {
        assert!(GOLDEN.contains(&format!("\"type\":\"{kind}\"")), "{kind}");
    }
}

#[test]
fn fields_are_written_in_the_order_of_the_original() {
    assert_eq!(
        parse("*a* @b", Grammar::V8),
        r#"[{"type":"PARAGRAPH","value":[{"type":"BOLD","value":[{"type":"PLAIN_TEXT","value":"a"}]},{"type":"PLAIN_TEXT","value":" "},{"type":"MENTION_USER","value":{"type":"PLAIN_TEXT","value":"b"}}]}]"#
    );
    assert_eq!(
        parse("2. a", Grammar::V8),
        r#"[{"type":"ORDERED_LIST","value":[{"type":"LIST_ITEM","value":[{"type":"PLAIN_TEXT","value":"a"}],"number":2}]}]"#
    );
}

#[test]
fn nothing_becomes_nothing() {
    assert_eq!(BOTH.map(|grammar| parse("", grammar)), ["[]", "[]"]);
}

#[test]
fn a_time_of_day_is_one_of_today() {
    let at = |text: &str| {
        serde_json::from_str::<Value>(&parse_on(text, Grammar::V8, TODAY)).unwrap()[0]["value"][0]["value"]["timestamp"].clone()
    };
    assert_eq!(at("<t:10:00:00+00:00:R>"), "1753178400");
    assert_eq!(at("<t:10:00+03:00>"), "1753167600");
    assert_eq!(at("<t:24:00+00:00>"), "1753228800");
    assert_eq!(at("<t:25:00+00:00>"), "0");
    assert_eq!(at("<t:10:00>"), "0");
}

/// Left open at every place: none may make the work grow faster than the text. Were it to grow with the square, 8 times the
/// length would be 64 times the work; how a text ends may double it.
#[test]
fn work_grows_with_the_length_and_no_faster() {
    let left_open = [
        "*_~",
        "*_~ ",
        "~_*a ",
        "*a _b ~c ",
        "[*_~",
        "||*_~[",
        "*a_ ",
        "||a *b _c ~d [e <f",
        ":)||",
        ":)||a ",
        "*) ",
        "```\na\n",
        "||\na\n\n",
        "| a |\n",
        "|a\n",
        "8-D",
        "(y)8-D",
        "a!",
        "a.",
        "a-",
        "a@",
        "x://",
        "<a",
        "<a|",
        "<a:",
        "[a](b",
        "[a](x:",
        "[](",
        "[a](x:(",
        "_a.b|",
        "\\<t:1",
        "![",
        "+1-",
        "+(1",
        ":a",
        "a_",
        "é_",
        "a[",
        "#[",
        "localhost!",
        "- ",
        "1. ",
        ">\n",
        "@@@",
        "# *a\n",
        "-_-",
        "* * ",
        "https://a.com/(",
    ];
    let mut faster = Vec::new();
    let patterns = PIECES.iter().chain(&left_open);
    for (pattern, grammar) in patterns.flat_map(|pattern| BOTH.map(|grammar| (pattern, grammar))) {
        let steps = |length: usize| {
            // Whole patterns: what ends in the middle of one may find an end that the longer text has not.
            let text = pattern.repeat(length / pattern.chars().count());
            parse_counted(&text, grammar, TODAY).1
        };
        let (short, long) = (steps(1_000), steps(8_000));
        if long > short * 16 || long > 8_000 * 800 {
            faster.push(format!(
                "{pattern:?} ({grammar:?}): {short} steps for 1,000 characters, {long} for 8,000"
            ));
        }
    }
    assert!(faster.is_empty(), "{}", faster.join("\n"));
}

/// A thread's smallest stack is enough, however deep the text would have it.
#[test]
fn nesting_is_bounded() {
    let parse_deep = || {
        for pattern in [
            "*_~", "[", "||", ":)||", ":)", "*:)", "_:*", "[*", "> ", "||*[_~", "(y)", "**__~~",
            "| ",
        ] {
            for grammar in BOTH {
                parse(&pattern.repeat(20_000 / pattern.len()), grammar);
            }
        }
    };
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(parse_deep)
        .unwrap()
        .join()
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_becomes_a_tree(text in "\\PC*") {
        for grammar in BOTH {
            prop_assert!(serde_json::from_str::<Vec<Value>>(&parse(&text, grammar)).is_ok());
        }
    }

    #[test]
    fn any_markup_becomes_a_tree(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        for grammar in BOTH {
            prop_assert!(serde_json::from_str::<Vec<Value>>(&parse(&pieces.concat(), grammar)).is_ok());
        }
    }
}
