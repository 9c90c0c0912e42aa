//! A glance at JSON that nobody has read, for what is nearly always dropped: it costs a search for bytes.

use std::iter::once;

use memchr::memchr2;
use memchr::memmem::Finder;

/// A key to look for.
pub struct Key(Finder<'static>);

impl Key {
    /// The key that is called so: a word, nothing in it needs an escape.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Finder::new(&format!("\"{name}\"")).into_owned())
    }

    /// The texts of all members that are called so, on whatever level of `json`, which may be no JSON at all. `None` stands
    /// for what has to be read to be known: a value that is no text or has escapes in it, a blank, and any `\u`, with which
    /// keys can be written otherwise.
    pub fn texts<'a>(&self, json: &'a [u8]) -> impl Iterator<Item = Option<&'a str>> {
        let escaped = memchr::memmem::find(json, b"\\u").is_some();
        let found = self.0.find_iter(json);
        let length = self.0.needle().len();
        let texts = found.map(move |at| plain(json.get(at + length..)?));
        once(None).take(usize::from(escaped)).chain(texts)
    }
}

/// The text behind a key's closing quote.
fn plain(behind: &[u8]) -> Option<&str> {
    let text = behind.strip_prefix(b":\"")?;
    let end = memchr2(b'"', b'\\', text)?;
    let (text, rest) = text.split_at(end);
    rest.starts_with(b"\"")
        .then(|| std::str::from_utf8(text).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_on_all_levels_and_doubts() {
        let told = |json: &str| -> Vec<Option<String>> {
            let key = Key::new("rid");
            let texts = key.texts(json.as_bytes());
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
            r#"["rid","a"]"#,
            r#"{"rid":"a\n"}"#,
            r#"{"rid":"a"#,
            r#"{"\u0072id":"a"}"#,
        ] {
            assert_eq!(told(doubt), [None], "{doubt}");
        }
    }
}
