//! A glance at an event's packet, before it is read.

use std::sync::LazyLock;

use super::protocol::PROTOCOL;
use crate::ejson::{Glance, Key};

/// The name of the event, where whoever reads the packet finds no other one, and nothing else that matters here: another
/// protocol, a sender's trace, groups that may not be ours. `None` where it has to be read to know.
pub(crate) fn event_name(json: Glance<'_>) -> Option<&str> {
    static KEYS: LazyLock<[Key; 4]> =
        LazyLock::new(|| ["event", "ver", "optl", "groups"].map(Key::new));
    let [event, protocol, trace, groups] = &*KEYS;
    let only = |key: &Key| {
        let mut texts = json.texts(key);
        let text = texts.next()??;
        texts.next().is_none().then_some(text)
    };
    let name = only(event)?;
    let is_plain = || only(protocol) == Some(PROTOCOL) && !json.has(trace) && !json.has(groups);
    is_plain().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_and_no_doubt() {
        let named = |json: &str| event_name(Glance::at(json.as_bytes())?).map(str::to_owned);
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
            r#"{"ver":"4","event":"watch.messages","groups":["a"]}"#,
            r#"{"ver":"4"}"#,
            r#"{"ver":"4","event":"watch.messages","\u0065vent":"stream"}"#,
            "",
        ] {
            assert_eq!(named(doubt), None, "{doubt}");
        }
    }
}
