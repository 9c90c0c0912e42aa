//! What the mesh is told of sessions (reference/ddp.md, "What the mesh is told"), and again after it was away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::Methods;
use crate::client::{Client, Identity};
use crate::ejson::quoted;
use crate::services::Release;
use crate::telemetry::{metrics, work};

/// How long the user's own document waits for presence: a client must not be without it where nobody counts presence.
const PRESENCE: Duration = Duration::from_secs(1);

/// After the mesh was away, presence is told of all sessions within this time: not of thousands at once.
const SPREAD: Duration = Duration::from_secs(10);

/// What is begun again and again: a newer time ends what an older one began.
#[derive(Debug, Default)]
pub(super) struct Turns(watch::Sender<u64>);

impl Turns {
    /// Takes the next turn. What is answered ends with the one after it.
    fn take(&self) -> impl Future<Output = ()> + Send + 'static {
        let (mut turns, mut own) = (self.0.subscribe(), 0);
        self.0.send_modify(|turn| {
            *turn += 1;
            own = *turn;
        });
        async move {
            let _over = turns.wait_for(|turn| *turn != own).await;
        }
    }
}

impl Methods {
    pub(super) fn tell_opened(&self, client: &Client) {
        self.broadcast(
            "socket.connected",
            &format!("[{}]", client.connection_json()),
        );
    }

    /// After the session was given its user. Once its login is answered (the other end of `answered` is dropped) it gets the
    /// user's own document.
    ///
    /// On 8.x the document follows `presence.newConnection`, and `accounts.login` comes last (reference/streams.md, "Further
    /// facts of 8.x").
    pub(super) fn tell_logged_in(
        self: &Arc<Self>,
        client: &Arc<Client>,
        uid: &str,
        answered: oneshot::Receiver<()>,
    ) {
        let in_order = self.rooms.services.mesh().release() == Release::V8;
        if !in_order {
            self.broadcast("accounts.login", &login_args(client, uid));
        }
        let present = self.told.new_connection(client, uid.into());
        let (this, client, uid) = (self.clone(), client.clone(), uid.to_owned());
        self.later(work::carry(async move {
            let _answered = answered.await;
            let is_here = || client.is(&uid) && !client.publications.lock().is_closed();
            if in_order {
                let _told = timeout(PRESENCE, present).await;
            }
            if let Some(document) = this.own_document(&uid).await
                && is_here()
            {
                client.send(&document);
            }
            // Not after `accounts.logout` or `socket.disconnected`.
            if in_order && is_here() {
                this.broadcast("accounts.login", &login_args(&client, &uid));
            }
        }));
    }

    /// Before the session loses its user.
    pub(super) fn tell_logged_out(&self, client: &Client, former: &Identity) {
        drop(self.told.remove_connection(client, former.user.clone()));
        self.broadcast("accounts.logout", &login_args(client, former.user.as_str()));
    }

    /// The socket is closed, and nothing is published to the client any more.
    pub(super) async fn tell_closed(&self, client: &Client) {
        self.broadcast(
            "socket.disconnected",
            &format!("[{}]", client.connection_json()),
        );
        let user = client.user();
        if user.is_some() {
            metrics::logged_out();
        }
        let gone = user.map(|user| self.told.remove_connection(client, user));
        let guest = async {
            if let Some(token) = client.livechat_token()
                && let Err(error) = self.rooms.services.meteor.guest_offline(token).await
            {
                debug!(%error, "the core was not told that a visitor left");
            }
        };
        let user = async {
            if let Some(gone) = gone {
                // It ends with the call, or because the queue ended.
                let _told = gone.await;
            }
        };
        tokio::join!(guest, user);
    }

    /// The mesh was joined again after it was away: presence may have forgotten this node, and events were missed. To be
    /// called whenever its state changes to joined, but for the first time.
    ///
    /// Presence comes back later than NATS, as do others, since their clients pause between attempts: what it is told waits
    /// until it is seen again, however long.
    pub fn rejoined(self: &Arc<Self>) {
        self.events_were_missed();
        let this = self.clone();
        self.in_turn(&self.announcing, async move {
            this.rooms.services.presence.seen_again().await;
            this.tell_all().await;
        });
    }

    /// Nobody heard some of what was told, so nothing that was known before is trusted: what events would have told is asked.
    ///
    /// Once core and authorization are seen again: what a core told before its own connection was back is lost as well, and
    /// what was read until then may be older. So it is asked anew whenever one more core of those that were there before
    /// is seen again.
    pub fn events_were_missed(self: &Arc<Self>) {
        self.forget();
        let this = self.clone();
        self.in_turn(&self.asking, async move {
            let services = &this.rooms.services;
            services.meteor.seen_again().await;
            this.rooms.collections.refill();
            services.authorization.seen_again().await;
            let mut seen = services.meteor.all_seen_again();
            loop {
                this.forget();
                let further = services.meteor.another_seen_again(&mut seen);
                let asked = async {
                    // Side by side: a database that hangs does not keep rules from being asked again.
                    tokio::join!(
                        this.look_at_all_tokens(),
                        this.rooms.streams.events_were_missed()
                    );
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    () = further => {}
                    () = asked => {}
                }
                this.rooms.collections.refill();
            }
        });
    }

    fn forget(&self) {
        self.rooms.settings.forget();
        self.rooms.streams.forget_answers();
    }

    pub(super) fn later(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(stop.run_until_cancelled_owned(task));
    }

    /// [`Methods::later`], until the next in these turns.
    pub(super) fn in_turn(&self, turns: &Turns, task: impl Future<Output = ()> + Send + 'static) {
        let next = turns.take();
        self.later(async move {
            tokio::select! {
                () = next => {}
                () = task => {}
            }
        });
    }

    async fn tell_all(&self) {
        let clients: Vec<_> = self
            .rooms
            .directory
            .all()
            .into_iter()
            .filter(|client| client.user().is_some())
            .collect();
        let began = Instant::now();
        let count = u32::try_from(clients.len()).unwrap_or(u32::MAX);
        for (at, client) in (0_u32..).zip(&clients) {
            tokio::time::sleep_until(began + SPREAD * at / count).await;
            // It may be somebody else's by now, or nobody's.
            if let Some(user) = client.user() {
                drop(self.told.new_connection(client, user));
            }
        }
    }

    fn broadcast(&self, event: &str, args: &str) {
        self.rooms.services.mesh().broadcast(event, args);
    }
}

/// `[{userId, connection}]`
fn login_args(client: &Client, uid: &str) -> String {
    format!(
        r#"[{{"userId":{},"connection":{}}}]"#,
        quoted(uid),
        client.connection_json()
    )
}
