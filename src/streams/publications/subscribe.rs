//! A request for a publication, from its params to `ready` or `nosub`.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::client::{Client, SubOutcome};
use crate::ddp::DdpError;
use crate::ddp::message::{Change, document, nosub, ready};
use crate::ejson::quoted;
use crate::streams::catalog::Stream;
use crate::streams::listening::hub::Subscribed;
use crate::streams::listening::presence::{Edit, TooMany};
use crate::streams::listening::rooms::{self, Held};
use crate::streams::rules::params;
use crate::streams::rules::params::{Requested, RuleArgs};
use crate::streams::rules::{Asker, MAX_ASKED, Unasked};
use crate::streams::state::Streams;
use crate::streams::visibility::{Targets, Viewer};

/// Why there is no publication.
#[derive(Debug)]
pub(in crate::streams) enum Refusal {
    /// For the client.
    Error(DdpError),
    /// Done, and nothing to publish: an edit of an interest set.
    Plain,
    /// The session has left.
    Left,
}

impl From<Unasked> for Refusal {
    fn from(_: Unasked) -> Self {
        Self::Error(DdpError::internal())
    }
}

impl From<Subscribed> for Refusal {
    fn from(outcome: Subscribed) -> Self {
        match outcome {
            Subscribed::IdInUse => Self::Error(id_in_use()),
            Subscribed::TooMany => Self::Error(DdpError::too_many_requests()),
            Subscribed::Left | Subscribed::Ready => Self::Left,
        }
    }
}

fn id_in_use() -> DdpError {
    DdpError::number(400, "Subscription id already in use")
}

/// An event name that is missing, empty, or no text.
fn invalid_event_name() -> DdpError {
    DdpError::word("invalid-event-name")
}

impl Streams {
    /// A publication of `stream` (its name without `stream-`) is asked for with `params`, a JSON array. Sends `added`
    /// where it is wanted, then `ready`; or `nosub`. Cancel safe: all is sent after the last await.
    pub async fn subscribe(
        &self,
        client: Arc<Client>,
        stream: &str,
        id: &str,
        params: &RawValue,
    ) -> SubOutcome {
        let refusal = match self.request(&client, stream, id, params).await {
            Ok(()) => return SubOutcome::Ready,
            Err(refusal) => refusal,
        };
        match refusal {
            Refusal::Error(error) => {
                client.send(&nosub(id, Some(&error)));
                return SubOutcome::Refused(Some(error.code));
            }
            Refusal::Plain => client.send(&nosub(id, None)),
            Refusal::Left => false,
        };
        SubOutcome::Refused(None)
    }

    async fn request(
        &self,
        client: &Arc<Client>,
        stream: &str,
        id: &str,
        params: &RawValue,
    ) -> Result<(), Refusal> {
        let stream = self.offered(stream).map_err(Refusal::Error)?;
        self.has_place(client, stream, id)?;
        let requested = Requested::read(params);
        let event_name = match &requested.event_name {
            Some(name) if !name.is_empty() || stream == Stream::UserPresence => &**name,
            _ => return Err(Refusal::Error(invalid_event_name())),
        };
        let opening = opening(stream, id, event_name, requested.use_collection);
        if stream == Stream::UserPresence {
            let watch = self.watch(client, id, &opening, requested.options);
            // Boxed: one of a session's publications, and large in the future of each otherwise.
            return Box::pin(watch).await;
        }
        self.grant(client, stream, id, event_name, &requested.args, &opening)
            .await
    }

    /// The stream with a name, where the core's release has it.
    pub(in crate::streams) fn offered(&self, name: &str) -> Result<Stream, DdpError> {
        Stream::offered(name, self.services.mesh().release()).ok_or_else(|| not_found(name))
    }

    /// Looks before asking: what has no place needs no rule.
    fn has_place(&self, client: &Client, stream: Stream, id: &str) -> Result<(), Refusal> {
        let publications = client.publications.lock();
        if publications.is_closed() {
            return Err(Refusal::Left);
        }
        if publications.get(id).is_some() {
            return Err(Refusal::Error(id_in_use()));
        }
        // An edit of an interest set takes no place, and must be possible when all are taken.
        let full = publications.len() >= client.max_subscriptions();
        drop(publications);
        let edits = stream == Stream::UserPresence && self.presence.has(client.id());
        if full && !edits {
            return Err(Refusal::Error(DdpError::too_many_requests()));
        }
        Ok(())
    }

    /// Asks the rule, and makes the publication unless the ground moved meanwhile: then asks again.
    async fn grant(
        &self,
        client: &Arc<Client>,
        stream: Stream,
        id: &str,
        event_name: &str,
        args: &RuleArgs,
        opening: &[Vec<u8>],
    ) -> Result<(), Refusal> {
        let kept = || match stream.row().read.has_args() {
            true => args.kept(),
            false => None,
        };
        for _ in 0..MAX_ASKED {
            let asker = Asker::of(client);
            let mark = self.rules.mark(stream, event_name, &asker);
            let still = || asker.is(client) && self.rules.stands(&mark);
            self.offered(stream.name()).map_err(Refusal::Error)?;
            let granted = match self.rules.decided(stream, event_name, &asker, args) {
                Some(granted) => granted,
                // Boxed: most rules ask nobody, and all questions would lie in the future of each publication.
                None => Box::pin(self.rules.read(stream, event_name, &asker, args)).await?,
            };
            if !granted {
                if still() {
                    return Err(Refusal::Error(DdpError::not_allowed()));
                }
                continue;
            }
            let held = self.hold_rooms(stream, event_name, &asker).await?;
            let granted = || {
                still() && {
                    self.granted_under(stream, event_name);
                    true
                }
            };
            match self.hub.subscribe_if(
                client,
                id,
                stream.channel(),
                event_name,
                kept(),
                opening,
                granted,
            ) {
                Some(Subscribed::Ready) => {
                    self.hears_now(stream, event_name);
                    if !self.rules.stands(&mark) {
                        self.ask_for(client, id);
                    }
                    // From here on the publication's end releases the set, even if that came before this line.
                    if let Some(held) = held {
                        held.keep();
                    }
                    return Ok(());
                }
                Some(outcome) => return Err(outcome.into()),
                None => {}
            }
        }
        Err(Unasked.into())
    }

    /// `rooms-changed` needs the user's rooms before its first event.
    async fn hold_rooms(
        &self,
        stream: Stream,
        event_name: &str,
        asker: &Asker,
    ) -> Result<Option<Held>, Unasked> {
        let Some(user) = asker.user() else {
            return Ok(None);
        };
        if stream != Stream::NotifyUser || rooms::holder(event_name) != Some(user.as_str()) {
            return Ok(None);
        }
        let held = self.rooms.hold(user);
        if self.rooms.is_unfilled(user.as_str()) {
            let rooms = Box::pin(self.rules.subscribed_rooms(user.as_str())).await?;
            self.rooms.fill(user.as_str(), &rooms);
        }
        Ok(Some(held))
    }

    /// `user-presence`: the first publication begins the session's interest set, each later one edits it.
    async fn watch(
        &self,
        client: &Arc<Client>,
        id: &str,
        opening: &[Vec<u8>],
        options: Option<&RawValue>,
    ) -> Result<(), Refusal> {
        let edit = Edit::read(options);
        let asker = Asker::of(client);
        let none = RuleArgs::default();
        if self.rules.decided(Stream::UserPresence, "", &asker, &none) != Some(true) {
            return Err(Refusal::Error(DdpError::not_allowed()));
        }
        let full = |TooMany| Refusal::Error(DdpError::too_many_requests());
        if self.presence.has(client.id()) {
            self.presence.edit(client.id(), &edit).map_err(full)?;
            return Err(Refusal::Plain);
        }
        let viewer = self.known_viewer(&asker).await?;
        if !asker.is(client) {
            return Err(Refusal::Error(DdpError::not_allowed()));
        }
        // The set first: a teardown that comes between finds it.
        self.presence.begin(client, id, viewer);
        let edited = self.presence.edit(client.id(), &edit).map_err(full);
        let channel = Stream::UserPresence.channel();
        let outcome = match edited {
            Ok(()) => self.hub.subscribe(client, id, channel, "", None, opening),
            Err(refusal) => {
                self.presence.ended(client.id(), id);
                return Err(refusal);
            }
        };
        if outcome != Subscribed::Ready {
            self.presence.ended(client.id(), id);
            return Err(outcome.into());
        }
        Ok(())
    }

    /// Who watches, with what is hidden from that user; `None` where nothing is hidden.
    pub(in crate::streams) async fn known_viewer(
        &self,
        asker: &Asker,
    ) -> Result<Option<Arc<Viewer>>, Unasked> {
        let Some(user) = asker.user().filter(|_| self.visibility.is_offered()) else {
            return Ok(None);
        };
        let viewer = self.visibility.viewer(user);
        if !viewer.is_known() {
            self.visibility.ask(&viewer).await?;
        }
        // The first answer told which release it is; or who is restricted was not answered.
        if self.visibility.has_turned() || !viewer.is_known() {
            self.ask_anew(Targets::All);
        }
        Ok(Some(viewer))
    }
}

fn not_found(stream: &str) -> DdpError {
    let shown: String = stream.chars().take(params::MAX_EVENT_NAME).collect();
    DdpError::number(404, &format!("Subscription 'stream-{shown}' not found"))
}

/// What a client is sent when its publication begins.
fn opening(stream: Stream, id: &str, event_name: &str, use_collection: bool) -> Vec<Vec<u8>> {
    let mut opening = Vec::with_capacity(2);
    // An interest set is no document.
    if use_collection && stream != Stream::UserPresence {
        let collection = format!("stream-{}", stream.name());
        let fields = format!(r#"{{"eventName":{}}}"#, quoted(event_name));
        opening.push(document(Change::Added, &collection, "id", Some(&fields)));
    }
    opening.push(ready(id));
    opening
}
