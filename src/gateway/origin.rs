//! Which pages may connect (`DDP_ALLOWED_ORIGINS`).

/// Origins with `*` (any text) and `?` (any one character); letters in either case.
#[derive(Debug)]
pub(super) struct Origins(Vec<String>);

impl Origins {
    pub(super) fn new(patterns: &[String]) -> Self {
        let all = patterns.iter().map(|pattern| plain(pattern)).collect();
        Self(all)
    }

    /// Whether a request with this `Origin` is let in. What is no page sends none, and no pattern means any.
    pub(super) fn allows(&self, origin: Option<&[u8]>) -> bool {
        let Some(origin) = origin.filter(|_| !self.0.is_empty()) else {
            return true;
        };
        let origin = plain(&String::from_utf8_lossy(origin));
        self.0
            .iter()
            .any(|pattern| matches(pattern.as_bytes(), origin.as_bytes()))
    }
}

fn plain(origin: &str) -> String {
    origin.trim().trim_end_matches('/').to_lowercase()
}

/// Glob matching in linear space: after a mismatch only the last `*` is tried again.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, t) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let origins = Origins::new(&[
            "https://chat.example.com/".into(),
            " https://*.example.org".into(),
            "http://local?ost:*".into(),
        ]);
        for (origin, expected) in [
            ("https://chat.example.com", true),
            ("HTTPS://Chat.Example.com", true),
            ("https://chat.example.com.evil.net", false),
            ("https://a.b.example.org", true),
            ("https://example.org", false),
            ("https://xexample.org", false),
            ("http://localhost:3000", true),
            ("http://localost:", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(
                origins.allows(Some(origin.as_bytes())),
                expected,
                "{origin}"
            );
        }
        assert!(origins.allows(None));
        assert!(Origins::new(&[]).allows(Some(b"https://any.where")));
    }

    #[test]
    fn many_stars_end() {
        let pattern = "*a".repeat(50);
        assert!(!matches(pattern.as_bytes(), "a".repeat(49).as_bytes()));
        assert!(matches(pattern.as_bytes(), "ba".repeat(50).as_bytes()));
    }
}
