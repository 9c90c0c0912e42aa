//! Logs, metrics, traces and the status page.
//!
//! [`logs`] writes one event a line to standard output and a file; [`limit`] keeps a line that others can provoke from being written too often;
//! [`metrics`] counts; [`traces`] sends spans to a collector; [`work`] knows what is worked on, which both are about; [`status`] is a page for
//! operators. This room knows `config` and `port` alone: `app` hands it plain settings, and every other room may call it from anywhere.

mod door;
mod installed;
pub mod limit;
pub mod logs;
pub mod metrics;
pub mod status;
pub mod traces;
pub mod work;
