//! The language of `websocket.ndjson` (README.md says it in words): from a line to the bytes that a client writes on one
//! path, and what it must hear there.

use rand::Rng;
use serde::Deserialize;

use super::ear::Heard;
use super::payload::{ANSWERS, Path, Payload};

/// One line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub case: String,
    pub about: String,
    /// `Sec-WebSocket-Extensions` of the upgrade.
    #[serde(default)]
    pub offer: Option<String>,
    /// How the case itself is written, besides the ways in which all are.
    #[serde(default)]
    pub chops: Option<Chops>,
    #[serde(default = "once")]
    pub rounds: usize,
    send: Vec<Step>,
    expect: Vec<Answer>,
}

/// Where a case cuts what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Chops {
    Bytes(usize),
    Frames(Frames),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Frames {
    Frames,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Step {
    Hear { hear: usize },
    Frame(Box<Frame>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    text: Option<Payload>,
    binary: Option<Payload>,
    more: Option<Payload>,
    close: Option<Payload>,
    ping: Option<Payload>,
    pong: Option<Payload>,
    opcode: Option<u8>,
    payload: Option<Payload>,
    fragments: Option<usize>,
    #[serde(default = "yes")]
    fin: bool,
    #[serde(default)]
    rsv: u8,
    #[serde(default = "yes")]
    masked: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Answer {
    Text(Payload),
    Pong(Payload),
    Close(String),
}

fn once() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// The end of every case whose last word is no close: the connection is alive, nothing else was said, and it ends well.
const MARK: &str = "«the end of the case»";
const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

/// What a client does, in this order.
#[derive(Debug)]
pub enum Deed {
    /// The bytes of one frame.
    Write(Vec<u8>),
    /// It waits until it has heard so many frames in all.
    Hear(usize),
}

/// A case on one path.
#[derive(Debug)]
pub struct Script {
    pub deeds: Vec<Deed>,
    pub expected: Vec<Heard>,
    /// Whether the client closes, so that it owes no answer to a close.
    pub closes: bool,
}

impl Case {
    /// How much it writes, about.
    pub fn size(&self) -> usize {
        let frames = self.send.iter().map(|step| match step {
            Step::Hear { .. } => 0,
            Step::Frame(frame) => frame.kind().1.size(),
        });
        self.rounds * frames.sum::<usize>()
    }

    pub fn script(&self, path: Path, random: &mut impl Rng) -> Script {
        let (mut deeds, mut expected, mut closes) = (Vec::new(), Vec::new(), false);
        for round in 0..self.rounds {
            if round > 0 {
                deeds.push(Deed::Hear(expected.len()));
            }
            for step in &self.send {
                match step {
                    Step::Hear { hear } => {
                        deeds.push(Deed::Hear(round * self.expect.len() + hear));
                    }
                    Step::Frame(frame) => {
                        closes |= frame.close.is_some();
                        deeds.extend(frame.written(path, random).into_iter().map(Deed::Write));
                    }
                }
            }
            expected.extend(self.expect.iter().map(|answer| answer.heard(path)));
        }
        if !matches!(expected.last(), Some(Heard::Close(_))) {
            let mark = Payload::Text(MARK.to_owned());
            let asked = mark.bytes(path, path.asks());
            deeds.push(Deed::Write(written(0x81, true, &asked, random)));
            deeds.push(Deed::Write(written(0x88, true, &NORMAL, random)));
            expected.push(Answer::Text(mark).heard(path));
            expected.push(Heard::Close("1000".to_owned()));
            closes = true;
        }
        Script {
            deeds,
            expected,
            closes,
        }
    }
}

impl Frame {
    /// Its opcode and payload; a frame has one of each.
    fn kind(&self) -> (u8, &Payload) {
        let named = [
            (self.opcode.unwrap_or_default(), &self.payload),
            (0, &self.more),
            (1, &self.text),
            (2, &self.binary),
            (8, &self.close),
            (9, &self.ping),
            (10, &self.pong),
        ];
        let all: Vec<_> = named
            .into_iter()
            .filter_map(|(opcode, payload)| Some((opcode, payload.as_ref()?)))
            .collect();
        assert_eq!(all.len(), 1, "one kind of frame: {self:?}");
        all[0]
    }

    /// The frame, or the frames of a message in fragments.
    fn written(&self, path: Path, random: &mut impl Rng) -> Vec<Vec<u8>> {
        let (opcode, payload) = self.kind();
        let payload = payload.bytes(path, path.asks());
        let first = |fin: bool, opcode: u8| u8::from(fin) << 7 | self.rsv << 4 | opcode;
        let Some(size) = self.fragments else {
            return vec![written(
                first(self.fin, opcode),
                self.masked,
                &payload,
                random,
            )];
        };
        let last = payload.len().div_ceil(size) - 1;
        let fragments = payload.chunks(size).enumerate();
        fragments
            .map(|(at, fragment)| {
                let first = first(at == last, if at == 0 { opcode } else { 0 });
                written(first, self.masked, fragment, random)
            })
            .collect()
    }
}

/// A frame as it is written, under a mask of its own.
pub fn written(first: u8, masked: bool, payload: &[u8], random: &mut impl Rng) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    let mask_bit = u8::from(masked) << 7;
    out.push(first);
    match payload.len() {
        len @ 0..126 => out.push(mask_bit | len as u8),
        len @ 126..=0xffff => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if !masked {
        out.extend_from_slice(payload);
        return out;
    }
    let mask: [u8; 4] = random.random();
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    mask_with(mask, &mut out[start..]);
    out
}

/// Word by word: the largest case has 16 MiB.
fn mask_with(mask: [u8; 4], payload: &mut [u8]) {
    let word = u32::from_ne_bytes(mask);
    let (words, rest) = payload.as_chunks_mut::<4>();
    for bytes in words {
        *bytes = (u32::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

impl Answer {
    fn heard(&self, path: Path) -> Heard {
        match self {
            Self::Text(payload) => Heard::Message(payload.bytes(path, ANSWERS)),
            Self::Pong(payload) => Heard::Pong(payload.bytes(path, ANSWERS)),
            Self::Close(close) => Heard::Close(close.clone()),
        }
    }
}
