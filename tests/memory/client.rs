//! A client that writes bytes, and allocates nothing itself while it is measured.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::house::within;

/// What is read at once.
const CHUNK: usize = 64 * 1024;

pub struct Client {
    stream: TcpStream,
    /// What was read last, behind the end of what was read before.
    read: Vec<u8>,
    asked: usize,
    /// Whether more may come back than the service keeps for one that reads as fast as it can: then it closes.
    pub may_be_sent_away: bool,
}

impl Client {
    /// A connection that says nothing yet.
    pub async fn connect(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // What the kernel keeps is not what the service does.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        Self {
            stream: socket.connect(address).await.unwrap(),
            read: Vec::with_capacity(2 * CHUNK),
            asked: 0,
            may_be_sent_away: false,
        }
    }

    /// A WebSocket at this path.
    pub async fn upgrade(address: SocketAddr, path: &str) -> Self {
        let mut client = Self::connect(address).await;
        let head = upgrade(path, b"");
        client.say(&head, b"\r\n\r\n").await;
        client
    }

    /// A session that shook hands.
    pub async fn enter(address: SocketAddr) -> Self {
        let mut client = Self::upgrade(address, "/websocket").await;
        let connect = br#"{"msg":"connect","version":"1","support":["1"]}"#;
        client.say(&text(connect), b"\"connected\"").await;
        client
    }

    /// One that is logged in.
    pub async fn login(address: SocketAddr) -> Self {
        let mut client = Self::enter(address).await;
        let login = br#"{"msg":"method","method":"login","id":"in","params":[{"resume":"t"}]}"#;
        client.say(&text(login), b"\"updated\"").await;
        client
    }

    /// Writes, and reads until `until` comes.
    pub async fn say(&mut self, bytes: &[u8], until: &[u8]) {
        let (mut reader, mut writer) = self.stream.split();
        let read = &mut self.read;
        let heard = async {
            loop {
                let keep = read.len().saturating_sub(until.len());
                read.drain(..keep);
                if reader.read_buf(read).await.unwrap_or_default() == 0 {
                    return false;
                }
                if memchr::memmem::find(read, until).is_some() {
                    read.clear();
                    return true;
                }
            }
        };
        let said = async {
            // Whoever is refused may be cut off.
            let _ = writer.write_all(bytes).await;
        };
        let heard = within("an answer", async { tokio::join!(heard, said).0 }).await;
        let may_end = self.may_be_sent_away;
        assert!(
            heard || may_end,
            "cut off before {:?}",
            String::from_utf8_lossy(until)
        );
    }

    /// Writes, and reads until all that was written is answered: requests are answered in order.
    pub async fn ask(&mut self, bytes: &[u8]) {
        self.asked += 1;
        let sub = format!(
            r#"{{"msg":"sub","id":"last-{}","name":"none"}}"#,
            self.asked
        );
        let until = format!(r#"{{"msg":"nosub","id":"last-{}""#, self.asked);
        let last = text(sub.as_bytes());
        let mut all = Vec::with_capacity(bytes.len() + last.len());
        all.extend_from_slice(bytes);
        all.extend_from_slice(&last);
        self.say(&all, until.as_bytes()).await;
    }

    /// Writes so many bytes and reads nothing, unless it is cut off before. Answers how many were written.
    pub async fn flood(&mut self, bytes: &[u8], most: usize) -> usize {
        let mut written = 0;
        within("a flood", async {
            while written < most && self.stream.write_all(bytes).await.is_ok() {
                written += bytes.len();
            }
        })
        .await;
        written
    }
}

/// The head of an upgrade, with more fields.
pub fn upgrade(path: &str, fields: &[u8]) -> Vec<u8> {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    [head.as_bytes(), fields, b"\r\n"].concat()
}

/// A text frame, whole, under the mask of zeros.
pub fn text(payload: &[u8]) -> Vec<u8> {
    frame(0x81, payload)
}

pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    out.push(first);
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
    out
}
