//! What the wire carries, in the sizes that the benches ask for.

/// A chat message as `watch.messages` brings it, of `bytes` bytes (262 at least): its text fills it up.
pub(crate) fn message(bytes: usize) -> String {
    let before = r#"{"_id":"Xk3mQb7RcTnYw2sLe","rid":"GENERAL","msg":""#;
    let after = r#"","ts":{"$date":1700000000000},"u":{"_id":"aZ9kLmQw3eRtYuIoP","username":"vera.lopez","name":"Vera López"},"_updatedAt":{"$date":1700000000000},"urls":[],"mentions":[],"channels":[],"groupable":true}"#;
    let sentence = r#"The door said \"come in\", so we went.\nNobody was there. "#;
    // Escapes are not cut in two: plain letters make the rest.
    let room = bytes.saturating_sub(before.len() + after.len());
    let text = sentence.repeat(room / sentence.len()) + &"x".repeat(room % sentence.len());
    format!("{before}{text}{after}")
}

/// An event's packet: a message of 1 kB, broadcast.
pub(crate) fn event() -> String {
    let message = message(1000);
    format!(
        r#"{{"id":"5719cf80-7a2a-d572-41eb-cb5868bd5d8b","event":"watch.messages","data":[{{"clientAction":"inserted","message":{message}}}],"broadcast":true,"meta":{{}},"level":1,"tracing":null,"parentID":null,"requestID":"e231961f-4c3b-ef55-b0a9-fdd3dfbc1531","caller":null,"needAck":null,"ver":"4","sender":"core-1"}}"#
    )
}

/// An answer's packet: what `accounts.login` gives.
pub(crate) fn response() -> String {
    r#"{"id":"9b2f1c1e-33f5-4f0e-8d6a-0b8f6f7c9a11","meta":{},"success":true,"data":{"uid":"aZ9kLmQw3eRtYuIoP","token":"bJ3nVq0XcYtRmWzLkPsHdFgAeUoIiN5T1yB8x2wQ7vE","hashedToken":"mZk1q0fP1N8m5i2Vt5eV0c7Q9Y3lqGJd0l2n4bq8o6U=","tokenExpires":{"$date":1707776000000},"type":"resume"},"ver":"4","sender":"core-1"}"#.to_owned()
}

/// A client's request for a publication.
pub(crate) const SUB: &str = r#"{"msg":"sub","id":"k3mQb7RcTnYw2sLeX","name":"stream-notify-user","params":["aZ9kLmQw3eRtYuIoP/subscriptions-changed",{"useCollection":false,"args":[]}]}"#;

/// A client's call: it says something.
pub(crate) fn method() -> String {
    format!(
        r#"{{"msg":"method","method":"sendMessage","params":[{}],"id":"17"}}"#,
        message(300)
    )
}
