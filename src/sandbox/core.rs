//! The one task that owns the world: it decides, writes, broadcasts, answers, one thing after another.
//!
//! So the database is written before an event tells of it, events leave in the order of the decisions, and a caller has its answer
//! only when both are done, as with the real core.

use serde_json::Value;
use serde_json::value::to_raw_value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::action::Action;
use super::database::Database;
use super::journal::Journal;
use super::world::{Broadcast, World, micros};
use crate::ejson;
use crate::mesh::{Answer, CallError, Event, Mesh, RemoteError, Request};
use crate::telemetry::traces::{self, Span, TraceContext};
use crate::telemetry::work;

/// Work that waits for the world.
const INBOX: usize = 1024;

/// Decides something; what it returns is called when database and mesh have been told.
type Work = Box<dyn FnOnce(&mut World) -> Box<dyn FnOnce() + Send> + Send>;

struct Job {
    work: Work,
    called: Option<Cause>,
}

/// The call behind a job.
pub(super) struct Cause {
    /// Arrival, µs since 1970.
    at: i64,
    /// Where its caller stands.
    caller: Option<TraceContext>,
}

/// The way to the world. Clones are the same way.
#[derive(Clone)]
pub(super) struct Core {
    inbox: mpsc::Sender<Job>,
    journal: Journal,
}

/// The world's task has ended.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the sandbox is stopping")]
pub(super) struct Stopped;

/// What the task takes from.
pub(super) struct Inbox(mpsc::Receiver<Job>);

impl Core {
    pub(super) fn new(journal: Journal) -> (Self, Inbox) {
        let (inbox, jobs) = mpsc::channel(INBOX);
        (Self { inbox, journal }, Inbox(jobs))
    }

    /// Asks the world, or changes it.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        called: Option<Cause>,
        work: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (done, answer) = oneshot::channel();
        let work: Work = Box::new(move |world| {
            let result = work(world);
            // Whoever asked may be gone.
            Box::new(move || drop(done.send(result)))
        });
        self.inbox
            .send(Job { work, called })
            .await
            .map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Broadcasts an event as it is.
    pub(super) async fn inject(&self, event: String, args: Value) -> Result<(), Stopped> {
        self.ask(None, move |world| world.broadcast(&event, args))
            .await
    }

    /// Answers a call from the mesh.
    pub(super) async fn answer(&self, action: Action, request: Request) -> Answer {
        let at = micros();
        // What a real core's serializer does not take, no service of it sees.
        if !ejson::is_readable(request.params.get()) {
            let error = "the arguments are no EJSON";
            debug!(action = %request.action, sender = %request.sender, "a call is refused: {error}");
            return Err(RemoteError::internal(error).into());
        }
        let params: Value = serde_json::from_str(request.params.get()).unwrap_or_default();
        let list = params.as_array().cloned().unwrap_or_default();
        let caller = request.caller;
        let called = Some(Cause { at, caller });
        let outcome = self.ask(called, move |world| action(world, &list)).await;
        let outcome = outcome
            .unwrap_or_else(|stopped| Err(Box::new(RemoteError::internal(stopped.to_string()))));
        let error = outcome.as_ref().err().map(|error| error.message.clone());
        self.journal
            .called(&request.action, &params, request.sender.as_str(), at, error);
        let result = outcome.map_err(CallError::Remote)?;
        match result.map(|result| to_raw_value(&result)).transpose() {
            Ok(answer) => Ok(answer),
            Err(error) => Err(RemoteError::internal(error.to_string()).into()),
        }
    }

    /// Events that the core's own node hears: a streamer that is gone takes its sessions along.
    pub(super) fn hear(&self, event: &Event<'_>) {
        if event.name != "$node.disconnected" {
            return;
        }
        let data: Value = serde_json::from_str(event.data.get()).unwrap_or_default();
        let Some(node) = data
            .pointer("/0/node/id")
            .and_then(Value::as_str)
            .map(str::to_owned)
        else {
            return;
        };
        let work: Work = Box::new(move |world| {
            world.remove_lost_connections(&node);
            Box::new(|| ())
        });
        if self.inbox.try_send(Job { work, called: None }).is_err() {
            warn!("the sandbox's core does not keep up: a lost node's connections stay");
        }
    }
}

/// Runs the world until the token is cancelled.
pub(super) async fn run(
    mut world: World,
    Inbox(mut jobs): Inbox,
    database: Database,
    mesh: Mesh,
    journal: Journal,
    token: CancellationToken,
) {
    loop {
        let job = tokio::select! {
            () = token.cancelled() => return,
            job = jobs.recv() => job,
        };
        let Some(Job { work, called }) = job else {
            return;
        };
        let finish = work(&mut world);
        let effects = world.take_effects();
        for write in &effects.writes {
            if let Err(error) = database.apply(write).await {
                error!(%error, "the sandbox's database was not written");
            }
        }
        for broadcast in &effects.broadcasts {
            tell(&mesh, &journal, broadcast, called.as_ref());
        }
        finish();
    }
}

fn tell(mesh: &Mesh, journal: &Journal, broadcast: &Broadcast, called: Option<&Cause>) {
    let caller = called.and_then(|called| called.caller.as_ref());
    let span = traces::told(&broadcast.event, caller);
    let trace = span.as_ref().and_then(Span::trace_id);
    journal.sent(broadcast, called.map(|called| called.at), trace);
    work::below(span.as_ref(), || {
        mesh.broadcast(&broadcast.event, &broadcast.args.to_string());
    });
    if let Some(span) = span {
        span.end(None);
    }
}
