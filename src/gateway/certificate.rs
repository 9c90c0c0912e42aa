//! The certificate's files: what is in them, and what is wrong with it, in words for whoever wrote them.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::memmem;
use rustls::InconsistentKeys;
use rustls::crypto::ring as provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{FromDer, X509Version};

use crate::config::TlsConfig;
use crate::telemetry::logs::timestamp;

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}={path}: {problem}")]
pub struct CertificateError {
    pub(super) variable: &'static str,
    path: String,
    pub(super) problem: String,
}

pub(super) const CERTIFICATE: &str = "TLS_CERT_PATH";
pub(super) const KEY: &str = "TLS_KEY_PATH";

/// So long before its end a certificate is told of, unless a quarter of its life is less.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// What a certificate that can be served says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// How many certificates the chain has.
    pub certificates: usize,
    /// In seconds since 1970.
    from: i64,
    /// The same.
    until: i64,
    /// Whether it names a host in a `subjectAltName`: nothing else is looked at by clients.
    names_a_host: bool,
}

/// Both files: the chain's and the key's, or why they cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pem {
    chain: Result<Vec<u8>, CertificateError>,
    key: Result<Vec<u8>, CertificateError>,
}

/// Whether these files can be served, and what the certificate says of itself.
///
/// # Errors
/// What is wrong with them, naming the variable.
pub fn check_certificate(files: &TlsConfig) -> Result<About, CertificateError> {
    Pem::read(files).certified(files).map(|(_, about)| about)
}

/// What [`check_certificate`] says of files that hold this: [`crate::internals`].
#[cfg(feature = "internals")]
pub(crate) fn read_certificate(chain: &[u8], key: &[u8]) -> Result<About, CertificateError> {
    let files = TlsConfig {
        certificate: CERTIFICATE.into(),
        key: KEY.into(),
        ticket_keys: None,
    };
    let pem = Pem {
        chain: Ok(chain.into()),
        key: Ok(key.into()),
    };
    pem.certified(&files).map(|(_, about)| about)
}

/// The certificates of a file.
///
/// # Errors
/// What is wrong with it.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    if let Some(mark) = byte_order_mark(pem) {
        return Err(mark.to_owned());
    }
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(unread)?;
    if all.is_empty() {
        return Err("no certificate in it".to_owned());
    }
    Ok(all)
}

impl About {
    fn new(chain: &[CertificateDer<'_>]) -> Result<Self, String> {
        let Ok((_, first)) = X509Certificate::from_der(&chain[0]) else {
            return Err("what it holds is no X.509 certificate".to_owned());
        };
        if first.version() != X509Version::V3 {
            let version = first.version().0 + 1;
            return Err(format!(
                "an X.509 certificate of version {version}, which clients refuse: it must be of version 3, as \
                 certificates with extensions are (subjectAltName)"
            ));
        }
        let names = first.subject_alternative_name().ok().flatten();
        Ok(Self {
            certificates: chain.len(),
            from: first.validity().not_before.timestamp(),
            until: first.validity().not_after.timestamp(),
            names_a_host: names.is_some_and(|names| !names.value.general_names.is_empty()),
        })
    }

    /// How many seconds it holds from `now` on; below nothing once it has expired.
    #[must_use]
    pub fn left(&self, now: SystemTime) -> i64 {
        self.until.saturating_sub(seconds(now))
    }

    /// What an operator should know of it now.
    #[must_use]
    pub fn warning(&self, now: SystemTime) -> Option<String> {
        let (left, until) = (self.left(now), date(self.until));
        let life = self.until.saturating_sub(self.from);
        let soon = i64::try_from(SOON.as_secs())
            .unwrap_or(i64::MAX)
            .min(life / 4);
        if left <= 0 {
            Some(format!(
                "the certificate has expired, on {until}: clients refuse it"
            ))
        } else if seconds(now) < self.from {
            let from = date(self.from);
            Some(format!(
                "the certificate is not valid before {from}: clients refuse it until then"
            ))
        } else if left < soon {
            let days = left / 86_400;
            Some(format!(
                "the certificate expires soon, on {until}: in {days} days"
            ))
        } else if !self.names_a_host {
            let text = "the certificate names no host (subjectAltName): clients refuse it";
            Some(text.to_owned())
        } else {
            None
        }
    }

    /// Until when it holds.
    #[must_use]
    pub fn until(&self) -> String {
        date(self.until)
    }
}

fn seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn date(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let at = UNIX_EPOCH.checked_add(since);
    at.map_or_else(|| format!("{seconds} s after 1970"), timestamp)
}

impl Pem {
    pub(super) fn read(files: &TlsConfig) -> Self {
        let read = |variable, path: &Path| {
            std::fs::read(path).map_err(|error| problem(variable, path, &error))
        };
        Self {
            chain: read(CERTIFICATE, &files.certificate),
            key: read(KEY, &files.key),
        }
    }

    pub(super) fn certified(
        &self,
        files: &TlsConfig,
    ) -> Result<(CertifiedKey, About), CertificateError> {
        let of_chain = |error: &dyn fmt::Display| problem(CERTIFICATE, &files.certificate, error);
        let of_key = |error: &dyn fmt::Display| problem(KEY, &files.key, error);
        let chain = self.chain.as_ref().map_err(Clone::clone)?;
        let chain = certificates(chain).map_err(|error| of_chain(&error))?;
        let about = About::new(&chain).map_err(|error| of_chain(&error))?;
        let key = self.key.as_ref().map_err(Clone::clone)?;
        let key = private_key(key).map_err(|error| of_key(&error))?;
        let unusable = unusable(&key);
        let certified = CertifiedKey::from_der(chain, key, &provider::default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                of_key(&"not the key of the first certificate in TLS_CERT_PATH")
            }
            rustls::Error::InvalidCertificate(_) => of_chain(&error),
            _ => match unusable {
                Some(why) => of_key(&format!("{why}: {USABLE}")),
                None => of_key(&format!("no private key that can be read: {USABLE}")),
            },
        })?;
        Ok((certified, about))
    }
}

pub(super) fn problem(
    variable: &'static str,
    path: &Path,
    problem: &dyn fmt::Display,
) -> CertificateError {
    CertificateError {
        variable,
        path: path.display().to_string(),
        problem: problem.to_string(),
    }
}

/// What some editors put in front of a text; it hides the first line from whoever reads PEM.
pub(super) fn byte_order_mark(pem: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], _); 3] = [
        (
            b"\xef\xbb\xbf",
            "a byte order mark (BOM) stands in front of its first line: save it without one",
        ),
        (b"\xff\xfe", "it is UTF-16: save it as ASCII or UTF-8"),
        (b"\xfe\xff", "it is UTF-16: save it as ASCII or UTF-8"),
    ];
    let mut marks = marks.into_iter();
    marks.find_map(|(mark, words)| pem.starts_with(mark).then_some(words))
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    if let Some(mark) = byte_order_mark(pem) {
        return Err(mark.to_owned());
    }
    let holds = |text: &str| memmem::find(pem, text.as_bytes()).is_some();
    if holds("BEGIN ENCRYPTED PRIVATE KEY") || holds("Proc-Type: 4,ENCRYPTED") {
        return Err(
            "the key is encrypted: save it without its passphrase (openssl pkey)".to_owned(),
        );
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => "no private key in it".to_owned(),
        error => unread(error),
    })
}

/// Why a file is no PEM, in words: the library's own are numbers.
fn unread(error: pem::Error) -> String {
    let why = match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            let marker = String::from_utf8_lossy(&end_marker);
            format!("the line -----END {marker}----- is missing, as in a file that was cut")
        }
        pem::Error::Base64Decode(_) => "what stands between BEGIN and END is no base64".to_owned(),
        error => error.to_string(),
    };
    format!("no PEM that can be read: {why}")
}

/// What is served instead.
const USABLE: &str = "RSA with 2048 to 4096 bits, ECDSA on P-256 or P-384, and Ed25519 can be used";

/// Kinds of keys that cannot be used, by what their files hold: an object identifier, as DER writes it.
const UNUSABLE: &[(&[u8], &str)] = &[
    (b"\x06\x05\x2b\x81\x04\x00\x23", "an ECDSA key on P-521"),
    (b"\x06\x05\x2b\x81\x04\x00\x21", "an ECDSA key on P-224"),
    (b"\x06\x05\x2b\x81\x04\x00\x0a", "an ECDSA key on secp256k1"),
    (
        b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01",
        "an ECDSA key on a Brainpool curve",
    ),
    (b"\x06\x03\x2b\x65\x71", "an Ed448 key"),
    (b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01", "a DSA key"),
];

fn unusable(key: &PrivateKeyDer<'_>) -> Option<&'static str> {
    let der = key.secret_der();
    let mut kinds = UNUSABLE.iter();
    if let Some((_, kind)) = kinds.find(|(identifier, _)| memmem::find(der, identifier).is_some()) {
        return Some(kind);
    }
    let rsa = match key {
        PrivateKeyDer::Pkcs1(_) => ring::rsa::KeyPair::from_der(der),
        _ => ring::rsa::KeyPair::from_pkcs8(der),
    };
    match rsa.err()?.to_string().as_str() {
        "TooSmall" => Some("an RSA key of less than 2048 bits"),
        "TooLarge" => Some("an RSA key of more than 4096 bits"),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests;
