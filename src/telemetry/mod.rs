//! Logs, metrics and the status page.
//!
//! [`logs`] writes one event a line to standard output and a file; [`limit`] keeps a line that others can provoke from being written too often;
//! [`metrics`] counts; [`status`] is a page for operators. This room knows no other: `app` hands it plain settings, and every other room may call it from anywhere.

mod door;
pub mod limit;
pub mod logs;
pub mod metrics;
pub mod status;
