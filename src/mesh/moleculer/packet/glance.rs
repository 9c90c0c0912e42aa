//! A glance at an event's packet, before it is read.

use std::sync::LazyLock;

use memchr::memmem;

use super::protocol::PROTOCOL;
use crate::ejson::Key;

/// The name of the event, where whoever reads the packet finds no other one, and nothing else that matters here: another
/// protocol, a sender's trace. `None` where it has to be read to know.
pub(crate) fn event_name(json: &[u8]) -> Option<&str> {
    static EVENT: LazyLock<Key> = LazyLock::new(|| Key::new("event"));
    static PROTOCOLS: LazyLock<Key> = LazyLock::new(|| Key::new("ver"));
    let only = |key: &Key| {
        let mut texts = key.texts(json);
        let text = texts.next()??;
        texts.next().is_none().then_some(text)
    };
    let name = only(&EVENT)?;
    (only(&PROTOCOLS)? == PROTOCOL && memmem::find(json, b"\"optl\"").is_none()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_and_no_doubt() {
        let named = |json: &str| event_name(json.as_bytes()).map(str::to_owned);
        assert_eq!(
            named(r#"{"ver":"4","event":"watch.messages","data":[{"a":"\"event\":\"b\""}]}"#),
            Some("watch.messages".to_owned())
        );
        for doubt in [
            r#"{"ver":"4","event":"stream","data":[{"event":"watch.messages"}]}"#,
            r#"{"ver":"5","event":"watch.messages"}"#,
            r#"{"ver":"4","event":"watch.messages","data":[{"ver":"4"}]}"#,
            r#"{"event":"watch.messages"}"#,
            r#"{"ver":"4","event":"watch.messages","meta":{"optl":{}}}"#,
            r#"{"ver":"4"}"#,
            "",
        ] {
            assert_eq!(named(doubt), None, "{doubt}");
        }
    }
}
