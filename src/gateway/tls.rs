//! TLS at the door (`ENABLE_TLS`): the certificate, and who speaks TLS at all.
//!
//! A connection whose first byte begins no TLS record is plain HTTP: charts probe so, and [`super::http`] knows what may
//! be answered. The certificate's files are looked at every few seconds, and when somebody asks. A new one is shown to
//! whoever comes from then on, sessions stay; one that cannot be used leaves the old one where it is.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{info, warn};

use super::certificate::{About, CERTIFICATE, CertificateError, Pem, problem};
use super::tickets::Tickets;
use crate::client::Secure;
use crate::config::TlsConfig;

/// The first byte of a TLS record that begins a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How often an operator is told what is wrong with a certificate that is served all the same.
const WARN: Duration = Duration::from_secs(86_400);

/// What is served with TLS.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
    /// Where its keys for tickets are others' as well.
    tickets: Option<Arc<Tickets>>,
}

/// A connection, once it is known what it speaks.
pub(super) enum Spoken {
    /// TLS, the handshake done.
    Tls(Box<Secure>),
    /// Something else; nothing of it is read.
    Plain(TcpStream),
}

impl Tls {
    pub(super) fn new(files: &TlsConfig) -> Result<Self, CertificateError> {
        let certificate = Arc::new(Certificate::open(files)?);
        let wrong = |error: rustls::Error| problem(CERTIFICATE, &files.certificate, &error);
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Nothing is kept of who was here: tickets hold all that is needed.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // Clients that come back, all of them after a restart of the network, need no signature.
        let tickets = files.ticket_keys.as_deref().map(Tickets::open);
        let tickets = tickets.transpose()?;
        config.ticketer = match &tickets {
            Some(shared) => shared.clone(),
            None => ring::Ticketer::new().map_err(wrong)?,
        };
        Ok(Self {
            config: Arc::new(config),
            certificate,
            tickets,
        })
    }

    /// Waits for the first byte, and for the handshake if it begins one.
    pub(super) async fn greet(&self, socket: TcpStream) -> io::Result<Spoken> {
        let mut first = [0];
        // Who leaves without a byte, as probes of the port do, failed no handshake.
        if socket.peek(&mut first).await? == 0 || first != [HANDSHAKE] {
            return Ok(Spoken::Plain(socket));
        }
        let secure = Secure::accept(socket, self.config.clone()).await?;
        Ok(Spoken::Tls(Box::new(secure)))
    }

    /// Follows the files, and tells of a certificate whose time is over, or soon.
    pub(super) async fn follow(&self) {
        let mut warned = None;
        loop {
            let due = |at: Instant| at.elapsed() >= WARN;
            if warned.is_none_or(due) {
                warned = Some(Instant::now());
                self.certificate.warn();
            }
            let asked = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                () = self.certificate.asked.notified() => true,
            };
            let (certificate, tickets) = (self.certificate.clone(), self.tickets.clone());
            let look = move || {
                (
                    certificate.look(),
                    tickets.as_deref().map_or(Ok(false), Tickets::look),
                )
            };
            // Reading a file waits for a disk, or for a network.
            let Ok((certificate, tickets)) = tokio::task::spawn_blocking(look).await else {
                continue;
            };
            match certificate {
                Ok(false) if asked => info!("the certificate's files are as they were"),
                Ok(false) => {}
                Ok(true) => {
                    info!("a new certificate is served from now on");
                    warned = None;
                }
                Err(error) => {
                    warn!(%error, "the new certificate cannot be used: the old one is served on");
                }
            }
            match tickets {
                Ok(false) => {}
                Ok(true) => info!("other keys for session tickets are used from now on"),
                Err(error) => {
                    warn!(%error, "the new keys for session tickets cannot be used: the old ones stay");
                }
            }
        }
    }

    pub(super) fn shown(&self) -> Shown {
        Shown(self.certificate.clone())
    }
}

/// The certificate that clients are shown, for whoever looks after it.
#[derive(Debug, Clone)]
pub struct Shown(Arc<Certificate>);

impl Shown {
    /// Looks at the files now.
    pub fn look(&self) {
        self.0.asked.notify_one();
    }

    /// How many seconds it still holds; below nothing once it has expired.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.0.about.load().left(SystemTime::now())
    }
}

/// The certificate that is shown now.
struct Certificate {
    files: TlsConfig,
    shown: ArcSwap<CertifiedKey>,
    about: ArcSwap<About>,
    asked: Notify,
    /// What the files held when they were last looked at.
    seen: Mutex<Pem>,
}

impl Certificate {
    fn open(files: &TlsConfig) -> Result<Self, CertificateError> {
        let pem = Pem::read(files);
        let (shown, about) = pem.certified(files)?;
        Ok(Self {
            shown: ArcSwap::from_pointee(shown),
            about: ArcSwap::from_pointee(about),
            asked: Notify::new(),
            seen: Mutex::new(pem),
            files: files.clone(),
        })
    }

    /// Says whether another certificate is shown from now on. What is wrong is told once.
    fn look(&self) -> Result<bool, CertificateError> {
        let pem = Pem::read(&self.files);
        let mut seen = self.seen.lock();
        if *seen == pem {
            return Ok(false);
        }
        let certified = pem.certified(&self.files);
        *seen = pem;
        let (shown, about) = certified?;
        self.shown.store(shown.into());
        self.about.store(about.into());
        Ok(true)
    }

    fn warn(&self) {
        if let Some(warning) = self.about.load().warning(SystemTime::now()) {
            let path = self.files.certificate.display();
            warn!("TLS_CERT_PATH={path}: {warning}");
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.load_full())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::certificate::tests::{Folder, issued, write};
    use super::*;

    // contract: configuration/variable/ENABLE_TLS
    #[test]
    fn a_new_certificate_is_taken_and_a_bad_one_is_told_once() {
        let (_folder, files) = Folder::new("tls-new");
        write(&files, &issued());
        let certificate = Certificate::open(&files).unwrap();
        let shown = || certificate.shown.load().cert[0].clone();
        let first = shown();
        assert_eq!(certificate.look(), Ok(false));
        std::fs::remove_file(&files.key).unwrap();
        assert!(certificate.look().is_err());
        assert_eq!((certificate.look(), shown()), (Ok(false), first.clone()));
        write(&files, &issued());
        assert_eq!(certificate.look(), Ok(true));
        assert_ne!(shown(), first);
        assert_eq!(certificate.look(), Ok(false));
    }
}
