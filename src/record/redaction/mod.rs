//! What leaves a workspace in a recording: the structure of what was said, and nothing that anybody wrote, is called or logs in with.
//!
//! It is closed by default. A value is kept only where its field is known (`fields`) and the value is a number, a boolean, a date or a word of the protocol (`words`);
//! ids and names become pseudonyms (`pseudonyms`), all else a filling of about its length. Names of fields are values of somebody's too (custom fields, reactions,
//! headers) and go the same way. What cannot be read is not written at all.

mod fields;
mod pseudonyms;
mod walk;
mod words;

#[cfg(test)]
mod tests;

use serde_json::value::RawValue;

pub(crate) use pseudonyms::Pseudonyms;

/// A value that cannot be read, or is nested too deeply: nothing of it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Replaces what must not leave.
pub(crate) struct Redaction {
    pub(crate) pseudonyms: Pseudonyms,
    keep_texts: bool,
}

impl Redaction {
    pub(crate) fn new(keep_texts: bool) -> Self {
        Self {
            pseudonyms: Pseudonyms::new(),
            keep_texts,
        }
    }

    /// Appends the arguments of an event or a call, or its result.
    pub(crate) fn write(&self, value: &RawValue, out: &mut String) -> Result<(), Unreadable> {
        walk::write(self, value, out)
    }

    /// A name that programs give and no person: of an event, an action, a service. What does not look like one has a pseudonym.
    pub(crate) fn name(&self, name: &str) -> String {
        const LONGEST: usize = 80;
        let usual = |c: char| c.is_ascii_alphanumeric() || ".-_:$/*".contains(c);
        if !name.is_empty() && name.len() <= LONGEST && name.chars().all(usual) {
            return name.to_owned();
        }
        self.pseudonyms.of(name)
    }

    /// A word of an error, when it is a known one or a number.
    pub(crate) fn code(&self, code: &str) -> Option<String> {
        let number =
            !code.is_empty() && code.len() <= 4 && code.bytes().all(|b| b.is_ascii_digit());
        (number || words::is_name(code) || words::is_word(code)).then(|| code.to_owned())
    }
}
