//! The frames of one event, ready to be written: the same bytes as the service sends.

use crate::mesh::Parts;
use crate::wire::websocket::{self, TEXT};

/// One event in both framings.
#[derive(Default)]
pub(super) struct Frames {
    pub(super) raw: Vec<u8>,
    pub(super) sockjs: Vec<u8>,
    message: Vec<u8>,
    escaped: Vec<u8>,
}

impl Frames {
    pub(super) fn build(&mut self, parts: &Parts<'_>) {
        self.message.clear();
        let key = String::from_utf8_lossy(parts.key);
        let stream = parts.stream;
        let (before, after) = match stream {
            "user-presence" => (
                format!(
                    r#"{{"msg":"changed","collection":"stream-{stream}","id":"{key}","fields":{{"uid":"{key}","args":["#
                ),
                format!(r#"],"eventName":"{key}"}}}}"#),
            ),
            _ => (
                format!(
                    r#"{{"msg":"changed","collection":"stream-{stream}","id":"id","fields":{{"eventName":"{key}","args":["#
                ),
                "]}}".to_owned(),
            ),
        };
        self.message.extend_from_slice(before.as_bytes());
        self.message.extend_from_slice(&parts.args);
        self.message.extend_from_slice(after.as_bytes());
        self.raw.clear();
        websocket::server(&mut self.raw, TEXT, &self.message);
        self.escaped.clear();
        sockjs(&mut self.escaped, &self.message);
        self.sockjs.clear();
        websocket::server(&mut self.sockjs, TEXT, &self.escaped);
    }
}

/// `a["<escaped>"]`.
pub(super) fn sockjs(out: &mut Vec<u8>, message: &[u8]) {
    out.extend_from_slice(b"a[\"");
    for &byte in message {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.extend_from_slice(b"\"]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::websocket::{Scan, scan};

    #[test]
    fn frames_are_those_of_the_reference() {
        let mut frames = Frames::default();
        frames.build(&Parts {
            stream: "user-presence",
            key: b"u1",
            args: br#"["bob",1,"hi"]"#.to_vec(),
        });
        let expected = r#"{"msg":"changed","collection":"stream-user-presence","id":"u1","fields":{"uid":"u1","args":[["bob",1,"hi"]],"eventName":"u1"}}"#;
        let Scan::Frame { payload, .. } = scan(&frames.raw) else {
            panic!("a frame")
        };
        assert_eq!(payload, expected.as_bytes());
        let Scan::Frame { payload, .. } = scan(&frames.sockjs) else {
            panic!("a frame")
        };
        let texts: Vec<String> = serde_json::from_slice(&payload[1..]).unwrap();
        assert_eq!(texts, [expected]);
    }
}
