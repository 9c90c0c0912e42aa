//! The certificate of a spawned server that is to serve TLS: of this run, believed by its clients without a look.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Tried};

/// Writes certificate and key in PEM; returns where.
pub(super) fn written(directory: &Path) -> Result<(PathBuf, PathBuf), Error> {
    let (certificate, key) = (directory.join("server.crt"), directory.join("server.key"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .map_err(io::Error::other)
        .tried("making a certificate")?;
    std::fs::write(&certificate, made.cert.pem()).tried("writing a certificate")?;
    std::fs::write(&key, made.signing_key.serialize_pem()).tried("writing a key")?;
    Ok((certificate, key))
}
