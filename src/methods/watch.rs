//! A request as those see it who count and trace.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Client, UserId};
use crate::ddp::Code;
use crate::telemetry::metrics;
use crate::telemetry::traces::Span;

/// From the beginning of a request to its end; dropped before, its span says that it was cancelled.
pub(super) struct Watch {
    /// Where somebody counts.
    began: Option<Instant>,
    span: Option<Span>,
    /// Whose request it was when it began, where its span is recorded: a `logout` ends with nobody.
    user: Option<UserId>,
}

impl Watch {
    pub(super) fn begin(client: &Client, span: impl FnOnce() -> Option<Span>) -> Self {
        let began = metrics::arrived();
        let span = span();
        let recorded = span.as_ref().is_some_and(Span::is_recorded);
        Self {
            began,
            span,
            user: recorded.then(|| client.user()).flatten(),
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
                && let Some(user) = client.user().or(self.user)
            {
                span.set_user(user.as_str());
            }
            span.end(error.as_deref());
        }
    }
}
