//! After the mesh was away: what happened meanwhile was told to nobody.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use rand::seq::SliceRandom;
use tokio::time::timeout;

use super::lost::Asking;
use super::recheck::standing_on;
use crate::client::{Client, UserId};
use crate::streams::again::until_done;
use crate::streams::rules::{Asks, Rules};
use crate::streams::state::Streams;

/// Users and sessions that are asked about at the same time: the core has just come back, and has others to serve.
const AT_ONCE: usize = 16;
/// A question that is not answered within this time goes on by itself, and the next ones are asked.
const PATIENCE: Duration = Duration::from_secs(5);

impl Streams {
    /// Events were missed: statuses are asked for anew, the rooms of who listens to `rooms-changed` are read again, and every
    /// rule that can refuse by now is asked again. Publications go on until they are answered. Given up half-way, it is to be
    /// begun anew.
    pub async fn events_were_missed(self: &Arc<Self>) {
        if self.visibility.is_offered() {
            self.ask_anew(self.visibility.invalidate(None, None));
        }
        // Side by side: rooms that cannot be read do not keep rules from being asked.
        let mut all = self.directory.all();
        // Begun anew before it is done, it does not always miss the same ones.
        all.shuffle(&mut rand::rng());
        tokio::join!(self.read_all_rooms(), async {
            stream::iter(all)
                .for_each_concurrent(AT_ONCE, |client| self.ask_all(client))
                .await;
        });
    }

    async fn read_all_rooms(&self) {
        until_done(self.rooms.doubt_all(), AT_ONCE, |user| {
            self.read_rooms(user)
        })
        .await;
    }

    /// Gives back the user whose rooms could not be read, unless nobody wants them any more: until they are, what was known
    /// before holds, as a publication stays whose rule cannot be asked.
    async fn read_rooms(&self, user: UserId) -> Option<UserId> {
        if !self.rooms.is_unfilled(user.as_str()) {
            return None;
        }
        // Why not is in the log.
        let Ok(rooms) = self.rules.subscribed_rooms(user.as_str()).await else {
            return Some(user);
        };
        self.rooms.fill(user.as_str(), &rooms);
        None
    }

    async fn ask_all(self: &Arc<Self>, client: Arc<Client>) {
        let can_be_lost = |stream, event_name: &str| Rules::asks(stream, event_name) != Asks::Other;
        for one in standing_on(&client, can_be_lost) {
            let Some(asking) = Asking::begin(self, &client, one) else {
                continue;
            };
            let mut asking = Box::pin(asking.ask());
            if timeout(PATIENCE, &mut asking).await.is_err() {
                self.later(|_| asking);
            }
        }
    }
}
