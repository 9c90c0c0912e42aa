//! The only place that writes to the terminal.

use std::io::{self, Write};

/// A result, on standard output.
pub(crate) fn say(text: &str) {
    // A closed pipe is the reader's choice.
    let _closed = writeln!(io::stdout().lock(), "{text}");
}

/// Where a run is, on standard error.
pub(crate) fn progress(text: &str) {
    let _closed = writeln!(io::stderr().lock(), "… {text}");
}

/// Why a run ended.
pub(crate) fn complain(text: &str) {
    let _closed = writeln!(io::stderr().lock(), "ddp-bench: {text}");
}
