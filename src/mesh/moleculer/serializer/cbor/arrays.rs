//! Typed arrays: bytes whose tag tells what they are (RFC 8746).

/// What the elements of a typed array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elements {
    kind: Kind,
    /// Bytes of one.
    size: usize,
    little_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsigned,
    Signed,
    Float,
}

impl Elements {
    /// Those of JavaScript's typed arrays; `None` for other tags, of which half and quadruple floats are two.
    pub(super) fn of(tag: u64) -> Option<Self> {
        let (kind, place) = match tag {
            65..=71 => (Kind::Unsigned, tag - 64),
            72..=75 | 77..=79 => (Kind::Signed, tag - 72),
            81 | 82 => (Kind::Float, tag - 79),
            85 | 86 => (Kind::Float, tag - 79),
            _ => return None,
        };
        Some(Self {
            kind,
            size: 1 << (place % 4),
            little_endian: place >= 4,
        })
    }

    /// The elements as numbers; `None` where there are no whole ones, and for integers of 64 bits, which are big integers
    /// to JavaScript, and nothing to JSON.
    pub(super) fn read(self, bytes: &[u8]) -> Option<impl Iterator<Item = f64> + use<'_>> {
        let big = self.size == 8 && self.kind != Kind::Float;
        let whole = !big && bytes.len().is_multiple_of(self.size);
        whole.then(|| {
            bytes
                .chunks_exact(self.size)
                .map(move |bytes| self.number(bytes))
        })
    }

    fn number(self, bytes: &[u8]) -> f64 {
        let mut bits = 0_u64;
        for at in 0..self.size {
            let byte = if self.little_endian {
                self.size - 1 - at
            } else {
                at
            };
            bits = bits << 8 | u64::from(bytes[byte]);
        }
        match (self.kind, self.size) {
            (Kind::Float, 8) => f64::from_bits(bits),
            (Kind::Float, _) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Unsigned, _) => bits as f64,
            (Kind::Signed, size) => {
                let unused = 64 - 8 * size;
                ((bits << unused).cast_signed() >> unused) as f64
            }
        }
    }
}
