//! A request as those see it who count and trace.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::Client;
use crate::ddp::Code;
use crate::telemetry::metrics;
use crate::telemetry::traces::Span;

/// From the beginning of a request to its end; dropped before, its span says that it was cancelled.
pub(super) struct Watch {
    /// Where somebody counts.
    began: Option<Instant>,
    span: Option<Span>,
}

impl Watch {
    pub(super) fn begin(span: impl FnOnce() -> Option<Span>) -> Self {
        Self {
            began: metrics::arrived(),
            span: span(),
        }
    }

    pub(super) fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    /// It was answered, with an error of this code or without one.
    pub(super) fn end<'a>(
        self,
        client: &Client,
        error: impl FnOnce() -> Option<&'a Code>,
        count: impl FnOnce(Option<&str>, Duration),
    ) {
        if self.began.is_none() && self.span.is_none() {
            return;
        }
        let error = error().map(Code::to_string);
        if let Some(began) = self.began {
            count(error.as_deref(), began.elapsed());
        }
        if let Some(mut span) = self.span {
            if span.is_recorded()
                && let Some(user) = client.user()
            {
                span.set_user(user.as_str());
            }
            span.end(error.as_deref());
        }
    }
}
