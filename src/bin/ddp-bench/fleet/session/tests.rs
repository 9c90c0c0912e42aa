//! A session without its socket: what it says to what it hears.

use std::net::SocketAddr;

use super::*;
use crate::wire::script::{Framing, Profile};
use crate::wire::websocket::{TEXT, server};

fn settings(dialect: Dialect) -> Settings {
    Settings {
        servers: vec![SocketAddr::from(([127, 0, 0, 1], 3000))],
        dialect,
        mixed: false,
        tls: None,
        profile: Profile::Rooms,
        login: true,
        rooms: 1,
        rooms_each: 1,
        users_changing: 0,
        stalling: 0,
        sessions: 1,
        link: None,
        ramp: 1,
        ramp_rate: None,
        tries: 1,
    }
}

struct Stand {
    settings: Settings,
    since: Nanos,
    tally: Tally,
    markers: Markers,
    session: Session,
    delivered: u64,
    calling: bool,
}

impl Stand {
    fn new(framing: Framing) -> Self {
        Self::of(Dialect::Ddp(framing))
    }

    fn of(dialect: Dialect) -> Self {
        let settings = settings(dialect);
        let mut session = Session::new(0, &settings);
        session.opened(&settings);
        Self {
            session,
            tally: Tally::new(),
            markers: Markers::new(),
            settings,
            since: Nanos(0),
            delivered: 0,
            calling: false,
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> (usize, Heard) {
        let mut ear = Ear {
            settings: &self.settings,
            tally: &mut self.tally,
            markers: &self.markers,
            run: 1,
            since: self.since,
            delivered: 0,
            calling: self.calling,
            visited: 0,
            now: Nanos(1_000_000),
        };
        let heard = self.session.hear(bytes, &mut ear);
        self.delivered += ear.delivered;
        heard
    }

    fn says(&mut self, text: &str) -> Heard {
        let mut bytes = Vec::new();
        server(&mut bytes, TEXT, text.as_bytes());
        let (taken, heard) = self.hear(&bytes);
        assert_eq!(taken, bytes.len());
        heard
    }

    fn ready(mut self) -> Self {
        self.hear(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        self.says("o");
        self.says(r#"a["{\"server_id\":\"0\"}"]"#);
        self.says(r#"a["{\"msg\":\"connected\",\"session\":\"x\"}"]"#);
        assert_eq!(self.session.stage, Stage::LoggingIn);
        self.says(r#"a["{\"msg\":\"result\",\"id\":\"login\",\"result\":{\"id\":\"u\"}}","{\"msg\":\"updated\",\"methods\":[\"login\"]}"]"#);
        assert_eq!(self.session.stage, Stage::Subscribing(1));
        assert_eq!(
            self.says(r#"a["{\"msg\":\"ready\",\"subs\":[\"%sbench00000abcd\"]}"]"#),
            Heard::Ready
        );
        self.session.outbox.clear();
        self
    }

    fn event(&mut self, run: u16, key: u32, sequence: u32) {
        let mark = mark(run, key, sequence);
        self.says(&format!(r#"a["{{\"msg\":\"changed\" … {mark} … }}"]"#));
    }

    /// The one message that it has said meanwhile.
    fn said(&mut self) -> String {
        let outbox = std::mem::take(&mut self.session.outbox);
        let (_, payload, taken) = websocket::scan_client(&outbox).unwrap();
        assert_eq!(taken, outbox.len());
        String::from_utf8(payload).unwrap()
    }
}

fn mark(run: u16, key: u32, sequence: u32) -> String {
    let mut mark = vec![0; crate::wire::marker::LENGTH];
    let at = Nanos(0);
    Marker {
        run,
        key,
        sequence,
        at,
    }
    .write(&mut mark);
    String::from_utf8(mark).unwrap()
}

#[test]
fn the_set_up_goes_step_by_step_and_is_timed() {
    let stand = Stand::new(Framing::SockJs).ready();
    assert_eq!((stand.tally.setup.count(), stand.tally.nosub), (1, 0));
}

#[test]
fn a_client_of_centrifugo_connects_subscribes_and_hears_line_by_line() {
    let mut stand = Stand::of(Dialect::Centrifugo);
    let asked = String::from_utf8(std::mem::take(&mut stand.session.outbox)).unwrap();
    assert!(asked.starts_with("GET /connection/websocket HTTP/1.1\r\n"));
    stand.hear(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    assert_eq!(stand.said(), r#"{"id":1,"connect":{}}"#);
    stand.says(r#"{"id":1,"connect":{"client":"c","ping":25,"pong":true}}"#);
    assert_eq!(
        stand.said(),
        r#"{"id":2,"subscribe":{"channel":"benchroom00000000"}}"#
    );
    let push = |sequence| {
        let mark = mark(1, 0, sequence);
        format!(r#"{{"push":{{"channel":"benchroom00000000","pub":{{"data":"{mark}"}}}}}}"#)
    };
    let lines = [r#"{"id":2,"subscribe":{}}"#, &push(0), "{}", &push(1)].join("\n");
    assert_eq!(stand.says(&lines), Heard::Ready);
    assert_eq!(stand.said(), "{}", "the ping between two events");
    assert_eq!((stand.delivered, stand.tally.nosub), (2, 0));
    assert_eq!(stand.session.lost(&[3]), [(0, 2)]);
}

#[test]
fn centrifugo_may_refuse() {
    let mut stand = Stand::of(Dialect::Centrifugo);
    stand.hear(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    let refusal = r#"{"id":1,"error":{"code":101,"message":"unauthorized"}}"#;
    assert_eq!(stand.says(refusal), Heard::Refused(403));
    stand.says(r#"{"id":1,"connect":{}}"#);
    let refusal = r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#;
    assert_eq!(stand.says(refusal), Heard::Ready);
    assert_eq!(stand.tally.nosub, 1);
}

#[test]
fn marks_are_counted_once_and_only_those_of_the_run() {
    let mut stand = Stand::new(Framing::SockJs).ready();
    stand.event(1, 0, 0);
    stand.event(9, 0, 1);
    stand.event(1, 0, 0);
    stand.event(1, 5, 0);
    stand.event(1, 0, 2);
    assert_eq!((stand.delivered, stand.tally.deliveries), (2, 2));
    let faults = &stand.tally.faults;
    assert_eq!((faults.repeated, faults.foreign, faults.total()), (1, 1, 2));
    assert_eq!(stand.session.lost(&[4]), [(0, 1), (0, 3)]);
}

#[test]
fn what_was_due_before_the_lap_is_told_apart() {
    let mut stand = Stand::new(Framing::SockJs).ready();
    stand.event(1, 0, 0);
    stand.since = Nanos(1);
    stand.event(1, 0, 1);
    let tally = &stand.tally;
    assert_eq!(tally.deliveries, 2);
    assert_eq!((tally.latency.count(), tally.overdue.count()), (1, 1));
}

#[test]
fn a_refused_upgrade_tells_its_status_and_a_close_its_code() {
    let mut stand = Stand::new(Framing::Raw);
    assert_eq!(
        stand.hear(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").1,
        Heard::Refused(503)
    );
    let mut stand = Stand::new(Framing::Raw).ready();
    let mut close = Vec::new();
    server(&mut close, websocket::CLOSE, &[0x03, 0xF5, b'T']);
    assert_eq!(stand.hear(&close).1, Heard::Closed(1013));
    assert_eq!(stand.hear(&[0x81, 0x80]).1, Heard::Closed(1002), "masked");
}

#[test]
fn pings_are_answered_in_their_framing() {
    for (framing, ping, pong) in [
        (
            Framing::SockJs,
            r#"a["{\"msg\":\"ping\"}"]"#,
            r#"["{\"msg\":\"pong\"}"]"#,
        ),
        (
            Framing::Raw,
            r#"{"msg":"ping","id":"7"}"#,
            r#"{"msg":"pong"}"#,
        ),
    ] {
        let mut stand = Stand::new(framing).ready();
        stand.says(ping);
        let (_, payload, _) = websocket::scan_client(&stand.session.outbox).unwrap();
        assert_eq!(payload, pong.as_bytes());
    }
}

#[test]
fn a_session_id_is_no_ping_whatever_it_contains() {
    for (framing, connected) in [
        (
            Framing::SockJs,
            r#"a["{\"msg\":\"connected\",\"session\":\"pingWxpingz23ping\"}"]"#,
        ),
        (
            Framing::Raw,
            r#"{"msg":"connected","session":"pingWxpingz23ping"}"#,
        ),
    ] {
        let mut stand = Stand::new(framing);
        stand.hear(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        stand.says(connected);
        assert_eq!(stand.session.stage, Stage::LoggingIn, "{framing:?}");
    }
}

#[test]
fn a_call_is_answered_by_its_result_not_by_updated() {
    let mut stand = Stand::new(Framing::Raw).ready();
    stand.calling = true;
    stand.session.call(Nanos(0));
    stand.says(r#"{"msg":"result","id":"%m00000000","result":1}"#);
    stand.says(r#"{"msg":"updated","methods":["%m00000000"]}"#);
    assert_eq!(stand.tally.calls.count(), 1);
    stand.calling = false;
    stand.says(r#"{"msg":"result","id":"%m00000001","error":{"isClientSafe":true}}"#);
    assert_eq!((stand.tally.calls.count(), stand.tally.call_errors), (2, 1));
    assert!(stand.session.calls.is_empty());
}

#[test]
fn a_session_that_comes_back_owes_nothing_of_before() {
    let mut stand = Stand::new(Framing::Raw).ready();
    stand.session.call(Nanos(0));
    stand.session.was_stalled = true;
    assert_eq!(stand.session.unanswered(), 1);
    stand.session.opened(&stand.settings);
    assert_eq!(stand.session.unanswered(), 0);
    assert!(!stand.session.was_stalled);
}

#[test]
fn a_revoked_user_must_be_refused_and_nobody_else() {
    let mut stand = Stand::new(Framing::Raw).ready();
    let answers = [
        r#"{"msg":"ready","subs":["%svisit00000abcd"]}"#,
        r#"{"msg":"nosub","id":"%svisit00001abcd","error":{}}"#,
        r#"{"msg":"nosub","id":"%svisit00002abcd","error":{}}"#,
        r#"{"msg":"ready","subs":["%svisit00003abcd"]}"#,
        r#"{"msg":"ready","subs":["%svisit00004abcd"]}"#,
        r#"{"msg":"nosub","id":"%svisit00005abcd","error":{}}"#,
    ];
    let settings = stand.settings.clone();
    let verdicts = [
        Verdict::Granted,
        Verdict::Refused,
        Verdict::Granted,
        Verdict::Refused,
        Verdict::Either,
        Verdict::Either,
    ];
    for (answer, verdict) in answers.iter().zip(verdicts) {
        stand.session.visit(&settings, Nanos(0), verdict);
        stand.says(r#"{"msg":"ready","subs":["%sbench00000abcd"]}"#);
        stand.says(answer);
    }
    let tally = &stand.tally;
    assert_eq!(
        (tally.calls.count(), tally.nosub, tally.faults.wrong_grants),
        (6, 1, 1)
    );
    stand.session.hears_room(&settings, false);
    stand.event(1, 0, 0);
    assert_eq!(stand.tally.faults.foreign, 1, "heard what it may not");
}

#[test]
fn what_is_not_whole_is_left_for_later() {
    let mut stand = Stand::new(Framing::Raw).ready();
    let mut bytes = Vec::new();
    server(&mut bytes, TEXT, b"{}");
    server(&mut bytes, TEXT, b"{\"a\":1}");
    let cut = bytes.len() - 1;
    assert_eq!(stand.hear(&bytes[..cut]), (4, Heard::Usual));
}
