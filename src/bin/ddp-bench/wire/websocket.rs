//! WebSocket frames (RFC 6455): the server's found by their length headers, the client's built with a zero mask.
//!
//! A mask of zero is as valid as any other and costs the generator nothing, while the server still has to unmask.

/// Opcode of a text frame.
pub(crate) const TEXT: u8 = 0x1;
/// Opcode of a close frame.
pub(crate) const CLOSE: u8 = 0x8;
/// Opcode of a ping frame.
pub(crate) const PING: u8 = 0x9;
/// Opcode of a pong frame.
pub(crate) const PONG: u8 = 0xA;

/// What stands at the beginning of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scan<'a> {
    /// A whole frame and the number of bytes it takes.
    Frame {
        /// The low four bits of the first byte.
        opcode: u8,
        /// The bytes after the header.
        payload: &'a [u8],
        /// Header and payload.
        taken: usize,
    },
    /// More bytes are needed.
    Partial,
    /// Masked, compressed or longer than any server here sends.
    Broken,
}

/// Longest server frame that is believed, in bytes.
const LONGEST: usize = 64 << 20;

/// Reads the frame at the beginning of `bytes`.
#[inline]
pub(crate) fn scan(bytes: &[u8]) -> Scan<'_> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Scan::Partial;
    };
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Scan::Broken;
    }
    let (header, length) = match second {
        126 => match rest {
            &[a, b, ..] => (4, usize::from(u16::from_be_bytes([a, b]))),
            _ => return Scan::Partial,
        },
        127 => match rest.first_chunk::<8>() {
            Some(bytes) => match usize::try_from(u64::from_be_bytes(*bytes)) {
                Ok(length) if length <= LONGEST => (10, length),
                _ => return Scan::Broken,
            },
            None => return Scan::Partial,
        },
        short => (2, usize::from(short)),
    };
    let taken = header + length;
    match bytes.get(header..taken) {
        Some(payload) => Scan::Frame {
            opcode: first & 0x0F,
            payload,
            taken,
        },
        None => Scan::Partial,
    }
}

/// Appends a client's frame (masked with zero).
pub(crate) fn client(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    header(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Appends a server's frame (not masked), as [floor](crate::floor) sends it.
pub(crate) fn server(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

fn header(out: &mut Vec<u8>, opcode: u8, length: usize, mask: u8) {
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(mask | short),
        (_, Ok(middle)) => {
            out.push(mask | 126);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// A client's frame at the beginning of `bytes`: opcode, unmasked payload, bytes taken. `None` when more are needed.
/// Only the floor reads these, while sessions are set up.
pub(crate) fn scan_client(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let &[first, second, ref rest @ ..] = bytes else {
        return None;
    };
    let (header, length) = match second & 0x7F {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?,
        ),
        short => (2, usize::from(short)),
    };
    let mask: [u8; 4] = *bytes.get(header..)?.first_chunk()?;
    let from = header + mask.len();
    let taken = from.checked_add(length)?;
    let payload = bytes
        .get(from..taken)?
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    Some((first & 0x0F, payload, taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_form_are_found() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let payload = vec![b'x'; length];
            let mut bytes = Vec::new();
            server(&mut bytes, TEXT, &payload);
            let whole = bytes.len();
            bytes.extend_from_slice(b"next");
            assert_eq!(
                scan(&bytes),
                Scan::Frame {
                    opcode: TEXT,
                    payload: &payload,
                    taken: whole
                },
                "{length}"
            );
            for cut in [0, 1, 2, 3, whole / 2, whole - 1] {
                if cut < whole {
                    assert_eq!(scan(&bytes[..cut]), Scan::Partial, "{length} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn what_no_server_may_send_is_broken() {
        assert_eq!(scan(&[0x81, 0x85, 0, 0, 0, 0]), Scan::Broken, "masked");
        assert_eq!(scan(&[0xC1, 0x01, b'x']), Scan::Broken, "compressed");
        let mut endless = vec![0x81, 127];
        endless.extend_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(scan(&endless), Scan::Broken, "longer than memory");
    }

    #[test]
    fn a_clients_frame_comes_back_unmasked() {
        for length in [0, 5, 126, 70_000] {
            let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let mut bytes = Vec::new();
            client(&mut bytes, PONG, &payload);
            assert_eq!(scan_client(&bytes), Some((PONG, payload, bytes.len())));
            assert_eq!(scan_client(&bytes[..bytes.len() - 1]), None);
        }
        let masked = [0x81, 0x83, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, b'c' ^ 3];
        assert_eq!(scan_client(&masked), Some((TEXT, b"abc".to_vec(), 9)));
    }
}
