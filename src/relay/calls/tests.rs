//! What is open, and what is refused.

use super::*;

fn calls(max_subscriptions: usize) -> Calls {
    Calls::new(Arc::new(Common {
        names: Names {
            method: |_| false,
            publication: |_| false,
        },
        server: ServerUrl {
            tls: false,
            host: "localhost".into(),
            port: 80,
            path: "/websocket".into(),
        },
        hasher: RandomState::new(),
        max_subscriptions,
    }))
}

fn request(id: &str) -> Request<'_> {
    Request {
        session: "session",
        id,
        name: "x",
        message: "{}",
    }
}

// contract: relay/limits/subscriptions, relay/limits/requests
#[test]
fn a_publication_that_is_asked_for_again_is_neither_open_twice_nor_forgotten() {
    let mut calls = calls(1);
    for _ in 0..2 * MAX_WAITING {
        calls.sub(request("a")).unwrap();
    }
    assert_eq!(calls.open.len(), 1);
    calls.ready("a");
    assert_eq!(calls.open.len(), 0);
    assert!(calls.unsub("a"));
    calls.sub(request("a")).unwrap();
    // The first one's end.
    calls.nosub("a", None);
    assert_eq!(calls.open.len(), 1);
    assert!(calls.sub(request("b")).is_err());
}

// contract: relay/limits/subscriptions
#[test]
fn publications_without_a_name_of_their_own_are_counted_and_not_open() {
    let mut calls = calls(2);
    for _ in 0..2 {
        calls.sub(request("")).unwrap();
        // It is the answer to nothing.
        calls.unsub("");
        calls.nosub("", None);
    }
    assert_eq!(calls.open.len(), 0);
    for id in ["", "a"] {
        assert!(calls.sub(request(id)).is_err());
    }
}

#[test]
fn what_is_open_is_known_until_it_is_answered() {
    let mut calls = calls(9);
    assert!(calls.is_idle());
    for id in ["1", "2", "3"] {
        calls.method(request(id)).unwrap();
    }
    calls.sub(request("2")).unwrap();
    calls.result("2", None);
    calls.result("2", None);
    calls.updated("2");
    assert!(!calls.is_idle());
    let refusals = calls.refuse(&DdpError::number(503, "Away"));
    let refusals: Vec<_> = refusals
        .into_iter()
        .map(|one| String::from_utf8(one).unwrap())
        .collect();
    assert_eq!(refusals.len(), 5);
    for (refusal, begin) in refusals.iter().zip([
        r#"{"msg":"result","id":"1","error":{"#,
        r#"{"msg":"updated","methods":["1"]}"#,
        r#"{"msg":"result","id":"3","error":{"#,
        r#"{"msg":"updated","methods":["3"]}"#,
        r#"{"msg":"nosub","id":"2","error":{"#,
    ]) {
        assert!(refusal.starts_with(begin), "{refusal}");
    }
    assert!(calls.is_idle());
}

// contract: relay/limits/drain
#[test]
fn a_method_is_answered_once_both_halves_have_come_in_either_order() {
    let error = DdpError::number(503, "Away");
    let refused = |calls: &mut Calls| {
        let refusals = calls.refuse(&error).into_iter();
        refusals
            .map(|one| String::from_utf8(one).unwrap())
            .collect::<Vec<_>>()
    };
    for result_first in [true, false] {
        let mut calls = calls(9);
        for id in ["1", "2"] {
            calls.method(request(id)).unwrap();
        }
        for id in ["1", "2"] {
            assert!(!calls.is_idle());
            for result in [result_first, !result_first] {
                match result {
                    true => calls.result(id, None),
                    false => calls.updated(id),
                }
            }
        }
        assert!(calls.is_idle() && calls.has_results());
        assert_eq!(refused(&mut calls), [""; 0]);
    }
    let mut calls = calls(9);
    for id in ["1", "2"] {
        calls.method(request(id)).unwrap();
    }
    calls.updated("1");
    calls.result("2", None);
    assert!(!calls.has_results());
    let refusals = refused(&mut calls);
    assert_eq!(refusals.len(), 2);
    assert_eq!(refusals[0], r#"{"msg":"updated","methods":["2"]}"#);
    assert!(refusals[1].starts_with(r#"{"msg":"result","id":"1","error":{"#));
    assert!(calls.is_idle());
}

#[test]
fn a_server_that_never_says_updated_is_bounded() {
    let mut calls = calls(9);
    for id in 0..2 * MAX_WAITING {
        calls.method(request(&id.to_string())).unwrap();
        calls.result(&id.to_string(), None);
    }
    assert_eq!(calls.half_answered.len(), MAX_WAITING);
    assert!(calls.has_results() && !calls.is_idle());
    calls.fail("lost");
    assert!(calls.is_idle());
    assert_eq!(calls.half_answered.capacity(), 0);
}

#[test]
fn what_waits_is_bounded() {
    let mut calls = calls(9);
    for id in 0..MAX_WAITING {
        calls.method(request(&id.to_string())).unwrap();
    }
    assert!(calls.method(request("more")).is_err());
    calls.result("7", None);
    calls.method(request("more")).unwrap();
    calls.fail("lost");
    assert_eq!(calls.open.capacity(), 0);
}

#[test]
fn the_code_of_a_servers_error() {
    for (error, code) in [
        (r#"{"isClientSafe":true,"error":403,"reason":"No"}"#, "403"),
        (r#"{"error" : "too-many-requests"}"#, "too-many-requests"),
        ("{}", ""),
        ("7", ""),
    ] {
        let outcome = Outcome::from(Some(error.as_bytes()));
        assert_eq!(outcome.code().as_deref(), Some(code), "{error}");
    }
    assert_eq!(Outcome::from(None).code(), None);
}
