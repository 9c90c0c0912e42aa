use super::is_readable;
use proptest::prelude::*;

// contract: ddp/message/ejson-unreadable
#[test]
fn what_no_reader_takes() {
    for bad in [
        r#"{"$type":"oid","$value":"507f1f77bcf86cd799439011"}"#,
        r#"{"$value":1,"$type":null}"#,
        r#"{"$regexp":"(","$flags":""}"#,
        r#"{"$regexp":"a","$flags":1}"#,
        r#"{"$regexp":"a{","$flags":"u"}"#,
        r#"{"$regexp":"\\u{61}+","$flags":""}"#,
        r#"{"$regexp":"\\b+","$flags":""}"#,
        r#"{"$regexp":"(?<a>.)|(?<a>.)","$flags":""}"#,
        r#"{"$binary":12}"#,
        r#"{"$binary":"="}"#,
        r#"{"$binary":"abcd="}"#,
        r#"{"$binary":"😀ab="}"#,
        r#"{"$escape":null}"#,
        r#"{"$escape":{"a":{"$binary":12}}}"#,
        r#"{"$escape":[{"$binary":12}]}"#,
        r#"{"\u0024binary":null}"#,
        r#"{"$date":{"toString":1}}"#,
        r#"{"$InfNaN":[{"__proto__":null}]}"#,
        r#"{"$x":{"$binary":12}}"#,
        r#"{"$type":{"$binary":12}}"#,
        r#"{"a":1,"b":[0,[{"c":{"$binary":[]}}]]}"#,
        r#"{"$binary":"","$binary":1}"#,
        r#"{"$binary":1,"__proto__":2}"#,
        r#"{"callee":1,"length":1e10}"#,
        r#"{"$Uint8ArrayPolyfill":1,"length":-1}"#,
    ] {
        assert!(!is_readable(bad), "{bad}");
        let message = format!(r#"{{"msg":"method","params":[{{"a":{bad}}}]}}"#);
        assert!(!is_readable(&message), "{message}");
    }
}

// contract: ddp/message/ejson
#[test]
fn what_looks_odd_and_is_taken() {
    for good in [
        r#"{"$date":1}"#,
        r#"{"$date":{"$binary":12}}"#,
        r#"{"$date":"nonsense"}"#,
        r#"{"$binary":"!!"}"#,
        r#"{"$binary":"ab="}"#,
        r#"{"$binary":1,"$binary":""}"#,
        r#"{"$binary":12,"a":1}"#,
        r#"{"$InfNaN":{}}"#,
        r#"{"$regexp":"a"}"#,
        r#"{"$regexp":"(?<=a)\\1","$flags":"xsgg"}"#,
        r#"{"$regexp":[null,"a"],"$flags":""}"#,
        r#"{"$escape":{"$binary":12}}"#,
        r#"{"$escape":{"$escape":null}}"#,
        r#"{"$escape":"text"}"#,
        r#"{"$type":"oid"}"#,
        r#"{"$gt":1,"$lt":2}"#,
        r#"{"a":{"$binary":12},"a":1}"#,
        r#"{"__proto__":{"$binary":12}}"#,
        r#"{"callee":{"$binary":12},"x":1}"#,
        r#"{"price":"$5","name":"a\u0024b"}"#,
        "[]",
        "\"$date\"",
    ] {
        assert!(is_readable(good), "{good}");
    }
}

/// Reading a pattern costs far more than its bytes.
#[test]
fn patterns_are_bounded_all_together() {
    let of = |len: usize, count: usize| {
        let one = format!(r#"{{"$regexp":"{}","$flags":""}}"#, "a".repeat(len));
        format!("[{}]", vec![one; count].join(","))
    };
    assert!(is_readable(&of(1024, 1)) && is_readable(&of(512, 2)));
    assert!(!is_readable(&of(1025, 1)) && !is_readable(&of(512, 3)));
    let deep = |len: usize| {
        let (open, close) = ("(".repeat(len), ")".repeat(len));
        format!(r#"{{"$regexp":"{open}{close}","$flags":""}}"#)
    };
    assert!(is_readable(&deep(64)));
    assert!(!is_readable(&deep(65)));
}

proptest! {
    #[test]
    fn any_text_is_judged(json in r#"([{}\[\]",:\\$a-z0-9ä]|"\$[a-z]+"|\\u00){0,60}"#) {
        let _ = is_readable(&json);
    }
}
