//! Statuses on their way to those who may see them, and what changes who may (8.8 and later).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use serde_json::value::RawValue;
use tokio::time::sleep;

use crate::ejson::{self, RawObject, join};
use crate::mesh::DEFAULT_FORGET_AFTER;
use crate::streams::again::{FIRST_PAUSE, LAST_PAUSE};
use crate::streams::catalog::Stream;
use crate::streams::rules::Unasked;
use crate::streams::state::Streams;
use crate::streams::visibility::{Targets, depends_on};

/// Viewers that are asked about at the same time after an invalidation: all of a workspace may be concerned.
const VIEWERS_AT_ONCE: usize = 16;
/// The key of all that concerns visibility in the queue.
const KEY: &str = "visibility";

/// A status as clients count it; a word that nobody knows is `null`.
#[must_use]
pub fn status_code(status: &str) -> &'static str {
    match status {
        "offline" | "disabled" => "0",
        "online" => "1",
        "away" => "2",
        "busy" => "3",
        _ => "null",
    }
}

impl Streams {
    /// A user's presence for everybody who is logged in: `user-status` of `notify-logged`. Skipped where it is not
    /// everybody's business.
    pub fn status_changed(&self, uid: &str, args: &str) {
        if self.visibility.is_offered() {
            match self.visibility.is_restricted(uid) {
                Some(false) => {}
                Some(true) => return,
                None => {
                    if self.visibility.ask_for_gate() {
                        self.ask_about_all();
                    }
                    return;
                }
            }
        }
        self.publish(Stream::NotifyLogged, "user-status", args);
    }

    /// `presence.invalidateVisibility`: `data` is `{targets?, viewers?}`. Targets are sent again once the viewers have
    /// been asked about; without a list, everybody.
    pub fn visibility_changed(&self, data: &RawValue) {
        if !self.visibility.is_offered() {
            return;
        }
        let data = RawObject::of(data).unwrap_or_default();
        // Lists that cannot be read are those of all.
        let list = |key| data.present(key).and_then(texts);
        let targets = self.visibility.invalidate(list("targets"), list("viewers"));
        self.ask_anew(targets);
    }

    /// A setting changed: the gate may depend on it.
    pub(in crate::streams) fn gate_changed(&self, setting: &str) {
        if depends_on(setting) && self.visibility.is_offered() {
            self.ask_anew(self.visibility.invalidate(None, None));
        }
    }

    /// Nodes came or went. The mesh may hide statuses from now on: those who watch already are asked about. Or others
    /// answer now: the gate is judged again.
    pub(in crate::streams) fn offer_visibility(&self) {
        if !self.visibility.is_offered() {
            return;
        }
        if let Some(since) = self.visibility.is_missing_since() {
            self.later(|me| async move {
                sleep(DEFAULT_FORGET_AFTER).await;
                if me.visibility.forget(since) {
                    me.presence.drop_viewers();
                }
            });
        }
        let others = self.visibility.is_offered_by_others();
        let given = self
            .presence
            .give_viewers(|user| self.visibility.viewer(user));
        if given {
            self.ask_anew(Targets::All);
        } else if others || !self.visibility.is_judged() {
            // Before the first status comes: it would be for nobody.
            self.ask_anew(Targets::default());
        }
    }

    /// What is not known about viewers, and the gate, is asked for; then these users are sent again.
    pub(in crate::streams) fn ask_anew(&self, targets: Targets) {
        if self.visibility.ask_anew(targets) {
            self.ask_about_all();
        }
    }

    fn ask_about_all(&self) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        // A job that finds no place ends at once, and the next who asks takes over.
        self.queue.push(KEY, Asking::new(me).all());
    }

    /// Asks all once; those of `owed` are sent again after it, when they are new or somebody else may see them now. Says
    /// whether all was answered.
    async fn ask_round(&self, owed: &mut Targets, is_new: bool) -> bool {
        let visibility = &self.visibility;
        // Why not is in the log, here and below.
        let learned = visibility.learn_form().await;
        let _unasked = visibility.gate().await;
        if visibility.has_turned() {
            owed.join(Targets::All);
        }
        let unknown = visibility.unknown();
        let answered = AtomicUsize::new(0);
        stream::iter(&unknown)
            .for_each_concurrent(VIEWERS_AT_ONCE, |viewer| async {
                if visibility.ask(viewer).await.is_ok() && viewer.is_known() {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
            .await;
        let answered = answered.into_inner();
        let _unasked = visibility.gate().await;
        if visibility.has_turned() {
            // The first answer told which release it is.
            self.ask_anew(Targets::All);
            return true;
        }
        let mut all = learned.is_ok() && answered == unknown.len() && visibility.is_judged();
        if !owed.is_empty() && (is_new || answered > 0 || unknown.is_empty()) {
            let refresh = owed.refresh();
            let service = &self.services.status_visibility;
            match service.refresh(refresh.as_deref()).await {
                Ok(users) => self.resend(&users),
                Err(cause) => {
                    Unasked::because("refresh", &cause);
                    all = false;
                }
            }
        }
        if all {
            *owed = Targets::default();
        }
        all
    }

    fn resend(&self, users: &RawValue) {
        for user in ejson::array(users).unwrap_or_default() {
            let Some(user) = RawObject::of(user) else {
                continue;
            };
            let (Some(uid), Some(username)) = (user.text("_id"), user.get("username")) else {
                continue;
            };
            // Who never was online has no status.
            let code = user.text("status").map_or("0", |word| status_code(&word));
            let or_null = |key| user.get(key).map_or("null", RawValue::get);
            let update = join([
                username.get(),
                code,
                or_null("statusText"),
                or_null("statusSource"),
                or_null("statusExpiresAt"),
            ]);
            self.presence_changed(&uid, &join([update]));
        }
    }
}

/// Who asks, one at a time.
struct Asking {
    streams: Arc<Streams>,
    done: bool,
}

impl Drop for Asking {
    /// Cut short: the next who asks takes over.
    fn drop(&mut self) {
        if !self.done {
            self.streams.visibility.abandon();
        }
    }
}

impl Asking {
    fn new(streams: Arc<Streams>) -> Self {
        let done = false;
        Self { streams, done }
    }

    /// Rounds of questions until all are answered. What failed is asked again after a pause.
    async fn all(mut self) {
        let streams = self.streams.clone();
        let visibility = &streams.visibility;
        let (mut owed, mut pause) = (Targets::default(), FIRST_PAUSE);
        loop {
            let new = visibility.targets();
            let is_new = !new.is_empty();
            owed.join(new);
            if streams.ask_round(&mut owed, is_new).await {
                if visibility.is_done() {
                    self.done = true;
                    return;
                }
                pause = FIRST_PAUSE;
            } else if !visibility.is_offered() {
                return;
            } else if !visibility.pause(pause).await {
                pause = LAST_PAUSE.min(pause * 2);
            }
        }
    }
}

fn texts(list: &RawValue) -> Option<Vec<String>> {
    ejson::array(list)?
        .into_iter()
        .map(|element| ejson::text(element).map(String::from))
        .collect()
}
