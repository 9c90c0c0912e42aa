//! Plays a case: one connection, its frames written in one way, and what is heard until the end of the stream.

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::watch;

use super::cases::{Case, Chops, Deed, Script, written};
use super::ear::{Ear, Heard};
use super::payload::Path;
use crate::support::DEADLINE;

/// So many of the first bytes of a case go singly, and these at the end of what is written with them; megabytes would
/// take minutes and show nothing more.
const SINGLY: usize = 4096;
const LAST_SINGLY: usize = 64;
/// The size of what is written between them.
const BETWEEN: usize = 64 * 1024;

const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1"]}"#;
const CONNECTED: &[u8] = br#"{"msg":"connected","session":""#;

/// How bytes are written: each write is one call, with Nagle's algorithm off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// All that need not wait for an answer at once.
    OneWrite,
    SingleBytes,
    Random,
    /// As the case says.
    Own(Chops),
}

/// Plays a case; says what was wrong.
pub async fn play(port: u16, case: &Case, path: Path, cut: Cut, seed: u64) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let Script {
        deeds,
        mut expected,
        closes,
    } = case.script(path, &mut random);
    expected.push(Heard::End);
    let mut heard = Vec::new();
    let playing = async {
        let mut player = Player::open(port, path, case.offer.as_deref(), random).await?;
        player.shake_hands().await?;
        player.perform(batches(deeds, cut), cut, &mut heard).await;
        player.part(closes, &mut heard).await;
        Ok::<_, String>(())
    };
    let late = match tokio::time::timeout(DEADLINE, playing).await {
        Ok(played) => {
            played?;
            ""
        }
        Err(_) => ", and then nothing",
    };
    if heard == expected {
        return Ok(());
    }
    let both = heard.iter().zip(&expected);
    let same = both
        .take_while(|(heard, expected)| heard == expected)
        .count();
    let list = |all: &[Heard]| {
        let some = all.iter().skip(same).take(4);
        some.map(Heard::to_string).collect::<Vec<_>>().join(", ")
    };
    Err(format!(
        "after {same} right: expected {}; heard {}{late}",
        list(&expected),
        list(&heard)
    ))
}

/// A client that is connected.
struct Player {
    ear: Ear,
    mouth: OwnedWriteHalf,
    random: StdRng,
}

impl Player {
    /// Opens a WebSocket; no extension is ever granted.
    async fn open(
        port: u16,
        path: Path,
        offer: Option<&str>,
        random: StdRng,
    ) -> Result<Self, String> {
        let tcp = TcpStream::connect(("127.0.0.1", port))
            .await
            .map_err(|error| format!("no connection: {error}"))?;
        tcp.set_nodelay(true).expect("no delay");
        let (read, mut mouth) = tcp.into_split();
        let offer = offer.map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y29uZm9ybWFuY2UgY2FzZQ==\r\n{}\r\n",
            path.target(),
            offer.unwrap_or_default()
        );
        let sent = mouth.write_all(request.as_bytes()).await;
        sent.map_err(|error| format!("no request: {error}"))?;
        let kept = Vec::new();
        let mut ear = Ear { read, kept, path };
        let head = ear.head().await?;
        if !head.starts_with("http/1.1 101 ") || head.contains("\nsec-websocket-extensions:") {
            return Err(format!("a strange answer to the upgrade: {head}"));
        }
        Ok(Self { ear, mouth, random })
    }

    /// The greeting and the DDP handshake.
    async fn shake_hands(&mut self) -> Result<(), String> {
        let greeting = self.ear.next().await;
        if greeting != Heard::Message(br#"{"server_id":"0"}"#.into()) {
            return Err(format!("a strange greeting: {greeting}"));
        }
        let connect = match self.ear.path {
            Path::Raw => CONNECT.to_owned(),
            Path::SockJs => serde_json::json!([CONNECT]).to_string(),
        };
        let connect = written(0x81, true, connect.as_bytes(), &mut self.random);
        let sent = self.mouth.write_all(&connect).await;
        sent.map_err(|error| format!("no connect: {error}"))?;
        loop {
            match self.ear.next().await {
                Heard::Message(text) if text.starts_with(CONNECTED) => return Ok(()),
                // Who has not spoken for 30 ms is pinged.
                Heard::Message(text) if text == br#"{"msg":"ping"}"# => {}
                strange => return Err(format!("no handshake: {strange}")),
            }
        }
    }

    /// Writes and listens at once, until the server closes.
    async fn perform(&mut self, batches: Vec<Batch>, cut: Cut, heard: &mut Vec<Heard>) {
        let Self { ear, mouth, random } = self;
        let (count, mut counted) = watch::channel(0);
        let mut singly = SINGLY;
        let mut writing = Box::pin(async {
            for batch in batches {
                match batch {
                    Batch::Hear(frames) => {
                        if counted.wait_for(|heard| *heard >= frames).await.is_err() {
                            return;
                        }
                    }
                    Batch::Write(bytes) => {
                        for piece in pieces(&bytes, cut, &mut singly, random) {
                            // A server that has closed may take no more: what it said decides.
                            if mouth.write_all(piece).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            }
        });
        let mut written_all = false;
        loop {
            tokio::select! {
                () = &mut writing, if !written_all => written_all = true,
                said = ear.next() => {
                    let last = matches!(said, Heard::Close(_) | Heard::Foul(_) | Heard::End);
                    heard.push(said);
                    count.send_replace(heard.len());
                    if last {
                        return;
                    }
                }
            }
        }
    }

    /// Answers the server's close if it was the first, and waits for the end of its stream.
    async fn part(&mut self, closed: bool, heard: &mut Vec<Heard>) {
        if !closed {
            let answer = written(0x88, true, &[], &mut self.random);
            let _gone_already = self.mouth.write_all(&answer).await;
        }
        while !matches!(heard.last(), Some(Heard::Foul(_) | Heard::End)) {
            heard.push(self.ear.next().await);
        }
    }
}

enum Batch {
    Write(Vec<u8>),
    Hear(usize),
}

/// The frames that are written together.
fn batches(deeds: Vec<Deed>, cut: Cut) -> Vec<Batch> {
    let apart = matches!(cut, Cut::Own(Chops::Frames(_)));
    let mut all = Vec::new();
    for deed in deeds {
        match (deed, all.last_mut()) {
            (Deed::Hear(frames), _) => all.push(Batch::Hear(frames)),
            (Deed::Write(frame), Some(Batch::Write(bytes))) if !apart => bytes.extend(frame),
            (Deed::Write(frame), _) => all.push(Batch::Write(frame)),
        }
    }
    all
}

/// The writes of some bytes, of which so many may still be single.
fn pieces<'a>(bytes: &'a [u8], cut: Cut, singly: &mut usize, random: &mut StdRng) -> Vec<&'a [u8]> {
    match cut {
        Cut::OneWrite | Cut::Own(Chops::Frames(_)) => vec![bytes],
        Cut::SingleBytes if *singly == 0 => vec![bytes],
        Cut::Own(Chops::Bytes(size)) => bytes.chunks(size).collect(),
        Cut::SingleBytes => {
            let (first, rest) = bytes.split_at(bytes.len().min(*singly));
            *singly -= first.len();
            let (between, last) = rest.split_at(rest.len().saturating_sub(LAST_SINGLY));
            let between = between.chunks(BETWEEN);
            first
                .chunks(1)
                .chain(between)
                .chain(last.chunks(1))
                .collect()
        }
        Cut::Random => {
            // Some fifty pieces, whatever the size.
            let (mut all, mut rest) = (Vec::new(), bytes);
            while !rest.is_empty() {
                let most = (bytes.len() / 25).max(8).min(rest.len());
                let (piece, after) = rest.split_at(random.random_range(1..=most));
                all.push(piece);
                rest = after;
            }
            all
        }
    }
}
