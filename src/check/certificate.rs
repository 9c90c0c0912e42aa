//! The certificate that clients are shown.

use super::report::Finding;
use crate::app;
use crate::config::TlsConfig;

pub(super) fn judge(files: &TlsConfig) -> Finding {
    match app::check_certificate(files) {
        Ok(count) => Finding::ok(
            "certificate",
            format!(
                "TLS_CERT_PATH={}: a chain of {count}, and TLS_KEY_PATH is its key",
                files.certificate.display()
            ),
        ),
        Err(error) => Finding::wrong(
            "certificate",
            error.to_string(),
            "correct it: the service does not start with it",
        ),
    }
}
