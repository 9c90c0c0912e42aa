//! Moleculer's wildcards in event names: `?` one character, `*` any within a part, `**` any across parts.

/// An event name as a service lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    /// Empty for names without wildcards.
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// One character, dots included.
    One,
    /// Any characters but dots.
    Part,
    /// Any characters.
    Rest,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut tokens = Vec::new();
        if text.contains(['*', '?']) {
            let mut chars = text.chars().peekable();
            while let Some(c) = chars.next() {
                tokens.push(match c {
                    '?' => Token::One,
                    '*' if chars.next_if_eq(&'*').is_some() => Token::Rest,
                    '*' => Token::Part,
                    literal => Token::Literal(literal),
                });
            }
        }
        Self {
            text: text.to_owned(),
            tokens,
        }
    }

    /// A plain name.
    pub(crate) fn is_exact(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether an event of this name is meant. Time grows with name times pattern, never worse: others write both.
    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.is_exact() {
            return self.text == name;
        }
        // Which prefixes of the pattern match what was read of the name so far.
        let n = self.tokens.len();
        let mut now = vec![false; n + 1];
        now[0] = true;
        skip_stars(&self.tokens, &mut now);
        for c in name.chars() {
            let mut next = vec![false; n + 1];
            for (i, token) in self.tokens.iter().enumerate() {
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
            skip_stars(&self.tokens, &mut next);
            now = next;
        }
        now[n]
    }
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
            ("u?er.created", "u.er.created", false),
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
