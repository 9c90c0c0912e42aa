//! Statuses on their way to those who may see them, and what changes who may (8.x).

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde_json::value::RawValue;

use super::Streams;
use super::catalog::Stream;
use super::rules::Unasked;
use super::visibility::{STATUS_ENABLED, VISIBILITY_ENABLED, Viewer};
use crate::ejson::{self, RawObject, join};

/// Viewers that are asked about at the same time after an invalidation: all of a workspace may be concerned.
const VIEWERS_AT_ONCE: usize = 16;
/// The key of all that concerns visibility in the queue: one after another.
const KEY: &str = "visibility";

impl Streams {
    /// A user's presence for everybody who is logged in: `user-status` of `notify-logged`. Skipped where it is not
    /// everybody's business.
    pub fn status_changed(&self, uid: &str, args: &str) {
        if self.visibility.is_offered() {
            match self.visibility.is_restricted(uid) {
                Some(false) => {}
                Some(true) => return,
                None => {
                    self.ask_for_gate();
                    return;
                }
            }
        }
        self.publish(Stream::NotifyLogged, "user-status", args);
    }

    fn ask_for_gate(&self) {
        if self.visibility.rests() || self.queue.is_busy(KEY) {
            return;
        }
        if let Some(me) = self.me.upgrade() {
            self.queue.push(KEY, async move {
                // Why not is in the log, and the next event asks again.
                let _unasked = me.visibility.gate().await;
            });
        }
    }

    /// `presence.invalidateVisibility`: `data` is `{targets, viewers?}`, or the array with it. Targets are sent again
    /// once the viewers have been asked about.
    pub fn visibility_changed(&self, data: &RawValue) {
        if !self.visibility.is_offered() {
            return;
        }
        let data = ejson::array(data)
            .and_then(|args| args.first().copied())
            .unwrap_or(data);
        let data = RawObject::of(data).unwrap_or_default();
        let targets = data.get("targets").and_then(texts);
        // Viewers that cannot be read are all of them, and so it is with targets.
        let viewers = data.present("viewers").and_then(texts);
        let concerned = self
            .visibility
            .invalidate(targets.as_deref(), viewers.as_deref());
        self.ask_viewers(concerned, targets.unwrap_or_default());
    }

    /// A setting changed on which the gate depends.
    pub(super) fn gate_changed(&self, setting: &str) {
        if [STATUS_ENABLED, VISIBILITY_ENABLED].contains(&setting) && self.visibility.is_offered() {
            let concerned = self.visibility.invalidate(None, None);
            self.ask_viewers(concerned, Vec::new());
        }
    }

    /// The mesh may hide statuses from now on: those who watch already are asked about.
    pub(super) fn offer_visibility(&self) {
        if self.visibility.is_offered() {
            let given = self
                .presence
                .give_viewers(|user| self.visibility.viewer(user));
            if !given.is_empty() {
                self.ask_viewers(given, Vec::new());
            }
        }
    }

    fn ask_viewers(&self, viewers: Vec<Arc<Viewer>>, targets: Vec<String>) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let bytes = targets.iter().map(String::len).sum::<usize>()
            + viewers.len() * size_of::<Arc<Viewer>>();
        self.queue.push_bytes(KEY, bytes, async move {
            stream::iter(&viewers)
                .for_each_concurrent(VIEWERS_AT_ONCE, |viewer| async {
                    // A viewer who cannot be asked about sees nobody; that is in the log.
                    let _unasked = me.visibility.ask(viewer).await;
                })
                .await;
            let _asked_for_status = me.visibility.gate().await;
            if targets.is_empty() {
                return;
            }
            match me.services.status_visibility.refresh(&targets).await {
                Ok(users) => me.resend(&users),
                Err(cause) => drop(Unasked::because("refresh", &cause)),
            }
        });
    }

    fn resend(&self, users: &RawValue) {
        for user in ejson::array(users).unwrap_or_default() {
            let Some(user) = RawObject::of(user) else {
                continue;
            };
            let (Some(uid), Some(username)) = (user.text("_id"), user.get("username")) else {
                continue;
            };
            let code = match user.text("status").as_deref() {
                Some("online") => "1",
                Some("away") => "2",
                Some("busy") => "3",
                _ => "0",
            };
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

fn texts(list: &RawValue) -> Option<Vec<String>> {
    ejson::array(list)?
        .into_iter()
        .map(|element| ejson::text(element).map(String::from))
        .collect()
}
