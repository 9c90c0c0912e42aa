//! `login` and `logout`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::warn;

use super::Methods;
use super::credentials::Login;
use super::errors::{for_client, refuses_login};
use super::params::Params;
use crate::client::{After, Client, Identity, Reply, UserId};
use crate::ddp::message::{Change, document};
use crate::ddp::{Close, DdpError};
use crate::ejson::{self, quoted};
use crate::services::{Credentials, LoggedIn};
use crate::streams::until_done;
use crate::telemetry::limit::Limited;
use crate::telemetry::{metrics, work};

/// What every login is told that did not succeed.
const REFUSED: &str = "You've been logged out by the server. Please log in again";

/// Tokens that are looked up at the same time after an outage: others ask the database too.
const LOOKED_UP_AT_ONCE: usize = 16;

/// A login token, and the sessions that are logged in with it.
type Sharing = ((UserId, Box<str>), Vec<Arc<Client>>);

/// A database that is away is told of at most so often.
static NO_DOCUMENT: Limited = Limited::every(Duration::from_secs(10));

impl Methods {
    pub(super) async fn login(
        self: &Arc<Self>,
        client: &Arc<Client>,
        params: &Params<'_>,
    ) -> Reply {
        let limited = self.login_rate.as_ref().zip(client.address());
        if let Some((rate, address)) = limited {
            tokio::time::sleep(rate.wait(address)).await;
        }
        let refusal = match self.try_login(client, params).await {
            Ok(reply) => return reply,
            Err(refusal) => refusal,
        };
        if let Some((rate, address)) = limited {
            rate.failed(address);
        }
        Err(refusal).into()
    }

    /// Whatever is answered, but for credentials that are refused.
    async fn try_login(
        self: &Arc<Self>,
        client: &Arc<Client>,
        params: &Params<'_>,
    ) -> Result<Reply, DdpError> {
        let refused = || DdpError::number(403, REFUSED);
        let Login::Ask(credentials) = Login::read(params, self.password_login) else {
            return Err(refused());
        };
        let before = self.rooms.directory.revocations();
        let answer = self
            .rooms
            .services
            .accounts
            .login(Credentials(&credentials))
            .await;
        match answer {
            Ok(Some(logged_in)) => Ok(self.logged_in(client, &logged_in, before).await),
            Ok(None) => Err(refused()),
            Err(error) if refuses_login(&error) => Err(for_client(&error)),
            Err(error) => Ok(Err(for_client(&error)).into()),
        }
    }

    async fn logged_in(
        self: &Arc<Self>,
        client: &Arc<Client>,
        logged_in: &LoggedIn,
        before: u64,
    ) -> Reply {
        let identity = Identity {
            user: UserId::from(&*logged_in.uid),
            hashed_token: (&*logged_in.hashed_token).into(),
        };
        let result = ejson::raw(result(logged_in))
            .map(Some)
            .map_err(|_| DdpError::internal());
        let former = client.identity();
        if former
            .as_ref()
            .is_some_and(|former| former.user == identity.user)
        {
            // Later calls go out with the newer token; nothing else changes.
            self.rooms.directory.identify(client, Some(identity));
            self.look_again(client, before);
            return result.into();
        }
        {
            let most = self.max_sessions_per_user;
            let _alone = most.map(|_| self.logging_in.lock());
            let there = |most: usize| self.rooms.directory.count_of_user(&logged_in.uid) >= most;
            if most.is_some_and(there) {
                return Err(DdpError::too_many_sessions()).into();
            }
            if let Some(former) = &former {
                self.tell_logged_out(client, former);
            } else {
                metrics::logged_in();
            }
            self.rooms.directory.identify(client, Some(identity));
        }
        let (sent, answered) = oneshot::channel();
        self.tell_logged_in(client, &logged_in.uid, answered);
        self.look_again(client, before);
        if former.is_some() {
            self.rooms.streams.recheck(client.clone()).await;
        }
        let sent = Some(sent);
        Reply {
            result,
            after: After { sent, close: None },
        }
    }

    /// Looks a login's token up if the user's logins were put in doubt while it was under way: whoever ended them did not
    /// find this one. It gets nothing until that is answered.
    fn look_again(&self, client: &Arc<Client>, before: u64) {
        let Some(identity) = client.identity() else {
            return;
        };
        if !self.rooms.directory.revoked_since(before, &identity) {
            return;
        }
        let (doubt, store) = (client.doubt(), self.rooms.store.clone());
        self.later(async move {
            let found = store.has_login_token(identity.user.as_str(), &identity.hashed_token);
            // A look-up that failed is no proof of a login: the doubt is dropped with it.
            if found.await.unwrap_or(false) {
                doubt.settle();
            }
        });
    }

    /// Events were missed, among them that a token is gone: who is logged in with one that is not there is thrown out. Nobody is
    /// doubted meanwhile, and a look-up that failed ends nobody, since nothing says that anything happened: it is done again. A
    /// store in memory is not told of new tokens, and not asked.
    pub(super) async fn look_at_all_tokens(&self) {
        if self.rooms.store.as_memory().is_none() {
            self.look_up_all().await;
        }
    }

    pub(super) async fn look_up_all(&self) {
        let mut sharing: HashMap<_, Vec<_>> = HashMap::new();
        for client in self.rooms.directory.all() {
            if let Some(identity) = client.identity() {
                let token = (identity.user.clone(), identity.hashed_token.clone());
                sharing.entry(token).or_default().push(client);
            }
        }
        let all = sharing.into_iter().collect();
        until_done(all, LOOKED_UP_AT_ONCE, |one| self.look_up(one)).await;
    }

    /// Throws out who is still logged in with this token where it is gone. Gives back what could not be looked up.
    async fn look_up(&self, ((user, token), mut sharing): Sharing) -> Option<Sharing> {
        let has = |now: Arc<Identity>| now.user == user && now.hashed_token == token;
        sharing.retain(|client| {
            !client.publications.lock().is_closed() && client.identity().is_some_and(has)
        });
        if sharing.is_empty() {
            return None;
        }
        let found = self
            .rooms
            .store
            .has_login_token(user.as_str(), &token)
            .await;
        match found {
            Ok(true) => None,
            Ok(false) => {
                for client in sharing {
                    if client.identity().is_some_and(has) {
                        client.close(Close::ThrownOut);
                    }
                }
                None
            }
            // Why not is in the log.
            Err(_unasked) => Some(((user, token), sharing)),
        }
    }

    /// The user's own document; a login succeeds without it.
    pub(super) async fn own_document(&self, uid: &str) -> Option<Vec<u8>> {
        match self.rooms.store.own_user(uid).await {
            Ok(user) => {
                user.map(|user| document(Change::Added, "users", uid, Some(user.fields.get())))
            }
            Err(error) => {
                NO_DOCUMENT
                    .log(|left_out| warn!(%error, left_out, "a user's own document was not sent"));
                None
            }
        }
    }

    pub(super) async fn logout(self: &Arc<Self>, client: &Arc<Client>) -> Reply {
        let after = After {
            sent: None,
            close: Some(Close::ProtocolError),
        };
        let Some(identity) = client.identity() else {
            return Reply {
                result: Ok(None),
                after,
            };
        };
        // Nothing that the user was granted flows on while the account service is asked.
        self.rooms.streams.leave(client);
        self.tell_logged_out(client, &identity);
        self.rooms.directory.identify(client, None);
        metrics::logged_out();
        let accounts = self.rooms.services.accounts.clone();
        // A client that leaves at once has logged out all the same.
        let call = self.tracker.spawn(work::carry(async move {
            accounts
                .logout(identity.user.as_str(), &identity.hashed_token)
                .await
        }));
        let result = match call.await {
            Ok(Ok(())) => Ok(None),
            Ok(Err(error)) => Err(for_client(&error)),
            Err(_) => Err(DdpError::internal()),
        };
        Reply { result, after }
    }
}

/// `{id, token, tokenExpires, type}`
fn result(logged_in: &LoggedIn) -> String {
    let mut out = format!(
        r#"{{"id":{},"token":{}"#,
        quoted(&logged_in.uid),
        quoted(&logged_in.token)
    );
    for (name, value) in [
        ("tokenExpires", &logged_in.token_expires),
        ("type", &logged_in.kind),
    ] {
        if let Some(value) = value {
            out.push_str(&format!(r#","{name}":{value}"#));
        }
    }
    out.push('}');
    out
}
