//! Session tickets whose keys several streamers share: `TLS_TICKET_KEY_PATH` (reference/configuration.md).
//!
//! Who comes back with the ticket of one streamer is met by another without a handshake in full, before and after a restart.
//! A ticket is a nonce, and what ring's AES-256-GCM made of the state with it. Whoever has the keys reads what was said with
//! tickets of TLS 1.2: they are to be changed as often as what the file is made of allows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;

use super::certificate::{CertificateError, byte_order_mark, problem};

const VARIABLE: &str = "TLS_TICKET_KEY_PATH";
/// How long clients are told that a ticket is good for, as with keys of one process.
const LIFETIME: u32 = 12 * 60 * 60;
/// A ticket is tried with each key: more make it expensive to send nonsense.
const MOST_KEYS: usize = 16;

/// Keys of which the first seals, and all open.
pub(super) struct Tickets {
    path: PathBuf,
    keys: ArcSwap<Vec<LessSafeKey>>,
    random: SystemRandom,
    /// What the file held when it was last looked at.
    seen: Mutex<Result<Vec<u8>, CertificateError>>,
}

/// How many keys for tickets a file has.
///
/// # Errors
/// What is wrong with it, naming the variable.
pub fn check_ticket_keys(path: &Path) -> Result<usize, CertificateError> {
    Ok(keys(path, &read(path))?.len())
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|error| problem(VARIABLE, path, &error))
}

fn keys(
    path: &Path,
    held: &Result<Vec<u8>, CertificateError>,
) -> Result<Vec<LessSafeKey>, CertificateError> {
    let held = held.as_ref().map_err(Clone::clone)?;
    parse(held).map_err(|wrong| problem(VARIABLE, path, &wrong))
}

/// The words name the line and never what stands there.
fn parse(held: &[u8]) -> Result<Vec<LessSafeKey>, String> {
    if let Some(mark) = byte_order_mark(held) {
        return Err(mark.to_owned());
    }
    let mut keys = Vec::new();
    for (at, line) in held.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let key = STANDARD.decode(line).ok();
        let key = key.and_then(|key| UnboundKey::new(&AES_256_GCM, &key).ok());
        let key = key.ok_or_else(|| format!("line {} is not 32 bytes in base64", at + 1))?;
        keys.push(LessSafeKey::new(key));
    }
    match keys.len() {
        0 => Err("no key in it: 32 bytes in base64, one a line".to_owned()),
        1..=MOST_KEYS => Ok(keys),
        more => Err(format!("{more} keys in it: {MOST_KEYS} at most")),
    }
}

impl Tickets {
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, CertificateError> {
        let seen = read(path);
        Ok(Arc::new(Self {
            keys: ArcSwap::from_pointee(keys(path, &seen)?),
            path: path.to_owned(),
            random: SystemRandom::new(),
            seen: Mutex::new(seen),
        }))
    }

    /// Says whether other keys are used from now on. What is wrong is told once.
    pub(super) fn look(&self) -> Result<bool, CertificateError> {
        let held = read(&self.path);
        let mut seen = self.seen.lock();
        if *seen == held {
            return Ok(false);
        }
        let keys = keys(&self.path, &held);
        *seen = held;
        self.keys.store(keys?.into());
        Ok(true)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        let keys = self.keys.load();
        let unique = Nonce::assume_unique_for_key(nonce);
        keys.first()?
            .seal_in_place_append_tag(unique, Aad::empty(), &mut sealed)
            .ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = ticket.split_first_chunk::<NONCE_LEN>()?;
        self.keys.load().iter().find_map(|key| {
            let mut opened = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain = key.open_in_place(nonce, Aad::empty(), &mut opened).ok()?;
            Some(plain.to_vec())
        })
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::certificate::tests::Folder;
    use super::*;

    fn line(byte: u8) -> String {
        STANDARD.encode([byte; 32]) + "\n"
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (_folder, files) = Folder::new("tickets");
        let path = files.key.with_file_name("tickets");
        let write = |keys: &[u8]| {
            let text: String = keys.iter().map(|key| line(*key)).collect();
            std::fs::write(&path, text).unwrap();
        };
        write(&[1]);
        let (one, other) = (Tickets::open(&path).unwrap(), Tickets::open(&path).unwrap());
        let ticket = one.encrypt(b"the state").unwrap();
        assert_ne!(one.encrypt(b"the state").unwrap(), ticket, "a nonce each");
        assert_eq!(other.decrypt(&ticket).unwrap(), b"the state");
        assert!(!one.look().unwrap(), "as it was");

        // A new key in front: the old one opens still, and the other streamer has not looked yet.
        write(&[2, 1]);
        assert!(one.look().unwrap());
        assert_eq!(one.decrypt(&ticket).unwrap(), b"the state");
        assert_eq!(other.decrypt(&one.encrypt(b"new").unwrap()), None);
        assert!(other.look().unwrap());
        assert_eq!(
            other.decrypt(&one.encrypt(b"new").unwrap()).unwrap(),
            b"new"
        );

        write(&[2]);
        assert!(one.look().unwrap());
        assert_eq!(one.decrypt(&ticket), None);
        for nonsense in [&b""[..], &[0; NONCE_LEN], &[0; 500]] {
            assert_eq!(one.decrypt(nonsense), None);
        }
    }

    #[test]
    fn what_is_wrong_is_told_once_and_no_key_with_it() {
        let wrong = |held: &[u8]| parse(held).map(|keys| keys.len()).unwrap_err();
        let none = "no key in it: 32 bytes in base64, one a line";
        assert_eq!(wrong(b""), none);
        assert_eq!(wrong(b"\n \r\n"), none);
        let second = "line 2 is not 32 bytes in base64";
        for bad in ["AAAA", "nonsense!", &STANDARD.encode([7; 33])] {
            assert_eq!(wrong((line(1) + bad).as_bytes()), second);
        }
        assert_eq!(
            wrong(line(1).repeat(17).as_bytes()),
            "17 keys in it: 16 at most"
        );
        assert!(wrong(b"\xef\xbb\xbfAAAA").contains("BOM"));
        assert_eq!(
            parse(line(1).replace('\n', "\r\n\r\n").as_bytes())
                .unwrap()
                .len(),
            1
        );

        let (_folder, files) = Folder::new("tickets-wrong");
        let path = files.key.with_file_name("tickets");
        assert_eq!(Tickets::open(&path).unwrap_err().variable, VARIABLE);
        std::fs::write(&path, line(1)).unwrap();
        let tickets = Tickets::open(&path).unwrap();
        let ticket = tickets.encrypt(b"x").unwrap();
        std::fs::write(&path, "nonsense").unwrap();
        assert!(tickets.look().is_err());
        assert!(!tickets.look().unwrap(), "once");
        assert_eq!(tickets.decrypt(&ticket).unwrap(), b"x", "the old ones stay");
        std::fs::remove_file(&path).unwrap();
        assert!(tickets.look().is_err());
        assert_eq!(tickets.decrypt(&ticket).unwrap(), b"x");
    }
}
