//! What the golden files do not show of a row.

use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

#[tokio::test]
async fn an_event_of_no_row_is_nothing() {
    let bench = Bench::new(Recorder::default());
    assert_eq!(
        bench.event("watch.instanceStatus", "[{}]").await,
        [] as [&str; 0]
    );
    assert_eq!(bench.event("", "[]").await, [] as [&str; 0]);
}

// contract: configuration/variable/DISABLE_MESSAGE_PARSER, events/ephemeral/md
#[tokio::test]
async fn without_the_message_parser_a_text_has_no_parsed_form() {
    let mut bench = Bench::new(Recorder::default());
    bench.events.parse_messages = false;
    assert_eq!(
        bench
            .event(
                "notify.ephemeralMessage",
                r#"["u","r",{"_id":"m","msg":"*b*"}]"#
            )
            .await,
        [
            r#"user u/message [{"groupable":false,"u":{"_id":"rocket.cat","username":"rocket.cat"},"private":true,"_id":"m","rid":"r","ts":{"$date":1700000000000},"_updatedAt":{"$date":1700000000000},"msg":"*b*"}]"#
        ]
    );
}

// contract: events/ephemeral/grammar
#[tokio::test]
async fn a_text_is_parsed_as_the_clients_of_the_release_draw_it() {
    for (release, md) in [
        (
            Release::V8,
            r#"[{"type":"PARAGRAPH","value":[{"type":"SPOILER","value":[{"type":"PLAIN_TEXT","value":"b"}]}]}]"#,
        ),
        (
            Release::V6,
            r#"[{"type":"PARAGRAPH","value":[{"type":"PLAIN_TEXT","value":"||b||"}]}]"#,
        ),
        (
            Release::Mixed,
            r#"[{"type":"PARAGRAPH","value":[{"type":"PLAIN_TEXT","value":"||b||"}]}]"#,
        ),
        (
            Release::Unknown,
            r#"[{"type":"PARAGRAPH","value":[{"type":"PLAIN_TEXT","value":"||b||"}]}]"#,
        ),
    ] {
        let bench = Bench::new(Recorder {
            release,
            ..Recorder::default()
        });
        let told = bench
            .event(
                "notify.ephemeralMessage",
                r#"["u","r",{"_id":"m","msg":"||b||"}]"#,
            )
            .await;
        assert!(
            told.concat().ends_with(&format!(r#""md":{md}}}]"#)),
            "{release:?}: {told:?}"
        );
    }
}

/// The parsed form is written as UTF-8; the text passes as it came.
// contract: ddp/message/lone-surrogates, events/ephemeral/md
#[tokio::test]
async fn half_a_surrogate_pair_in_a_text_is_parsed_as_what_utf_8_has_for_it() {
    let bench = Bench::new(Recorder::default());
    let told = bench
        .event(
            "notify.ephemeralMessage",
            "[\"u\",\"r\",{\"_id\":\"m\",\"msg\":\"cut \\ud83d \u{10f83d}\"}]",
        )
        .await;
    assert_eq!(
        told,
        [
            "user u/message [{\"groupable\":false,\"u\":{\"_id\":\"rocket.cat\",\"username\":\"rocket.cat\"},\"private\":true,\"_id\":\"m\",\"rid\":\"r\",\"ts\":{\"$date\":1700000000000},\"_updatedAt\":{\"$date\":1700000000000},\"msg\":\"cut \\ud83d \u{10f83d}\",\"md\":[{\"type\":\"PARAGRAPH\",\"value\":[{\"type\":\"PLAIN_TEXT\",\"value\":\"cut \u{fffd} \u{10f83d}\"}]}]}]"
        ]
    );
}

#[test]
fn messages_that_nobody_can_hear_are_passed_over_unread() {
    let bench = Bench::new(Recorder {
        quiet: &["q", "p"],
        ..Recorder::default()
    });
    let passed = |name, json: &str| {
        let json = ejson::Glance::at(json.as_bytes());
        json.is_some_and(|json| bench.events.passes_over(name, json))
    };
    for quiet in [
        r#"[{"message":{"_id":"1","rid":"q","msg":"\"rid\":\"r\""}}]"#,
        r#"[{"message":{"rid":"q","attachments":[{"rid":"p"}]}}]"#,
    ] {
        assert!(passed("watch.messages", quiet), "{quiet}");
        assert!(!passed("watch.rooms", quiet));
    }
    for other in [
        r#"[{"message":{"rid":"r"}}]"#,
        r#"[{"message":{"rid":"q","attachments":[{"rid":"r"}]}}]"#,
        r#"[{"message":{"rid": "q"}}]"#,
        r#"[{"message":{"rid":"q","\u0072id":"r"}}]"#,
        r#"[{"message":{"_id":"1"}}]"#,
    ] {
        assert!(!passed("watch.messages", other), "{other}");
    }
}

/// JSON with rooms in it, on any level and written in any way.
fn told_somehow() -> impl Strategy<Value = String> {
    let key = select(vec![
        "\"rid\"",
        "\"r\\u0069d\"",
        "\"x\"",
        "\"ridx\"",
        "\"message\"",
    ]);
    let colon = select(vec![":", ":", ":", " :", ": "]);
    let leaf = select(vec![
        "\"q\"",
        "\"p\"",
        "\"r\"",
        "\"\\u0071\"",
        "\"\"",
        "\"\u{10f83d}\"",
        "\"\\\"rid\\\":\\\"r\\\"\"",
        "\"rid\"",
        "null",
        "7",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let member = (key.clone(), colon.clone(), inner.clone());
        let member = member.prop_map(|(key, colon, value)| format!("{key}{colon}{value}"));
        prop_oneof![
            3 => vec(member, 0..3).prop_map(|all| format!("{{{}}}", all.join(","))),
            1 => vec(inner, 0..3).prop_map(|all| format!("[{}]", all.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_passed_over_is_nothing_that_is_heard(message in told_somehow()) {
        let bench = Bench::new(Recorder {
            quiet: &["q", "p"],
            ..Recorder::default()
        });
        let data = format!(r#"[{{"clientAction":"inserted","message":{message}}}]"#);
        let glance = ejson::Glance::at(data.as_bytes());
        let passed = glance.is_some_and(|glance| bench.events.passes_over("watch.messages", glance));
        let said = bench.event("watch.messages", &data).now_or_never().unwrap();
        let is_quiet = |line: &String| line.starts_with("message q ") || line.starts_with("message p ");
        prop_assert!(!passed || said.iter().all(is_quiet), "{data}: {said:?}");
    }
}
