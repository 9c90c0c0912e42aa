//! A certificate of a test, and those who trust it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::process::TempDir;

/// Who the certificates are for.
pub const HOST: &str = "localhost";

/// Files as `TLS_CERT_PATH` and `TLS_KEY_PATH` name them: a certificate that vouches for itself.
pub struct Certificate(TempDir);

impl Certificate {
    pub fn new() -> Self {
        let certificate = Self(TempDir::new("certificate"));
        certificate.renew();
        certificate
    }

    /// Puts another one into the files.
    pub fn renew(&self) {
        let new = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
        std::fs::write(self.key(), new.signing_key.serialize_pem()).expect("written");
        std::fs::write(self.chain(), new.cert.pem()).expect("written");
    }

    /// Puts one into the files that holds from a month ago until then.
    pub fn renew_until(&self, until: time::UtcDateTime) {
        let mut params = rcgen::CertificateParams::new([HOST.to_owned()]).expect("a name");
        params.not_before = (time::UtcDateTime::now() - time::Duration::days(30)).into();
        params.not_after = until.into();
        let key = rcgen::KeyPair::generate().expect("a key");
        let new = params.self_signed(&key).expect("a certificate");
        std::fs::write(self.key(), key.serialize_pem()).expect("written");
        std::fs::write(self.chain(), new.pem()).expect("written");
    }

    pub fn chain(&self) -> PathBuf {
        self.0.path().join("chain.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    /// What is in the file now.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.chain()).expect("a certificate")
    }

    /// The service's variables.
    pub fn env(&self) -> [(&'static str, String); 3] {
        [
            ("ENABLE_TLS", "true".to_owned()),
            ("TLS_CERT_PATH", self.chain().display().to_string()),
            ("TLS_KEY_PATH", self.key().display().to_string()),
        ]
    }

    /// A server that shows it.
    pub fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from_pem_file(self.key()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.der()], key)
            .expect("a certificate");
        Arc::new(config).into()
    }

    /// Connects to a port, and trusts nothing but what is in the file now.
    pub async fn connect(&self, port: u16) -> io::Result<TlsStream<TcpStream>> {
        self.client().connect(port).await
    }

    /// A client that trusts nothing but what is in the file now, and remembers the tickets that it gets.
    pub fn client(&self) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsClient(Arc::new(config).into())
    }
}

/// A client of one or several servers of this name.
pub struct TlsClient(TlsConnector);

impl TlsClient {
    pub async fn connect(&self, port: u16) -> io::Result<TlsStream<TcpStream>> {
        let host = ServerName::try_from(HOST).expect("a name");
        let socket = TcpStream::connect(("127.0.0.1", port)).await?;
        self.0.connect(host, socket).await
    }
}
