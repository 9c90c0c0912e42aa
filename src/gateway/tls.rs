//! TLS at the door (`ENABLE_TLS`): the certificate, and who speaks TLS at all.
//!
//! A connection whose first byte begins no TLS record is plain HTTP: charts probe so, and [`super::http`] knows what may
//! be answered. The certificate's files are looked at every few seconds. A new one is shown to whoever comes from then
//! on, sessions stay; one that cannot be used leaves the old one where it is.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use tokio::net::TcpStream;
use tracing::{info, warn};

use crate::client::Secure;
use crate::config::TlsConfig;

/// The first byte of a TLS record that begins a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}={path}: {problem}")]
pub struct CertificateError {
    variable: &'static str,
    path: String,
    problem: String,
}

/// What is served with TLS.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
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
        config.ticketer = ring::Ticketer::new().map_err(wrong)?;
        Ok(Self {
            config: Arc::new(config),
            certificate,
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

    /// Follows the files.
    pub(super) async fn follow(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let certificate = self.certificate.clone();
            // Reading a file waits for a disk, or for a network.
            match tokio::task::spawn_blocking(move || certificate.look()).await {
                Ok(Ok(false)) | Err(_) => {}
                Ok(Ok(true)) => info!("a new certificate is served from now on"),
                Ok(Err(error)) => {
                    warn!(%error, "the new certificate cannot be used: the old one is served on");
                }
            }
        }
    }
}

/// The certificate that is shown now.
struct Certificate {
    files: TlsConfig,
    shown: ArcSwap<CertifiedKey>,
    /// What the files held when they were last looked at.
    seen: Mutex<Pem>,
}

/// Both files: the chain's and the key's, or why they cannot be read.
#[derive(PartialEq, Eq)]
struct Pem {
    chain: Result<Vec<u8>, CertificateError>,
    key: Result<Vec<u8>, CertificateError>,
}

const CERTIFICATE: &str = "TLS_CERT_PATH";
const KEY: &str = "TLS_KEY_PATH";

impl Certificate {
    fn open(files: &TlsConfig) -> Result<Self, CertificateError> {
        let pem = Pem::read(files);
        Ok(Self {
            shown: ArcSwap::from_pointee(pem.certified(files)?),
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
        self.shown.store(certified?.into());
        Ok(true)
    }
}

impl Pem {
    fn read(files: &TlsConfig) -> Self {
        let read = |variable, path: &Path| {
            std::fs::read(path).map_err(|error| problem(variable, path, &error))
        };
        Self {
            chain: read(CERTIFICATE, &files.certificate),
            key: read(KEY, &files.key),
        }
    }

    fn certified(&self, files: &TlsConfig) -> Result<CertifiedKey, CertificateError> {
        let of_chain = |error: &dyn fmt::Display| problem(CERTIFICATE, &files.certificate, error);
        let of_key = |error: &dyn fmt::Display| problem(KEY, &files.key, error);
        let chain = self.chain.as_ref().map_err(Clone::clone)?;
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| of_chain(&error))?;
        if chain.is_empty() {
            return Err(of_chain(&"no certificate in it"));
        }
        let key = self.key.as_ref().map_err(Clone::clone)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| of_key(&error))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                of_key(&"not the key of the first certificate in TLS_CERT_PATH")
            }
            rustls::Error::InvalidCertificate(_) => of_chain(&error),
            _ => of_key(&error),
        })
    }
}

fn problem(variable: &'static str, path: &Path, problem: &dyn fmt::Display) -> CertificateError {
    CertificateError {
        variable,
        path: path.display().to_string(),
        problem: problem.to_string(),
    }
}

/// Whether these files can be served; answers how many certificates the chain has.
///
/// # Errors
/// What is wrong with them, naming the variable.
pub fn check_certificate(files: &TlsConfig) -> Result<usize, CertificateError> {
    Pem::read(files)
        .certified(files)
        .map(|certified| certified.cert.len())
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
    use std::path::PathBuf;

    use super::*;

    /// A folder of its own, gone with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> (Self, TlsConfig) {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            let files = TlsConfig {
                certificate: path.join("chain.pem"),
                key: path.join("key.pem"),
            };
            (Self(path), files)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// A certificate and its key, in PEM.
    fn issued() -> (String, String) {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (issued.cert.pem(), issued.signing_key.serialize_pem())
    }

    fn write(files: &TlsConfig, (chain, key): &(String, String)) {
        std::fs::write(&files.certificate, chain).unwrap();
        std::fs::write(&files.key, key).unwrap();
    }

    // contract: configuration/variable/TLS_CERT_PATH, configuration/variable/TLS_KEY_PATH
    #[test]
    fn what_is_wrong_is_told_with_the_variable() {
        let (_folder, files) = Folder::new("tls-wrong");
        let wrong = || {
            let error = check_certificate(&files).unwrap_err();
            (error.variable, error.problem)
        };
        let (first, second) = (issued(), issued());
        std::fs::write(&files.key, &first.1).unwrap();
        assert_eq!(wrong().0, "TLS_CERT_PATH");
        std::fs::write(&files.certificate, &first.1).unwrap();
        assert_eq!(wrong(), (CERTIFICATE, "no certificate in it".to_owned()));
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&files.certificate, nonsense).unwrap();
        assert_eq!(wrong().0, CERTIFICATE);
        write(&files, &(first.0.clone(), "nothing".to_owned()));
        assert_eq!(wrong().0, KEY);
        write(&files, &(first.0.clone(), second.1));
        let mismatch = "not the key of the first certificate in TLS_CERT_PATH";
        assert_eq!(wrong(), (KEY, mismatch.to_owned()));
        write(&files, &(first.0.clone() + &second.0, first.1));
        assert_eq!(check_certificate(&files), Ok(2));
    }

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
