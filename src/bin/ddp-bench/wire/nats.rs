//! The client side of NATS's text protocol, as far as publishing and subscribing without headers goes.
//!
//! The bench and the [floor](crate::floor) hold their NATS socket in the same epoll as everything else, so that nothing but
//! the work that is measured happens; a full client with its own runtime would be most of the floor's cost.

use memchr::memmem;

/// One operation from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Operation<'a> {
    /// A message on a subject that was subscribed to.
    Message {
        /// Where it was published.
        subject: &'a [u8],
        /// Its bytes.
        payload: &'a [u8],
    },
    /// Wants a [`PONG`].
    Ping,
    /// Answers our ping.
    Pong,
    /// The server's word on what we did wrong.
    Error(&'a [u8]),
    /// `INFO`, `+OK`.
    Other,
}

/// The answer to a ping.
pub(crate) const PONG: &[u8] = b"PONG\r\n";

/// Received bytes, taken out operation by operation.
#[derive(Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    from: usize,
}

impl Inbox {
    /// Adds received bytes; what was taken before is given free first.
    pub(crate) fn fill(&mut self, received: &[u8]) {
        self.bytes.drain(..self.from);
        self.from = 0;
        self.bytes.extend_from_slice(received);
    }

    /// The next whole operation.
    pub(crate) fn take(&mut self) -> Option<Operation<'_>> {
        let rest = &self.bytes[self.from..];
        let line_end = memmem::find(rest, b"\r\n")?;
        let line = &rest[..line_end];
        let after = line_end + 2;
        if let Some(words) = line.strip_prefix(b"MSG ") {
            let mut words = words
                .split(|&byte| byte == b' ')
                .filter(|word| !word.is_empty());
            let subject = words.next().unwrap_or_default();
            let length = words.next_back().and_then(decimal).unwrap_or_default();
            let whole = after + length + 2;
            if rest.len() < whole {
                return None;
            }
            self.from += whole;
            return Some(Operation::Message {
                subject,
                payload: &rest[after..after + length],
            });
        }
        self.from += after;
        Some(match line {
            b"PING" => Operation::Ping,
            b"PONG" => Operation::Pong,
            _ => match line.strip_prefix(b"-ERR") {
                Some(text) => Operation::Error(text.trim_ascii()),
                None => Operation::Other,
            },
        })
    }
}

/// Appends the greeting.
pub(crate) fn connect(out: &mut Vec<u8>, name: &str) {
    let options = format!(
        r#"CONNECT {{"verbose":false,"pedantic":false,"tls_required":false,"name":"{name}","lang":"rust","version":"0","protocol":1,"echo":false}}"#
    );
    out.extend_from_slice(options.as_bytes());
    out.extend_from_slice(b"\r\nPING\r\n");
}

/// Appends a subscription.
pub(crate) fn subscribe(out: &mut Vec<u8>, subject: &str, id: usize) {
    out.extend_from_slice(format!("SUB {subject} {id}\r\n").as_bytes());
}

/// Appends a message.
pub(crate) fn publish(out: &mut Vec<u8>, subject: &[u8], payload: &[u8]) {
    out.extend_from_slice(b"PUB ");
    out.extend_from_slice(subject);
    out.push(b' ');
    out.extend_from_slice(payload.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

fn decimal(word: &[u8]) -> Option<usize> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_taken_whole_however_they_arrive() {
        let stream = b"INFO {\"a\":1}\r\nMSG MOL.EVENT.n-1 3 7\r\npay\r\nad\r\nPING\r\nMSG s 1 reply 0\r\n\r\n-ERR 'no'\r\nPONG\r\n";
        for step in [1, 5, stream.len()] {
            let mut inbox = Inbox::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(step) {
                inbox.fill(piece);
                while let Some(operation) = inbox.take() {
                    seen.push(format!("{operation:?}"));
                }
            }
            let expected = [
                Operation::Other,
                Operation::Message {
                    subject: b"MOL.EVENT.n-1",
                    payload: b"pay\r\nad",
                },
                Operation::Ping,
                Operation::Message {
                    subject: b"s",
                    payload: b"",
                },
                Operation::Error(b"'no'"),
                Operation::Pong,
            ];
            assert_eq!(
                seen,
                expected.map(|operation| format!("{operation:?}")),
                "pieces of {step}"
            );
        }
    }

    #[test]
    fn what_we_say() {
        let mut out = Vec::new();
        subscribe(&mut out, "MOL.INFO", 2);
        publish(&mut out, b"MOL.PING", b"{}");
        assert_eq!(out, b"SUB MOL.INFO 2\r\nPUB MOL.PING 2\r\n{}\r\n");
    }
}
