//! Publications whose rules are asked again: after a login as somebody else, and when the core is another release.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::client::{Client, Topic};
use crate::ddp::DdpError;
use crate::ddp::message::nosub;
use crate::streams::catalog::Stream;
use crate::streams::listening::hub::{Channel, Resumed};
use crate::streams::rules::params::RuleArgs;
use crate::streams::rules::{Asker, MAX_ASKED, Rules};
use crate::streams::state::Streams;

/// Sessions that are asked about at the same time when the release changes: it happens once in months, and the core has
/// just started.
const SESSIONS_AT_ONCE: usize = 16;

/// A publication, as far as its rule is concerned.
pub(super) struct Standing {
    pub(super) id: String,
    stream: Stream,
    pub(super) topic: Arc<Topic>,
    args: RuleArgs,
}

/// What became of a publication whose rule was asked again.
pub(super) enum Answered {
    /// It hears, or is gone.
    Stays,
    /// It is to end, with this.
    Refused(DdpError),
    /// Nobody answered.
    Unasked,
}

impl Answered {
    /// Why the publication is to end; a rule that cannot be asked refuses.
    fn refusal(self) -> Option<DdpError> {
        match self {
            Self::Stays => None,
            Self::Refused(error) => Some(error),
            Self::Unasked => Some(DdpError::internal()),
        }
    }
}

/// Publications of a client that are streams, oldest first.
fn standing(client: &Client) -> Vec<Standing> {
    standing_on(client, |_, _| true)
}

/// Those of them that `which` names, by stream and event name.
pub(super) fn standing_on(client: &Client, which: impl Fn(Stream, &str) -> bool) -> Vec<Standing> {
    client
        .publications
        .lock()
        .iter()
        .filter_map(|publication| {
            let stream = Stream::of(Channel(publication.topic.stream))?;
            which(stream, &publication.topic.event_name).then(|| Standing {
                id: publication.id().to_owned(),
                stream,
                topic: publication.topic.clone(),
                args: RuleArgs::of(publication.args()),
            })
        })
        .collect()
}

impl Streams {
    /// The session is somebody else now: every publication's rule is asked again, in order, and those that are refused
    /// end with `nosub`. What has to be asked for hears nothing meanwhile: nothing that was granted to the former user
    /// is heard by the new one.
    pub async fn recheck(&self, client: Arc<Client>) {
        let asker = Asker::of(&client);
        let decided = |one: &Standing| {
            let event_name = &one.topic.event_name;
            self.rules
                .decided(one.stream, event_name, &asker, &one.args)
        };
        let all = standing(&client);
        // Watched by nobody who is known: nothing is shown.
        self.presence.rebuild(&client, None);
        self.hub.pause(&client, |publication| {
            let one = all.iter().find(|one| one.id == publication.id());
            one.is_some_and(|one| decided(one) != Some(true))
        });
        for one in &all {
            let refusal = match decided(one) {
                Some(true) if one.stream == Stream::UserPresence => self.watch_anew(&client).await,
                Some(true) => continue,
                Some(false) => Some(DdpError::not_allowed()),
                None => match self.ask_again(&client, one).await {
                    // Asked for another cause as well, and granted to whom the session is now.
                    Answered::Unasked if self.hub.hears(&client, &one.id, &one.topic) => None,
                    answered => answered.refusal(),
                },
            };
            if let Some(error) = refusal {
                self.end_refused(&client, one, &error);
            }
        }
    }

    /// The session's interest set gets the viewer that the session is now. Answers why not.
    async fn watch_anew(&self, client: &Client) -> Option<DdpError> {
        match self.known_viewer(&Asker::of(client)).await {
            Ok(viewer) => {
                self.presence.rebuild(client, viewer);
                None
            }
            Err(_unasked) => Some(DdpError::internal()),
        }
    }

    /// Asks a publication's rule until it is answered on ground that stands, and lets the publication hear again.
    pub(super) async fn ask_again(&self, client: &Arc<Client>, one: &Standing) -> Answered {
        let event_name = &*one.topic.event_name;
        for _ in 0..MAX_ASKED {
            let asker = Asker::of(client);
            let mark = self.rules.mark(one.stream, event_name, &asker);
            let still = || asker.is(client) && self.rules.stands(&mark);
            if let Err(error) = self.offered(one.stream.name()) {
                return Answered::Refused(error);
            }
            match self
                .rules
                .read(one.stream, event_name, &asker, &one.args)
                .await
            {
                Err(_unasked) => return Answered::Unasked,
                Ok(true) => {
                    let granted = || {
                        still() && {
                            self.granted_under(one.stream, event_name);
                            true
                        }
                    };
                    match self.hub.resume(client, &one.id, &one.topic, granted) {
                        Resumed::Hears => {
                            self.hears_now(one.stream, event_name);
                            if still() {
                                return Answered::Stays;
                            }
                        }
                        Resumed::Gone => return Answered::Stays,
                        Resumed::TooMuch => return Answered::Refused(DdpError::not_allowed()),
                        Resumed::NotNow => {}
                    }
                }
                Ok(false) if still() => return Answered::Refused(DdpError::not_allowed()),
                Ok(false) => {}
            }
        }
        Answered::Unasked
    }

    /// Ends a publication whose rule refuses it, unless it is gone already.
    pub(super) fn end_refused(&self, client: &Arc<Client>, one: &Standing, error: &DdpError) {
        let ended = self
            .hub
            .end(client, |publication| publication.is(&one.id, &one.topic));
        self.ended(client, &ended);
        if !ended.is_empty() {
            client.send(&nosub(&one.id, Some(error)));
        }
    }

    /// The mesh changed: if the core is another release now, the publications whose rules differ are asked for again.
    pub async fn release_changed(&self) {
        self.offer_visibility();
        let release = self.services.mesh().release();
        if std::mem::replace(&mut *self.release.lock(), release) == release {
            return;
        }
        // Who is being asked under the old rules is asked again.
        self.rules.grounds().everything();
        stream::iter(self.directory.all())
            .for_each_concurrent(SESSIONS_AT_ONCE, |client| async move {
                for one in standing(&client) {
                    if !Rules::depends_on_release(one.stream, &one.topic.event_name) {
                        continue;
                    }
                    if let Some(error) = self.ask_again(&client, &one).await.refusal() {
                        self.end_refused(&client, &one, &error);
                    }
                }
            })
            .await;
    }

    /// Follows the mesh until it is gone: [`Streams::release_changed`] whenever nodes come and go.
    pub async fn follow_release(self: Arc<Self>) {
        let mut topology = self.services.mesh().topology();
        loop {
            self.release_changed().await;
            if topology.changed().await.is_err() {
                return;
            }
        }
    }
}
