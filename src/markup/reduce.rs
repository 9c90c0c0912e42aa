//! Neighbouring plain text becomes one node, and an emoji squeezed between letters becomes the text it was written as.

use std::rc::Rc;

use super::chars;
use super::source::Source;
use super::tree::Inline;

/// The members of a line as the tree holds them.
pub(super) fn reduce(source: &Source, items: Vec<Rc<Inline>>) -> Vec<Rc<Inline>> {
    let mut reduced: Vec<Rc<Inline>> = Vec::with_capacity(items.len());
    let mut text: Vec<u16> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item.as_ref() {
            Inline::Plain(units) => text.extend_from_slice(units),
            Inline::Text(from, to) => text.extend_from_slice(source.slice(*from, *to)),
            Inline::Emoji { written, .. } if !stands_free(source, &items, index) => {
                text.extend_from_slice(written)
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
fn stands_free(source: &Source, items: &[Rc<Inline>], index: usize) -> bool {
    let free = |neighbour: Option<&Rc<Inline>>| match neighbour.map(AsRef::as_ref) {
        Some(Inline::Plain(units)) => units.iter().all(|unit| chars::is_white(*unit)),
        Some(Inline::Text(from, to)) => source
            .slice(*from, *to)
            .iter()
            .all(|unit| chars::is_white(*unit)),
        Some(other) => !other.is_emoji(),
        None => true,
    };
    free(index.checked_sub(1).and_then(|index| items.get(index))) && free(items.get(index + 1))
}

/// End the run of text.
fn flush(text: &mut Vec<u16>, reduced: &mut Vec<Rc<Inline>>) {
    if !text.is_empty() {
        reduced.push(Rc::new(Inline::Plain(std::mem::take(text))));
    }
}
