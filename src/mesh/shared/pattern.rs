//! Moleculer's wildcards in event names: `?` one character, `*` any within a part, `**` any across parts.
//!
//! The same names must match here as there, or an event reaches nodes that did not ask for it, or fails to reach those
//! that did. So its two oddities are kept: in a pattern with anything but a star at its end a dot stands for any
//! character, and a single star at the end may begin with a dot.

/// An event name as a service lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// No wildcard.
    Exact,
    /// Wildcards anywhere.
    Tokens(Vec<Token>),
    /// `prefix*`.
    Part,
    /// `prefix**`.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// One character.
    One,
    /// Any characters but dots.
    Part,
    /// Any characters.
    Rest,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let plain = |prefix: &str| !prefix.contains(['*', '?']);
        let shape = if plain(text) {
            Shape::Exact
        } else if text.strip_suffix("**").is_some_and(plain) {
            Shape::Rest
        } else if text
            .strip_suffix('*')
            .is_some_and(|prefix| plain(prefix) && !prefix.is_empty())
        {
            Shape::Part
        } else {
            Shape::Tokens(tokens(text))
        };
        Self {
            text: text.to_owned(),
            shape,
        }
    }

    /// A plain name.
    pub(crate) fn is_exact(&self) -> bool {
        self.shape == Shape::Exact
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether an event of this name is meant.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match &self.shape {
            Shape::Exact => self.text == name,
            Shape::Rest => name.starts_with(self.text.trim_end_matches('*')),
            Shape::Part => name
                .strip_prefix(self.text.trim_end_matches('*'))
                .is_some_and(|rest| !rest.chars().skip(1).any(|c| c == '.')),
            Shape::Tokens(tokens) => walk(tokens, name),
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '?' => Token::One,
            '*' if chars.next_if_eq(&'*').is_some() => Token::Rest,
            '*' => Token::Part,
            '.' => Token::One,
            literal => Token::Literal(literal),
        });
    }
    tokens
}

/// Time grows with name times pattern, never worse: others write both.
fn walk(tokens: &[Token], name: &str) -> bool {
    // Which prefixes of the pattern match what was read of the name so far.
    let n = tokens.len();
    let mut now = vec![false; n + 1];
    now[0] = true;
    skip_stars(tokens, &mut now);
    for c in name.chars() {
        let mut next = vec![false; n + 1];
        for (i, token) in tokens.iter().enumerate() {
            if !now[i] {
                continue;
            }
            match token {
                Token::Literal(wanted) => next[i + 1] |= *wanted == c,
                Token::One => next[i + 1] = true,
                Token::Part => next[i] |= c != '.',
                Token::Rest => next[i] = true,
            }
        }
        skip_stars(tokens, &mut next);
        now = next;
    }
    now[n]
}

/// A star may stand for nothing.
fn skip_stars(tokens: &[Token], state: &mut [bool]) {
    for (i, token) in tokens.iter().enumerate() {
        if state[i] && matches!(token, Token::Part | Token::Rest) {
            state[i + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: mesh/info/wildcards
    #[test]
    fn as_moleculer_matches() {
        // Each row was asked of moleculer 0.14.35's own matcher.
        let rows = [
            ("user.created", "user.created", true),
            ("user.created", "user.updated", false),
            ("user.*", "user.created", true),
            ("user.*", "user.created.now", false),
            ("user.*", "user.", true),
            ("user.*", "user", false),
            ("user.**", "user.created.now", true),
            ("user.**", "user.", true),
            ("user.**", "users.x", false),
            ("*", "user", true),
            ("*", "user.created", false),
            ("**", "user.created", true),
            ("**", "", true),
            ("u?er.created", "user.created", true),
            ("u?er.created", "u.er.created", true),
            ("u?er.created", "userXcreated", true),
            ("user*", "user.x", true),
            ("user*", "user.x.y", false),
            ("*.?", "abb", true),
            ("***", "a.b", true),
            ("?", "ab", false),
            ("user?created", "user.created", true),
            ("*.created", "user.created", true),
            ("*.created", "a.user.created", false),
            ("**.created", "a.user.created", true),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b.b.c", false),
            ("a.**.c", "a.b.b.c", true),
            ("a.b*", "a.bcd", true),
            ("$node.*", "$node.connected", true),
            ("$node.?onnected", "$node.connected", true),
            ("user.cr*d", "user.created", true),
            ("user.cr*x", "user.created", false),
        ];
        for (pattern, name, expected) in rows {
            assert_eq!(
                Pattern::new(pattern).matches(name),
                expected,
                "{pattern} / {name}"
            );
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        assert!(!Pattern::new(&"*a".repeat(60)).matches(&"a".repeat(59)));
    }
}
