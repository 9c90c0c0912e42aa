//! Kinds of UTF-16 units.

use super::tables;

/// Is it one of these ASCII characters?
pub(super) fn among(unit: u16, set: &str) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii() && set.as_bytes().contains(&byte))
}

/// A letter or digit of ASCII.
pub(super) fn is_alphanumeric(unit: u16) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_alphanumeric())
}

/// A letter of ASCII.
pub(super) fn is_letter(unit: u16) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_alphabetic())
}

/// A digit of ASCII.
pub(super) fn is_digit(unit: u16) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_digit())
}

/// A blank inside a line.
pub(super) fn is_blank(unit: u16) -> bool {
    among(unit, " \t")
}

/// What ends an address.
pub(super) fn is_space(unit: u16) -> bool {
    among(unit, " \t\r\n")
}

/// White space as `\s` of JavaScript has it: what an emoji may lean on.
pub(super) fn is_white(unit: u16) -> bool {
    matches!(unit, 0x9..=0xd | 0x20 | 0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x3000 | 0xfeff)
}

/// Part of a host name's label.
pub(super) fn is_label(unit: u16) -> bool {
    unit >= 0x80 || !is_space(unit) && !among(unit, "!\"#$%&'()*+,-./:;<=>?@[\\]_`|~")
}

/// The same before 8.x.
pub(super) fn is_old_label(unit: u16) -> bool {
    is_label(unit) || among(unit, "[]")
}

/// What a hyphen or an underscore in a host name takes with it.
pub(super) fn is_joined(unit: u16) -> bool {
    !is_space(unit) && !among(unit, "%/<>[\\]`|")
}

/// The same before 8.x.
pub(super) fn is_old_joined(unit: u16) -> bool {
    is_joined(unit) || among(unit, "[]")
}

/// What may stand before the `@` of an address, dots aside.
pub(super) fn is_mailbox(unit: u16) -> bool {
    is_alphanumeric(unit)
        || among(unit, "!#$%&'*+-/=?^_`{|}~")
        || (0xd800..0xe000).contains(&unit)
        || is_in(tables::MAILBOX, unit)
}

/// What may begin an address.
pub(super) fn is_mailbox_start(unit: u16) -> bool {
    unit >= 0x80 && is_mailbox(unit) || is_alphanumeric(unit)
}

/// A letter or digit of any script.
pub(super) fn is_name_letter(unit: u16) -> bool {
    is_alphanumeric(unit) || is_in(tables::NAME, unit)
}

/// Part of a user's or channel's name.
pub(super) fn is_name(unit: u16) -> bool {
    is_name_letter(unit) || among(unit, "-._")
}

/// What the description of an image is made of.
pub(super) fn is_text(unit: u16) -> bool {
    matches!(unit, 0x20..=0x27 | 0x2b..=0x5a | 0x61..=0x7a | 0x80..)
}

/// What a word does not hold.
pub(super) fn is_break(unit: u16) -> bool {
    among(unit, "\t\n !()*:<[\\]_`|~")
}

/// Is the unit in one of the ranges, which are sorted?
fn is_in(ranges: &[(u16, u16)], unit: u16) -> bool {
    ranges
        .binary_search_by(|(low, high)| {
            if *high < unit {
                std::cmp::Ordering::Less
            } else if *low > unit {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}
