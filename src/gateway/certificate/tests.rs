//! Certificates that are good, and those that are not.

use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

/// A folder of its own, gone with the test.
pub(in super::super) struct Folder(PathBuf);

impl Folder {
    pub(in super::super) fn new(name: &str) -> (Self, TlsConfig) {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let files = TlsConfig {
            certificate: path.join("chain.pem"),
            key: path.join("key.pem"),
            ticket_keys: None,
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
pub(in super::super) fn issued() -> (String, String) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (issued.cert.pem(), issued.signing_key.serialize_pem())
}

pub(in super::super) fn write(files: &TlsConfig, (chain, key): &(String, String)) {
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
    assert_eq!(check_certificate(&files).unwrap().certificates, 2);
}

/// What is said of a key's file.
fn key_problem(pem: &[u8]) -> String {
    let (_folder, files) = Folder::new("tls-key");
    write(&files, &issued());
    std::fs::write(&files.key, pem).unwrap();
    let error = check_certificate(&files).unwrap_err();
    assert_eq!(error.variable, KEY);
    error.problem
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/certificates/", $name))
    };
}

// contract: configuration/variable/TLS_KEY_PATH
#[test]
fn a_key_that_cannot_be_used_is_called_by_its_kind() {
    for (key, kind) in [
        (&fixture!("p521.key")[..], "an ECDSA key on P-521"),
        (fixture!("p521-sec1.key"), "an ECDSA key on P-521"),
        (fixture!("ed448.key"), "an Ed448 key"),
        (fixture!("rsa1024.key"), "an RSA key of less than 2048 bits"),
        (
            fixture!("rsa1024-traditional.key"),
            "an RSA key of less than 2048 bits",
        ),
    ] {
        assert_eq!(key_problem(key), format!("{kind}: {USABLE}"));
    }
    let encrypted = "the key is encrypted: save it without its passphrase (openssl pkey)";
    assert_eq!(key_problem(fixture!("encrypted.key")), encrypted);
    assert_eq!(
        key_problem(fixture!("encrypted-traditional.key")),
        encrypted
    );
    assert_eq!(key_problem(issued().0.as_bytes()), "no private key in it");
    let marked = [b"\xef\xbb\xbf", issued().1.as_bytes()].concat();
    assert!(key_problem(&marked).contains("byte order mark (BOM)"));
}

// contract: configuration/variable/TLS_CERT_PATH
#[test]
fn a_certificate_that_cannot_be_used_is_told_why() {
    let (_folder, files) = Folder::new("tls-certificate");
    let (chain, key) = issued();
    std::fs::write(&files.key, &key).unwrap();
    let utf16: Vec<u8> = chain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (pem, said) in [
        (
            [b"\xef\xbb\xbf", chain.as_bytes()].concat(),
            "byte order mark (BOM)",
        ),
        ([b"\xff\xfe", &utf16[..]].concat(), "UTF-16"),
        (
            fixture!("version1.pem").to_vec(),
            "an X.509 certificate of version 1,",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
            "no X.509 certificate",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec(),
            "no PEM that can be read",
        ),
    ] {
        std::fs::write(&files.certificate, pem).unwrap();
        let error = check_certificate(&files).unwrap_err();
        assert_eq!(error.variable, CERTIFICATE);
        assert!(error.problem.contains(said), "{said}: {error}");
    }
}

/// A certificate for `names` that holds from the first to the second of these years.
fn of(names: &[&str], from: i32, until: i32) -> About {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    About::new(&[certificate.der().clone()]).unwrap()
}

#[test]
fn an_operator_is_told_in_time() {
    let year = |year: u64| UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_557_600);
    let day = Duration::from_secs(86_400);
    let about = of(&["localhost"], 2030, 2040);
    assert_eq!(about.warning(year(2035)), None);
    assert_eq!(about.left(year(2035)) / 31_557_600, 4);
    let said = |at| about.warning(at).unwrap();
    assert!(said(year(2029)).contains("not valid before 2030-01-01"));
    assert!(said(year(2041)).contains("has expired, on 2040-01-01"));
    assert!(about.left(year(2041)) < 0);
    assert!(said(year(2040) - 10 * day).contains("expires soon, on 2040-01-01"));
    assert_eq!(about.warning(year(2040) - 20 * day), None);
    let nameless = of(&[], 2030, 2040).warning(year(2035)).unwrap();
    assert!(nameless.contains("names no host"), "{nameless}");
}
