//! A request as traces see it (reference/telemetry.md): the client's own span, and below it that of asking the server.
//!
//! What is not sampled is not there. Who a session belongs to is not known here: no login is read.

use serde_json::value::RawValue;

use super::names::Names;
use crate::config::ServerUrl;
use crate::ddp::glance::Fields;
use crate::ejson;
use crate::telemetry::traces::{self, Span};

/// Publications of streams begin so.
const STREAM: &str = "stream-";

/// The spans of a request that is open. Dropped before [`Traced::end`], they say that it was cancelled.
#[derive(Debug)]
pub(super) struct Traced {
    // Before the one that it is below.
    asking: Span,
    whole: Span,
}

impl Traced {
    /// A method is passed on; `None` unless it is sampled.
    pub(super) fn method(
        names: &Names,
        server: &ServerUrl,
        name: &str,
        session: &str,
    ) -> Option<Box<Self>> {
        if !traces::enabled() {
            return None;
        }
        let known = names.known_method(name);
        Self::below(traces::method(known, name, session)?, known, server)
    }

    /// A publication is asked for in `message`; `None` unless it is sampled.
    pub(super) fn publication(
        names: &Names,
        server: &ServerUrl,
        name: &str,
        session: &str,
        message: &str,
    ) -> Option<Box<Self>> {
        if !traces::enabled() {
            return None;
        }
        let known = names.known_publication(name);
        let event = || stream_event(known?, message);
        let whole = traces::publication(known, name, session, event)?;
        Self::below(whole, known, server)
    }

    fn below(whole: Span, known: Option<&str>, server: &ServerUrl) -> Option<Box<Self>> {
        let asking = traces::relayed(&whole, known, &server.host, server.port)?;
        Some(Box::new(Self { asking, whole }))
    }

    /// It was answered, with an error of this code or without one.
    pub(super) fn end(self, error: Option<&str>) {
        self.asking.end(error);
        self.whole.end(error);
    }
}

/// The event name that the publication of a stream is asked for.
fn stream_event(name: &str, message: &str) -> Option<String> {
    if !name.starts_with(STREAM) {
        return None;
    }
    let params = Fields::of(message.as_bytes()).filter(|(key, _)| *key == b"params");
    let params: Vec<&RawValue> = serde_json::from_slice(params.last()?.1).ok()?;
    ejson::text(params.first()?).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_of_a_stream() {
        for (message, event) in [
            (r#"{"params":["GENERAL",false]}"#, Some("GENERAL")),
            (
                r#"{"params":["a"],"params" : [ "b/\u0063" ] }"#,
                Some("b/c"),
            ),
            (r#"{"params":[1,"a"]}"#, None),
            (r#"{"params":[]}"#, None),
            (r#"{"params":"a"}"#, None),
            ("{}", None),
        ] {
            let found = stream_event("stream-room-messages", message);
            assert_eq!(found.as_deref(), event, "{message}");
            assert_eq!(
                stream_event("meteor.loginServiceConfiguration", message),
                None
            );
        }
    }
}
