//! Payloads: from their parts to the bytes of one path.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Payload {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Part {
    Text(String),
    Hex { hex: String },
    Code { code: u16 },
    Repeat { repeat: String, times: usize },
    Fill { fill: char, to: usize },
}

/// Where a case is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    Raw,
    SockJs,
}

impl Path {
    pub const BOTH: [Self; 2] = [Self::Raw, Self::SockJs];

    pub fn target(self) -> &'static str {
        match self {
            Self::Raw => "/websocket",
            Self::SockJs => "/sockjs/1/abcdefgh/websocket",
        }
    }

    /// What « and » stand for where a client says them.
    pub fn asks(self) -> Quotes {
        match self {
            Self::Raw => (r#"{"msg":"ping","id":""#, r#""}"#),
            Self::SockJs => (r#"["{\"msg\":\"ping\",\"id\":\""#, r#"\"}"]"#),
        }
    }
}

pub type Quotes = (&'static str, &'static str);

/// What they stand for in an answer, out of its framing.
pub const ANSWERS: Quotes = (r#"{"msg":"pong","id":""#, r#""}"#);

impl Payload {
    fn parts(&self) -> Vec<Part> {
        match self {
            Self::Text(text) => vec![Part::Text(text.clone())],
            Self::Parts(parts) => parts.clone(),
        }
    }

    pub fn size(&self) -> usize {
        let sizes = self.parts().into_iter().map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Hex { hex } => hex.len(),
            Part::Code { .. } => 2,
            Part::Repeat { repeat, times } => repeat.len() * times,
            Part::Fill { to, .. } => to,
        });
        sizes.sum()
    }

    /// The payload with these quotes. What is filled up is as long as it is with the quotes of a client.
    pub fn bytes(&self, path: Path, quotes: Quotes) -> Vec<u8> {
        let parts = self.parts();
        let all = |quotes, fixed| -> Vec<Vec<u8>> {
            parts.iter().map(|part| part.bytes(quotes, fixed)).collect()
        };
        let fixed = all(path.asks(), usize::MAX).iter().map(Vec::len).sum();
        all(quotes, fixed).concat()
    }
}

impl Part {
    /// The part, where all parts but the one that fills up are `fixed` bytes long.
    fn bytes(&self, (begin, end): Quotes, fixed: usize) -> Vec<u8> {
        match self {
            Self::Text(text) => text.replace('«', begin).replace('»', end).into_bytes(),
            Self::Hex { hex } => hex.as_bytes().chunks(2).map(byte).collect(),
            Self::Code { code } => code.to_be_bytes().into(),
            Self::Repeat { repeat, times } => repeat.repeat(*times).into_bytes(),
            Self::Fill { fill, to } => {
                let filler = u8::try_from(*fill).expect("one byte");
                vec![filler; to.saturating_sub(fixed)]
            }
        }
    }
}

fn byte(digits: &[u8]) -> u8 {
    let digits = std::str::from_utf8(digits).expect("hex");
    u8::from_str_radix(digits, 16).expect("two hex digits a byte")
}
