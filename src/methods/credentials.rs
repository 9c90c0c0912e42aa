//! What a client logs in with: read strictly, written anew. What is passed on is made of checked strings alone.

use serde_json::value::RawValue;

use super::params::Params;
use crate::ejson::{self, RawObject, quoted};

/// What `accounts.login` is asked with.
#[derive(Debug)]
pub(super) enum Login {
    /// Ask with this.
    Ask(Box<RawValue>),
    /// Nobody needs to be asked.
    Refused,
}

impl Login {
    /// Reads the params of `login`.
    pub(super) fn read(params: &Params<'_>, password_login: bool) -> Self {
        let asked = params.object(0).and_then(|given| {
            resume(&given).or_else(|| password(&given).filter(|_| password_login))
        });
        match asked.map(ejson::raw) {
            Some(Ok(asked)) => Self::Ask(asked),
            _ => Self::Refused,
        }
    }
}

/// `{resume}`
fn resume(given: &RawObject<'_>) -> Option<String> {
    let token = given.text("resume")?;
    Some(format!(r#"{{"resume":{}}}"#, quoted(&token)))
}

/// `{user: {username}, password}`; the password as text, or as `{digest, algorithm}`.
fn password(given: &RawObject<'_>) -> Option<String> {
    if given.has("resume") {
        return None;
    }
    let user = given.object("user")?;
    let username = quoted(&user.text("username")?);
    let password = match given.text("password") {
        Some(text) => quoted(&text),
        None => {
            let hashed = given.object("password")?;
            let (digest, algorithm) = (
                quoted(&hashed.text("digest")?),
                quoted(&hashed.text("algorithm")?),
            );
            format!(r#"{{"digest":{digest},"algorithm":{algorithm}}}"#)
        }
    };
    Some(format!(
        r#"{{"user":{{"username":{username}}},"password":{password}}}"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &str, password_login: bool) -> Option<String> {
        let params = ejson::raw(params.to_owned()).unwrap();
        match Login::read(&Params::of(&params), password_login) {
            Login::Ask(asked) => Some(asked.get().to_owned()),
            Login::Refused => None,
        }
    }

    #[test]
    fn only_checked_strings_are_passed_on() {
        for (params, asked) in [
            (
                r#"[{"resume":"t\"","user":{"username":{"$ne":null}},"more":1}]"#,
                r#"{"resume":"t\""}"#,
            ),
            (
                r#"[{"user":{"username":"u","x":1},"password":"p","code":"1"}]"#,
                r#"{"user":{"username":"u"},"password":"p"}"#,
            ),
            (
                r#"[{"user":{"username":"u"},"password":{"digest":"d","algorithm":"sha-256","x":{}}}]"#,
                r#"{"user":{"username":"u"},"password":{"digest":"d","algorithm":"sha-256"}}"#,
            ),
        ] {
            assert_eq!(read(params, true).as_deref(), Some(asked), "{params}");
        }
    }

    #[test]
    fn passwords_are_passed_on_only_where_that_is_wanted() {
        assert_eq!(
            read(r#"[{"user":{"username":"u"},"password":"p"}]"#, false),
            None
        );
        assert_eq!(
            read(r#"[{"resume":"t"}]"#, false).as_deref(),
            Some(r#"{"resume":"t"}"#)
        );
    }

    #[test]
    fn anything_else_is_nobodys_question() {
        for params in [
            "[]",
            "[null]",
            "[\"t\"]",
            "[[{\"resume\":\"t\"}]]",
            "[{}]",
            r#"[{"resume":{"$ne":null}}]"#,
            r#"[{"resume":null}]"#,
            r#"[{"resume":7}]"#,
            r#"[{"resume":["t"]}]"#,
            r#"[{"resume":{"$ne":null},"user":{"username":"u"},"password":"p"}]"#,
            r#"[{"user":{"username":{"$gt":""}},"password":"p"}]"#,
            r#"[{"user":"u","password":"p"}]"#,
            r#"[{"user":{"username":"u"}}]"#,
            r#"[{"user":{"username":"u"},"password":{"$ne":null}}]"#,
            r#"[{"user":{"username":"u"},"password":{"digest":{"$ne":1},"algorithm":"sha-256"}}]"#,
            r#"[{"user":{"email":"e"},"password":"p"}]"#,
            r#"[{"oauth":{"credentialToken":"t"}}]"#,
        ] {
            assert_eq!(read(params, true), None, "{params}");
        }
    }
}
