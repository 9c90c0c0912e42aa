//! A glance at JSON that nobody has read, for what is nearly always dropped: it costs a search for bytes.

use std::sync::LazyLock;

use memchr::memchr3;
use memchr::memmem::Finder;

/// The first byte of characters that [`super::text`] does not leave as they are.
const LAST_PLANE: u8 = 0xf4;

/// JSON, or what may be none, in which no key can be written otherwise than as it is called.
#[derive(Clone, Copy)]
pub struct Glance<'a>(&'a [u8]);

/// A key to look for.
pub struct Key(Finder<'static>);

impl Key {
    /// The key that is called so: a word, nothing in it needs an escape.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Finder::new(&format!("\"{name}\"")).into_owned())
    }
}

impl<'a> Glance<'a> {
    /// `None` where it has to be read: with `\u` keys can be written otherwise.
    #[must_use]
    pub fn at(json: &'a [u8]) -> Option<Self> {
        static ESCAPE: LazyLock<Finder> = LazyLock::new(|| Finder::new(b"\\u"));
        ESCAPE.find(json).is_none().then_some(Self(json))
    }

    /// Whether something is called so, as a key or a text.
    #[must_use]
    pub fn has(self, key: &Key) -> bool {
        key.0.find(self.0).is_some()
    }

    /// The texts of all members that are called so, on whatever level. `None` stands for what has to be read to be known: a
    /// value that is no text, is empty or has escapes in it, and a blank.
    pub fn texts(self, key: &Key) -> impl Iterator<Item = Option<&'a str>> {
        let length = key.0.needle().len();
        let found = key.0.find_iter(self.0);
        found.map(move |at| plain(self.0.get(at + length..)?))
    }
}

/// The text behind a key's closing quote.
fn plain(behind: &[u8]) -> Option<&str> {
    let text = behind.strip_prefix(b":\"")?;
    let end = memchr3(b'"', b'\\', LAST_PLANE, text)?;
    let (text, rest) = text.split_at(end);
    (end > 0 && rest.starts_with(b"\""))
        .then(|| std::str::from_utf8(text).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_on_all_levels_and_doubts() {
        let told = |json: &str| -> Vec<Option<String>> {
            let Some(glance) = Glance::at(json.as_bytes()) else {
                return vec![None];
            };
            let key = Key::new("rid");
            let texts = glance.texts(&key);
            texts.map(|text| text.map(str::to_owned)).collect()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told(r#"[{"rid":"a","m":{"rid":"é"},"msg":"\"rid\":\"x\""}]"#),
            [some("a"), some("é")]
        );
        assert_eq!(told(r#"{"xrid":"a","rid2":"b"}"#), []);
        for doubt in [
            r#"{"rid": "a"}"#,
            r#"{"rid" :"a"}"#,
            r#"{"rid":1}"#,
            r#"{"rid":""}"#,
            "{\"rid\":\"\u{10f83d}\"}",
            r#"["rid","a"]"#,
            r#"{"rid":"a\n"}"#,
            r#"{"rid":"a"#,
            r#"{"\u0072id":"a"}"#,
        ] {
            assert_eq!(told(doubt), [None], "{doubt}");
        }
    }
}
