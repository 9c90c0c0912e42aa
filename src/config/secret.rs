//! Text that must not reach a log.

use std::fmt;

/// What is shown in place of a secret, in logs and in error lines.
pub const HIDDEN: &str = "(hidden)";

/// A URL with a password, a password, a token. `Debug` and `Display` show [`HIDDEN`]; whoever needs the text says so with [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps `text` from being shown by accident.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the peer it is meant for, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// A URL as it may be shown: the scheme, so that a wrong one can be recognised, and nothing of the rest.
pub(super) fn shown_secret(value: &str) -> String {
    match value.split_once("://") {
        Some((scheme, _))
            if scheme.len() <= 20
                && scheme.chars().all(|c| c.is_ascii_alphabetic() || c == '+') =>
        {
            format!("{scheme}://{HIDDEN}")
        }
        _ => HIDDEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: configuration/secrets
    #[test]
    fn a_secret_shows_itself_only_when_asked() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "(hidden) (hidden)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn of_a_secret_url_the_scheme_is_shown() {
        assert_eq!(shown_secret("redis://me:pass@host"), "redis://(hidden)");
        assert_eq!(shown_secret("me:pass@host"), "(hidden)");
        assert_eq!(shown_secret("my pass://word"), "(hidden)");
    }
}
