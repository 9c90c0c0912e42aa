//! The certificate that clients are shown.

use std::path::Path;
use std::time::SystemTime;

use super::report::Finding;
use crate::app;
use crate::config::TlsConfig;

pub(super) fn judge(files: &TlsConfig) -> Finding {
    match app::check_certificate(files) {
        Ok(about) => {
            let (path, count) = (files.certificate.display(), about.certificates);
            match about.warning(SystemTime::now()) {
                Some(warning) => {
                    Finding::warning("certificate", format!("TLS_CERT_PATH={path}: {warning}"))
                        .advised("put another into the file: it is taken within seconds")
                }
                None => Finding::ok(
                    "certificate",
                    format!(
                        "TLS_CERT_PATH={path}: a chain of {count}, and TLS_KEY_PATH is its key; it holds until {}",
                        about.until()
                    ),
                ),
            }
        }
        Err(error) => Finding::wrong(
            "certificate",
            error.to_string(),
            "correct it: the service does not start with it",
        ),
    }
}

/// What clients that come back are recognized by, where several streamers share it.
pub(super) fn judge_tickets(path: &Path) -> Finding {
    match app::check_ticket_keys(path) {
        Ok(count) => Finding::ok(
            "session tickets",
            format!("TLS_TICKET_KEY_PATH={}: {count} keys", path.display()),
        ),
        Err(error) => Finding::wrong(
            "session tickets",
            error.to_string(),
            "correct it: the service does not start with it",
        ),
    }
}
