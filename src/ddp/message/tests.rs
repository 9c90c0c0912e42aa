//! What clients say, and what they are told.

use super::*;
use proptest::prelude::*;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn requests_are_read() {
    let ClientMessage::Request(Request::Method(call)) = ClientMessage::parse(
        r#"{"msg":"method","id":"1","method":"a\n","params":[ 1 ],"randomSeed":"x"}"#,
    )
    .unwrap() else {
        panic!("no method")
    };
    assert_eq!(
        (&*call.id, &*call.method, call.params.get()),
        ("1", "a\n", "[ 1 ]")
    );
    for absent in ["", r#","params":null"#] {
        let ClientMessage::Request(Request::Sub(sub)) = ClientMessage::parse(&format!(
            r#"{{"msg":"sub","id":"1","name":"stream-x"{absent}}}"#
        ))
        .unwrap() else {
            panic!("no sub")
        };
        assert_eq!(sub.params.get(), "[]");
    }
}

#[test]
fn what_is_no_object_closes_1007() {
    let deep = format!(
        r#"{{"msg":"method","id":"1","method":"a","params":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for bad in [
        "",
        "x",
        "1",
        "null",
        "\"a\"",
        "[]",
        "[{\"msg\":\"ping\"}]",
        "{",
        "{} {}",
        "{\"msg\":\"ping\"",
        &deep,
    ] {
        assert_eq!(
            ClientMessage::parse(bad).err(),
            Some(Close::UnsupportedData),
            "{bad:.40}"
        );
    }
}

#[test]
fn a_request_without_id_or_name_closes_1002() {
    for other in [
        "\"\"",
        "1",
        "null",
        "true",
        "[]",
        "[\"a\"]",
        "{}",
        "{\"$ne\":\"a\"}",
    ] {
        for (msg, name) in [("method", "method"), ("sub", "name")] {
            for bad in [
                format!(r#"{{"msg":"{msg}","{name}":"a","id":{other}}}"#),
                format!(r#"{{"msg":"{msg}","{name}":"a"}}"#),
                format!(r#"{{"msg":"{msg}","id":"1","{name}":{other}}}"#),
                format!(r#"{{"msg":"{msg}","id":"1"}}"#),
                format!(r#"{{"msg":"unsub","id":{other}}}"#),
            ] {
                assert_eq!(
                    ClientMessage::parse(&bad).err(),
                    Some(Close::ProtocolError),
                    "{bad}"
                );
            }
        }
    }
}

#[test]
fn refusals() {
    let refusal = |json: &str| {
        let Ok(ClientMessage::Request(request)) = ClientMessage::parse(json) else {
            panic!("no request")
        };
        let all = request.refusal(&DdpError::word("x"));
        all.into_iter().map(text).collect::<Vec<_>>()
    };
    let error = r#"{"isClientSafe":true,"error":"x","message":"[x]","errorType":"Meteor.Error"}"#;
    assert_eq!(
        refusal(r#"{"msg":"method","id":"1","method":"a"}"#),
        [
            format!(r#"{{"msg":"result","id":"1","error":{error}}}"#),
            r#"{"msg":"updated","methods":["1"]}"#.to_owned()
        ]
    );
    assert_eq!(
        refusal(r#"{"msg":"sub","id":"1","name":"a"}"#),
        [format!(r#"{{"msg":"nosub","id":"1","error":{error}}}"#)]
    );
}

#[test]
fn the_rest_of_the_table() {
    assert!(matches!(
        ClientMessage::parse("{}"),
        Ok(ClientMessage::Silence)
    ));
    assert!(matches!(
        ClientMessage::parse(r#"{"msg":"pong"}"#),
        Ok(ClientMessage::Pong)
    ));
    for unknown in [
        r#"{"msg":"hi"}"#,
        r#"{"msg":1}"#,
        r#"{"msg":null}"#,
        r#"{"msg":{"$ne":1}}"#,
    ] {
        assert!(
            matches!(ClientMessage::parse(unknown), Ok(ClientMessage::Unknown)),
            "{unknown}"
        );
    }
    for (version, expected) in [
        ("\"1\"", true),
        ("\"pre1\"", true),
        ("\"2\"", false),
        ("1", false),
        ("null", false),
    ] {
        let json = format!(r#"{{"msg":"connect","version":{version},"support":["1"]}}"#);
        assert!(
            matches!(ClientMessage::parse(&json), Ok(ClientMessage::Connect { known }) if known == expected),
            "{json}"
        );
    }
}

#[test]
fn the_servers_words() {
    let raw = |json: &str| ejson::raw(json.into()).unwrap();
    assert_eq!(text(connected("s")), r#"{"msg":"connected","session":"s"}"#);
    assert_eq!(text(pong(None)), r#"{"msg":"pong"}"#);
    assert_eq!(
        text(pong(Some(&raw("\"7\"")))),
        r#"{"msg":"pong","id":"7"}"#
    );
    assert_eq!(text(result("1", None)), r#"{"msg":"result","id":"1"}"#);
    for value in ["false", "0", "\"\"", "null"] {
        assert_eq!(
            text(result("1", Some(&raw(value)))),
            format!(r#"{{"msg":"result","id":"1","result":{value}}}"#)
        );
    }
    assert_eq!(text(updated("1")), r#"{"msg":"updated","methods":["1"]}"#);
    assert_eq!(text(ready("1")), r#"{"msg":"ready","subs":["1"]}"#);
    assert_eq!(text(nosub("1", None)), r#"{"msg":"nosub","id":"1"}"#);
    assert_eq!(
        text(error("Bad request", " {\"msg\":1} ")),
        r#"{"msg":"error","reason":"Bad request","offendingMessage":{"msg":1}}"#
    );
    assert_eq!(
        text(document(Change::Added, "users", "u", Some("{}"))),
        r#"{"msg":"added","collection":"users","id":"u","fields":{}}"#
    );
    assert_eq!(
        text(document(Change::Removed, "users", "u", None)),
        r#"{"msg":"removed","collection":"users","id":"u"}"#
    );
    assert_eq!(
        text(stream_event("notify-all", "a\"b", "[1]")),
        r#"{"msg":"changed","collection":"stream-notify-all","id":"id","fields":{"eventName":"a\"b","args":[1]}}"#
    );
}

// contract: ddp/message/ejson-unreadable
#[test]
fn a_value_that_no_reader_takes_closes_1007_wherever_it_stands() {
    for bad in [
        r#"{"msg":"method","id":"1","method":"a","params":[{"$binary":12}]}"#,
        r#"{"msg":"method","id":{"$escape":null},"method":"a"}"#,
        r#"{"msg":"ping","x":[[{"a":{"$type":"oid","$value":"1"}}]]}"#,
        r#"{"x":{"$regexp":"(","$flags":""}}"#,
    ] {
        assert_eq!(
            ClientMessage::parse(bad).err(),
            Some(Close::UnsupportedData),
            "{bad}"
        );
    }
}

// contract: ddp/message/lone-surrogates
#[test]
fn half_a_surrogate_pair_is_just_text() {
    let Ok(ClientMessage::Request(Request::Method(call))) = ClientMessage::parse(
        r#"{"msg":"method","\ud83d":1,"id":"\ud83d","method":"m\uDE00","params":["\uD83D"]}"#,
    ) else {
        panic!("no method")
    };
    assert_eq!(
        text(updated(&call.id)),
        r#"{"msg":"updated","methods":["\ud83d"]}"#
    );
    assert_eq!(ejson::quoted(&call.method), r#""m\ude00""#);
    assert_eq!(call.params.get(), r#"["\uD83D"]"#);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(json in ".*") {
        let _ = ClientMessage::parse(&json);
    }
}
