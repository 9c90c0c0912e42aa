//! The door: accept, TLS, admission, HTTP answers, upgrade.
//!
//! One port. With `ENABLE_TLS` a connection begins with its handshake ([`tls`]). All speak HTTP/1 then ([`head`], [`http`]):
//! probes and the SockJS info document are answered here; an upgrade that is well formed ([`upgrade`]) and admitted
//! ([`admission`]) gets its `101`, hyper gives the socket back, and from then on it is a [`crate::session::Session`] that
//! knows nothing of HTTP.
//!
//! With `RELAY_HTTP` what is neither is passed to the server ([`beyond`]).
//!
//! While the service stops, upgrades are taken for the first quarter of the grace and refused after it; probes are
//! answered to the end.

mod address;
mod admission;
mod beyond;
mod certificate;
mod head;
mod health;
mod http;
mod origin;
mod server;
mod tickets;
mod tls;
mod upgrade;

#[cfg(test)]
mod tests;

pub use beyond::{Beyond, PassedBody, Visitor};
#[cfg(feature = "internals")]
pub(crate) use certificate::read_certificate;
pub use certificate::{About, CertificateError, certificates, check_certificate};
#[cfg(feature = "internals")]
pub(crate) use head::{is_small_upgrade, pass_over};
pub use health::{Beat, Liveness, Readiness};
pub use server::{Gateway, GatewayError};
pub use tickets::check_ticket_keys;
pub use tls::Shown;
