//! What is a link without being marked as one: addresses of the web and of mail, and phone numbers.

use std::rc::Rc;

use super::chars;
use super::host;
use super::source::Source;
use super::tree::Inline;

/// The longest scheme before `://`.
const SCHEME_LENGTH: usize = 32;

/// The fewest digits of a phone number in running text.
const PHONE_DIGITS: usize = 5;

/// A link whose label is the text itself.
fn link(src: Vec<u16>, label: &[u16]) -> Rc<Inline> {
    Rc::new(Inline::Link {
        src,
        label: vec![Inline::plain(label)],
    })
}

/// `prefix` and the units.
fn prefixed(prefix: &str, units: &[u16]) -> Vec<u16> {
    prefix.encode_utf16().chain(units.iter().copied()).collect()
}

/// An address of the web. One whose host nobody can know is text, and all of it.
pub(super) fn url(source: &Source, place: usize) -> Option<(usize, Rc<Inline>)> {
    let host = with_scheme(source, place).or_else(|| without_scheme(source, place))?;
    // Everything up to white space.
    let end = without_punctuation(source, host, source.word_end(host));
    source.work(end - place);
    let text = source.slice(place, end);
    let address = String::from_utf16_lossy(text);
    let is_known = if source.is_old() {
        host::was_known(&address)
    } else {
        host::is_known(&address)
    };
    if !is_known {
        return Some((end, Inline::plain(text)));
    }
    let src = if has_scheme(&address) && (!source.is_old() || host::has_good_port(&address)) {
        text.to_vec()
    } else {
        prefixed("//", text)
    };
    Some((end, link(src, text)))
}

/// Does a link that begins like this need no `//` before it?
fn has_scheme(address: &str) -> bool {
    address.starts_with(|c: char| c.is_ascii_alphabetic())
        && address
            .find(|c: char| !c.is_ascii_alphanumeric() && !"+.-".contains(c))
            .is_some_and(|at| address[at..].starts_with(':'))
}

/// `scheme://user:password@host`
pub(super) fn with_scheme(source: &Source, place: usize) -> Option<usize> {
    let mut colon = place;
    while colon - place < SCHEME_LENGTH
        && source
            .at(colon)
            .is_some_and(|unit| chars::is_alphanumeric(unit) || chars::among(unit, "+-"))
    {
        colon += 1;
    }
    if colon == place || !source.starts(colon, "://") {
        return None;
    }
    let authority = colon + 3;
    source.host_or_local(credentials(source, authority).unwrap_or(authority))
}

/// `user@` and `user:password@`
fn credentials(source: &Source, place: usize) -> Option<usize> {
    let name = |place| {
        source.skip(place, |unit| {
            chars::is_alphanumeric(unit) || chars::among(unit, "#$&+-?_")
        })
    };
    let mut end = name(place);
    if end == place {
        return None;
    }
    if source.is(end, ':') {
        let password = end + 1;
        end = name(password);
        if end == password {
            return None;
        }
    }
    source.is(end, '@').then_some(end + 1)
}

/// `host.name`
fn without_scheme(source: &Source, place: usize) -> Option<usize> {
    // Before 8.x `localhost` alone is a link.
    if !source.is_old() && !source.dot_ahead(place) {
        return None;
    }
    source.host_or_local(place)
}

/// Where an address ends whose host ends here: no punctuation stands at its end. Before 8.x only that before white space is left out.
pub(super) fn without_punctuation(source: &Source, host: usize, mut end: usize) -> usize {
    if source.is_old() && !source.at(end).is_some_and(chars::is_space) {
        return end;
    }
    while end > host
        && source
            .at(end - 1)
            .is_some_and(|unit| chars::among(unit, "!%'\"()*,.:;=~"))
    {
        end -= 1;
    }
    end
}

/// `mailto:` and an address of mail, or the address alone. One whose host nobody can know is text,
/// without the scheme.
pub(super) fn email(source: &Source, place: usize) -> Option<(usize, Rc<Inline>)> {
    let marked = place + "mailto:".len();
    if source.starts(place, "mailto:")
        && let Some(found) = address(source, marked)
    {
        return Some(found);
    }
    address(source, place)
}

/// An address of mail.
fn address(source: &Source, local: usize) -> Option<(usize, Rc<Inline>)> {
    if !source.at(local).is_some_and(chars::is_mailbox_start) {
        return None;
    }
    let at = source.mailbox_end(local);
    if !source.is(at, '@') {
        return None;
    }
    let end = source.host_or_local(at + 1)?;
    source.work(end - local);
    let text = source.slice(local, end);
    // What follows `/`, `?` or `#` is no host: with them before the `@` the address is text.
    let address = format!("mailto:{}", String::from_utf16_lossy(text));
    if !host::is_mail_domain(&address, source.is_old()) {
        return Some((end, Inline::plain(text)));
    }
    Some((end, link(prefixed("mailto:", text), text)))
}

/// A phone number, as `+` and digits.
pub(super) fn phone(source: &Source, place: usize) -> Option<(usize, Rc<Inline>)> {
    let (end, number) = digits_of_phone(source, place)?;
    let text = source.slice(place, end);
    if number.len() < PHONE_DIGITS {
        return Some((end, Inline::plain(text)));
    }
    Some((end, link(prefixed("tel:", &number), text)))
}

/// The extent of a phone number and its digits: `+12`, `+12-34`, `+(12)34`, `+(12)34-56`.
pub(super) fn digits_of_phone(source: &Source, place: usize) -> Option<(usize, Vec<u16>)> {
    if !source.is(place, '+') {
        return None;
    }
    let mut number = Vec::new();
    let mut next = place + 1;
    if source.is(next, '(') {
        let end = source.skip(next + 1, chars::is_digit);
        if end == next + 1 || !source.is(end, ')') {
            return None;
        }
        number.extend_from_slice(source.slice(next + 1, end));
        next = end + 1;
    }
    let end = source.skip(next, chars::is_digit);
    if end == next {
        return None;
    }
    number.extend_from_slice(source.slice(next, end));
    if source.is(end, '-') {
        let last = source.skip(end + 1, chars::is_digit);
        if last > end + 1 {
            number.extend_from_slice(source.slice(end + 1, last));
            return Some((last, number));
        }
    }
    Some((end, number))
}
