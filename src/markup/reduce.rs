//! Neighbouring plain text becomes one node, and an emoji squeezed between letters becomes the text it was written as.

use std::rc::Rc;

use super::chars;
use super::tree::Inline;

/// The members of a line as the tree holds them.
pub(super) fn reduce(items: Vec<Rc<Inline>>) -> Vec<Rc<Inline>> {
    let mut reduced: Vec<Rc<Inline>> = Vec::with_capacity(items.len());
    let mut text: Vec<u16> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item.as_ref() {
            Inline::Plain(units) => text.extend_from_slice(units),
            Inline::Emoji { source, .. } if !stands_free(&items, index) => {
                text.extend_from_slice(source)
            }
            _ => {
                flush(&mut text, &mut reduced);
                reduced.push(Rc::clone(item));
            }
        }
    }
    flush(&mut text, &mut reduced);
    reduced
}

/// May the emoji at this index stay one? Its neighbours must be nothing, white space, or something that is no text.
fn stands_free(items: &[Rc<Inline>], index: usize) -> bool {
    let before = match index
        .checked_sub(1)
        .and_then(|index| items.get(index))
        .map(AsRef::as_ref)
    {
        Some(Inline::Plain(text)) => text.iter().all(|unit| chars::is_white(*unit)),
        Some(other) => !other.is_emoji(),
        None => true,
    };
    let after = match items.get(index + 1).map(AsRef::as_ref) {
        Some(Inline::Plain(text)) => text.iter().all(|unit| chars::is_white(*unit)),
        Some(other) => !other.is_emoji(),
        None => true,
    };
    before && after
}

/// End the run of text.
fn flush(text: &mut Vec<u16>, reduced: &mut Vec<Rc<Inline>>) {
    if !text.is_empty() {
        reduced.push(Rc::new(Inline::Plain(std::mem::take(text))));
    }
}
