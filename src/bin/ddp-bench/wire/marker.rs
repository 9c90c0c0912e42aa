//! The mark in an event by which a receiver knows it again without parsing it.
//!
//! `~bench` run(4) key(6) sequence(8) scheduled-at(16) `~`, all hexadecimal: letters and digits need no escaping in any
//! framing, so the same bytes arrive whatever the server wraps them in. The time is that of the *schedule*, not of the
//! send: an event that leaves late is measured late (no coordinated omission), and a receiver needs no shared table.

use memchr::memmem::Finder;

use crate::clock::Nanos;

const PREFIX: &[u8; 6] = b"~bench";

/// Bytes of a marker.
pub(crate) const LENGTH: usize = 6 + 4 + 6 + 8 + 16 + 1;

/// One event's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Which load it belongs to: marks of an earlier one are not counted.
    pub(crate) run: u16,
    /// What a listener subscribed to: a room, a user.
    pub(crate) key: u32,
    /// Counts from 0 within the key.
    pub(crate) sequence: u32,
    /// When the event was due.
    pub(crate) at: Nanos,
}

impl Marker {
    /// Writes it over the first [`LENGTH`] bytes of `place`.
    pub(crate) fn write(&self, place: &mut [u8]) {
        let Some((place, _)) = place.split_first_chunk_mut::<LENGTH>() else {
            return;
        };
        place[..6].copy_from_slice(PREFIX);
        hex(&mut place[6..10], u64::from(self.run));
        hex(&mut place[10..16], u64::from(self.key));
        hex(&mut place[16..24], u64::from(self.sequence));
        hex(&mut place[24..40], self.at.0);
        place[40] = b'~';
    }

    fn read(place: &[u8]) -> Option<Self> {
        let place = place.first_chunk::<LENGTH>()?;
        Some(Self {
            run: u16::try_from(number(&place[6..10])?).ok()?,
            key: u32::try_from(number(&place[10..16])?).ok()?,
            sequence: u32::try_from(number(&place[16..24])?).ok()?,
            at: Nanos(number(&place[24..40])?),
        })
    }
}

/// Finds marks in received bytes.
pub(crate) struct Markers(Finder<'static>);

impl Markers {
    pub(crate) fn new() -> Self {
        Self(Finder::new(PREFIX))
    }

    /// The first mark in `bytes`, and what follows it.
    #[inline]
    pub(crate) fn first<'a>(&self, bytes: &'a [u8]) -> Option<(Marker, &'a [u8])> {
        let at = self.0.find(bytes)?;
        let marker = Marker::read(&bytes[at..])?;
        Some((marker, &bytes[at + LENGTH..]))
    }
}

fn hex(place: &mut [u8], number: u64) {
    let digits = place.len();
    for (at, byte) in place.iter_mut().enumerate() {
        let nibble = (number >> (4 * (digits - 1 - at))) & 0xF;
        *byte = b"0123456789abcdef"[nibble as usize];
    }
}

#[inline]
fn number(digits: &[u8]) -> Option<u64> {
    let mut number = 0;
    for &digit in digits {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u64::from(nibble);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Marker = Marker {
        run: 0xBEEF,
        key: 0x00AB_CDEF,
        sequence: 0xFFFF_FFFE,
        at: Nanos(0x0123_4567_89AB_CDEF),
    };

    fn written(marker: Marker) -> Vec<u8> {
        let mut place = vec![b'?'; LENGTH];
        marker.write(&mut place);
        place
    }

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        let mark = written(MARK);
        assert_eq!(mark, b"~benchbeefabcdeffffffffe0123456789abcdef~");
        let frame = [b"a[\"{\\\"msg\\\":\\\"".as_slice(), &mark, b" text\\\"}\"]"].concat();
        let markers = Markers::new();
        let (found, rest) = markers.first(&frame).unwrap();
        assert_eq!(found, MARK);
        assert_eq!(rest, b" text\\\"}\"]");
        assert!(markers.first(rest).is_none());
    }

    #[test]
    fn several_marks_in_one_frame_are_all_seen() {
        let second = Marker {
            sequence: 7,
            ..MARK
        };
        let frame = [written(MARK), b"\",\"".to_vec(), written(second)].concat();
        let markers = Markers::new();
        let (first, rest) = markers.first(&frame).unwrap();
        assert_eq!((first, markers.first(rest).unwrap().0), (MARK, second));
    }

    #[test]
    fn what_is_cut_or_no_number_is_no_mark() {
        let mark = written(MARK);
        assert!(Markers::new().first(&mark[..LENGTH - 1]).is_none());
        let mut wrong = mark;
        wrong[12] = b'x';
        assert!(Markers::new().first(&wrong).is_none());
    }
}
