//! The tags that packets may hold.

/// A date in words.
pub(super) const DATE_TEXT: u64 = 0;
/// Seconds since 1970.
pub(super) const DATE: u64 = 1;
/// A made object: name of its class, arguments.
pub(super) const OBJECT: u64 = 27;
/// Bytes as a Uint8Array.
pub(super) const BYTES: u64 = 64;
/// A set, as an array.
pub(super) const SET: u64 = 258;
/// A map that is meant to stay one.
pub(super) const MAP: u64 = 259;
/// Says that this is CBOR.
pub(super) const CBOR: u64 = 55_799;
/// cbor-x's records: a definition each, old and new, and references to them.
pub(super) const RECORDS: [std::ops::RangeInclusive<u64>; 2] = [105..=105, 0xdf00..=0xffff];
/// Big integers, which JSON has not; decimal fractions; references to what stood before. Nobody puts them into a packet.
pub(super) const REFUSED: [u64; 9] = [2, 3, 4, 5, 25, 28, 29, 51, 256];

/// The class of regular expressions.
pub(super) const REG_EXP: &str = "RegExp";
