//! Accounts: login tokens are given out, known by their hash, and taken back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::date::Date;
use super::documents::LoginToken;
use super::documents::User;
use super::state::World;

/// How long a token is good: `Accounts_LoginExpiration`'s default.
const EXPIRES_AFTER_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// As Meteor hashes login tokens.
pub(in crate::sandbox) fn hash_login_token(token: &str) -> String {
    STANDARD.encode(Sha256::digest(token))
}

/// As clients hash passwords.
fn hash_password(password: &str) -> String {
    Sha256::digest(password)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl World {
    /// `accounts.login`: by `{resume}` or `{user, password}`; `false` for whoever is not known.
    pub(in crate::sandbox) fn login(&mut self, credentials: &Value) -> Value {
        if let Some(token) = credentials.get("resume").and_then(Value::as_str) {
            self.add_numbered_user(token);
            let hashed = hash_login_token(token);
            let known = self.users.values().find_map(|user| {
                let token = user
                    .tokens
                    .iter()
                    .find(|token| token.hashed_token == hashed)?;
                Some((user.id.clone(), token.when))
            });
            return known.map_or(Value::Bool(false), |(uid, when)| {
                logged_in(&uid, token, &hashed, when, "resume")
            });
        }
        let Some(uid) = self.with_password(credentials) else {
            return Value::Bool(false);
        };
        let (token, when) = self.give_token(&uid);
        logged_in(&uid, &token, &hash_login_token(&token), when, "password")
    }

    /// Whose password this is. Unlike some releases of the account service, this one looks.
    fn with_password(&self, credentials: &Value) -> Option<String> {
        let who = credentials.get("user")?;
        let text = |key: &str| who.get(key).and_then(Value::as_str);
        let email = text("email").and_then(|email| email.strip_suffix("@example.org"));
        let user = self.user_named(text("username").or(email)?)?;
        let expected = user.password.as_deref()?;
        let right = match credentials.get("password")? {
            Value::String(password) => password == expected,
            digest => digest.get("digest")?.as_str()? == hash_password(expected),
        };
        right.then(|| user.id.clone())
    }

    /// A fresh login token of a user who is there.
    pub(in crate::sandbox) fn give_token(&mut self, uid: &str) -> (String, Date) {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let when = Date::now();
        if let Some(user) = self.users.get_mut(uid) {
            user.tokens.push(LoginToken {
                when,
                hashed_token: hash_login_token(&token),
            });
        }
        self.tokens_changed(uid);
        (token, when)
    }

    /// `accounts.logout`.
    pub(in crate::sandbox) fn logout(&mut self, uid: &str, hashed: &str) {
        self.keep_tokens(uid, |token| token.hashed_token != hashed);
    }

    /// `logoutOtherClients`, `removeOtherTokens`: every session but those of this token ends.
    pub(in crate::sandbox) fn logout_others(&mut self, uid: &str, hashed: &str) {
        self.keep_tokens(uid, |token| token.hashed_token == hashed);
    }

    fn keep_tokens(&mut self, uid: &str, keep: impl Fn(&LoginToken) -> bool) {
        let Some(user) = self.users.get_mut(uid) else {
            return;
        };
        let before = user.tokens.len();
        user.tokens.retain(keep);
        if user.tokens.len() != before {
            self.tokens_changed(uid);
        }
    }

    /// Written, and told of in the form in which the database's watcher tells: one flat key.
    fn tokens_changed(&mut self, uid: &str) {
        self.save_user(uid);
        let Some(user) = self.users.get(uid) else {
            return;
        };
        let diff = json!({ "services.resume.loginTokens": user.tokens });
        self.broadcast(
            "watch.users",
            json!([{ "clientAction": "updated", "id": uid, "diff": diff, "unset": {} }]),
        );
    }

    /// Besides the seeded people any number N exists: the token `token-<N>` is that of user `uid<N>`, a member of nothing. For bots
    /// and load generators.
    fn add_numbered_user(&mut self, token: &str) {
        let Some(number) = token
            .strip_prefix("token-")
            .and_then(|number| number.parse::<u32>().ok())
        else {
            return;
        };
        let id = format!("uid{number}");
        if format!("token-{number}") != token || self.users.contains_key(&id) {
            return;
        }
        let mut user = User::new(
            &id,
            &format!("user{number}"),
            &format!("User {number}"),
            &["user"],
        );
        user.tokens.push(LoginToken {
            when: Date::now(),
            hashed_token: hash_login_token(token),
        });
        self.users.insert(id.clone(), user);
        self.save_user(&id);
    }
}

fn logged_in(uid: &str, token: &str, hashed: &str, when: Date, kind: &str) -> Value {
    json!({
        "uid": uid, "token": token, "hashedToken": hashed, "type": kind,
        "tokenExpires": Date(when.0 + EXPIRES_AFTER_MS),
    })
}
