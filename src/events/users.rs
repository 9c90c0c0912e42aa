//! Users: their records, their sessions, what they are told.

use std::collections::{BTreeMap, HashSet};

use serde_json::value::RawValue;

use super::args::{Args, Build, Fields, object, spread, text};
use super::context::Events;
use crate::ddp::Close;
use crate::ejson::{self, RawObject};

/// The flat key under which a change of a user's login tokens travels.
const LOGIN_TOKENS: &str = "services.resume.loginTokens";

/// `watch.users` {id, clientAction, data?, diff?, unset?}
pub(super) fn changed(events: &Events, args: &Args<'_>) -> Option<()> {
    let change = args.object(0)?;
    let (uid, action) = (change.key("id")?, change.key("clientAction")?);
    events.house.user_changed(&uid);
    let id = ejson::quoted(&uid);
    let told = match &*action {
        "updated" => {
            let diff = change.optional("diff", object)?;
            let unset = change.optional("unset", object)?;
            look_at_tokens(events, &uid, diff, unset);
            let roles = |raw: Option<&RawValue>| Some(RawObject::of(raw?)?.get("roles").is_some());
            if [diff, unset]
                .into_iter()
                .any(|one| roles(one) == Some(true))
            {
                events.house.user_roles_changed(&uid);
            }
            Build::new()
                .raw("id", &id)
                .maybe("diff", diff)
                .maybe("unset", unset)
        }
        "inserted" => Build::new()
            .raw("id", &id)
            .raw("data", change.required("data", object)?.get()),
        "removed" => Build::new().raw("id", &id),
        _ => return None,
    };
    events.user(&uid, "userData", &[&told.text("type", &action).done()])
}

/// Ends the sessions whose login token is gone from the user.
///
/// The list may have been read before a newer login, so whoever is missing in it is looked up once more, and gets nothing
/// until that is answered. Those that share a token (the tabs of a browser) share one question; the questions about one token
/// wait for each other, and nobody else waits.
fn look_at_tokens(events: &Events, uid: &str, diff: Option<&RawValue>, unset: Option<&RawValue>) {
    let tokens = |raw: Option<&RawValue>| -> Option<HashSet<String>> {
        let list = raw.and_then(RawObject::of)?;
        let list = list.get(LOGIN_TOKENS)?;
        let hashed =
            |token: &&RawValue| RawObject::of(token)?.text("hashedToken").map(String::from);
        // What is no list names no token: everybody is looked up, and the database decides.
        Some(
            ejson::array(list)
                .unwrap_or_default()
                .iter()
                .filter_map(hashed)
                .collect(),
        )
    };
    let kept = match (tokens(diff), tokens(unset)) {
        (_, Some(_)) => HashSet::new(),
        (Some(kept), None) => kept,
        (None, None) => return,
    };
    let mut missing: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for client in events
        .directory
        .revoke(uid, kept.iter().map(String::as_str))
    {
        let Some(identity) = client.identity() else {
            continue;
        };
        if !kept.contains(&*identity.hashed_token) {
            let doubted = missing.entry(identity.hashed_token.to_string());
            let doubt = client.doubt();
            doubted.or_default().push((client, identity, doubt));
        }
    }
    for (token, doubted) in missing {
        let key = format!("tokens/{uid}/{token}");
        let bytes = size_of_val(&*doubted);
        let question = events.house.has_login_token(uid.to_owned(), token);
        let lookup = async move {
            let found = question.await;
            for (client, identity, doubt) in doubted {
                // It may have logged in anew while the question was away.
                let stays = found
                    || client.identity().is_none_or(|now| {
                        now.user != identity.user || now.hashed_token != identity.hashed_token
                    });
                if stays {
                    doubt.settle();
                }
            }
        };
        // A question that cannot be asked is a failed look-up: the doubts are dropped with it.
        let _asked = events.queue.push_bytes(&key, bytes, lookup);
    }
}

/// `user.forceLogout` uid, sessionId?: the stream event first, then the end.
pub(super) fn force_logout(events: &Events, args: &Args<'_>) -> Option<()> {
    let uid = args.key(0)?;
    let clients = events.directory.revoke(&uid, std::iter::empty());
    let Some(session) = args.some(1) else {
        events.user(&uid, "force_logout", &[]);
        for client in clients {
            client.close(Close::ThrownOut);
        }
        return Some(());
    };
    let id = ejson::text(session)?;
    events.user(&uid, "force_logout", &[session.get()]);
    if let Some(client) = events
        .directory
        .session(&id)
        .filter(|client| client.is(&uid))
    {
        client.close(Close::ThrownOut);
    }
    Some(())
}

/// `user.deleted` {_id}, data
pub(super) fn deleted(events: &Events, args: &Args<'_>) -> Option<()> {
    let user = args.object(0)?;
    let uid = user.key("_id")?;
    let data = match args.some(1) {
        Some(data) => RawObject::of(data)?,
        None => RawObject::new(),
    };
    events.logged("Users:Deleted", &[&spread("userId", &uid, &data)])
}

/// `user.roleUpdate` update
pub(super) fn role_update(events: &Events, args: &Args<'_>) -> Option<()> {
    events.house.roles_given();
    events.logged("roles-change", &[args.some(0)?.get()])
}

/// `user.avatarUpdate` {username, avatarETag}
pub(super) fn avatar(events: &Events, args: &Args<'_>) -> Option<()> {
    let user = args.object(0)?;
    let update = Build::new()
        .text("username", &user.key("username")?)
        .maybe("etag", user.optional("avatarETag", text)?);
    events.logged("updateAvatar", &[&update.done()])
}

/// `user.video-conference` {userId, action, params}
pub(super) fn video_conference(events: &Events, args: &Args<'_>) -> Option<()> {
    let call = args.object(0)?;
    let told = Build::new()
        .raw("action", call.required("action", text)?.get())
        .maybe("params", call.optional("params", object)?);
    events.user(&call.key("userId")?, "video-conference", &[&told.done()])
}

/// `user.media-signal` {userId, signal}
pub(super) fn media_signal(events: &Events, args: &Args<'_>) -> Option<()> {
    let media = args.object(0)?;
    events.user(
        &media.key("userId")?,
        "media-signal",
        &[media.present("signal")?.get()],
    )
}

/// uid, data: a user is told something.
pub(super) fn told(events: &Events, args: &Args<'_>, what: &str) -> Option<()> {
    events.user(&args.key(0)?, what, &[args.some(1)?.get()])
}
