//! Which NATS servers, and how to get in.

use std::fmt;
use std::sync::Arc;

use async_nats::ServerAddr;

use super::error::MeshError;

/// Servers of one cluster and how to get in.
#[derive(Clone, Default)]
pub struct NatsTarget {
    servers: Vec<ServerAddr>,
    /// User name, as it is sent; without a password, a token.
    pub user: Option<String>,
    /// Password, as it is sent.
    pub pass: Option<String>,
    /// Encryption.
    pub tls: NatsTls,
}

/// Encryption of the way to NATS.
#[derive(Clone, Default)]
pub struct NatsTls {
    /// Refuse servers that offer none. `tls://` in an address asks for it as well, and a server may demand it.
    pub required: bool,
    /// Trust and provider; without it async-nats trusts what the platform trusts.
    pub client: Option<Arc<rustls::ClientConfig>>,
}

impl fmt::Debug for NatsTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Credentials never reach a log.
        f.debug_struct("NatsTarget")
            .field("servers", &self.names())
            .field("user", &self.user.is_some())
            .finish_non_exhaustive()
    }
}

impl NatsTarget {
    /// Reads `nats://[user:pass@]host:port[,…]` or `tls://…`; the scheme may be missing. The first credentials count for
    /// all servers, and they are sent as they stand, as Moleculer does: nothing is percent-decoded.
    pub fn parse(text: &str) -> Result<Self, MeshError> {
        let mut target = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (scheme, rest) = part.split_once("://").unwrap_or(("nats", part));
            let (credentials, host) = match rest.rsplit_once('@') {
                Some((credentials, host)) => (Some(credentials), host),
                None => (None, rest),
            };
            let server = format!("{scheme}://{host}");
            let invalid = |reason: String| MeshError::InvalidServer {
                server: server.clone(),
                reason,
            };
            if !matches!(scheme, "nats" | "tls") {
                return Err(invalid("expected nats:// or tls://".to_owned()));
            }
            let address: ServerAddr = server
                .parse()
                .map_err(|error: std::io::Error| invalid(error.to_string()))?;
            if address.host().is_empty() {
                return Err(invalid("no host".to_owned()));
            }
            target.servers.push(address);
            if let (Some(credentials), None) = (credentials, &target.user) {
                let (user, pass) = match credentials.split_once(':') {
                    Some((user, pass)) => (user, Some(pass)),
                    None => (credentials, None),
                };
                target.user = Some(user.to_owned());
                target.pass = pass.map(str::to_owned);
            }
        }
        if target.servers.is_empty() {
            return Err(MeshError::InvalidServer {
                server: String::new(),
                reason: "no server".to_owned(),
            });
        }
        Ok(target)
    }

    /// The server of this place in the list.
    pub(crate) fn server(&self, place: usize) -> Option<&ServerAddr> {
        self.servers.get(place)
    }

    /// The server whose turn it is.
    pub(crate) fn server_in_turn(&self, turn: usize) -> Option<&ServerAddr> {
        self.server(turn % self.servers.len().max(1))
    }

    /// The servers' addresses, without credentials.
    pub fn names(&self) -> Vec<String> {
        self.servers.iter().map(name).collect()
    }
}

fn name(server: &ServerAddr) -> String {
    let (scheme, host, port) = (server.scheme(), server.host(), server.port());
    // It is told without its brackets.
    if host.contains(':') {
        return format!("{scheme}://[{host}]:{port}");
    }
    format!("{scheme}://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_charts_write_them() {
        let target = NatsTarget::parse("nats://u:p%40x@a:4222,nats://b,tls://c:5222").unwrap();
        assert_eq!(
            target.names(),
            ["nats://a:4222", "nats://b:4222", "tls://c:5222"]
        );
        assert_eq!(
            (target.user.as_deref(), target.pass.as_deref()),
            (Some("u"), Some("p%40x"))
        );
        assert_eq!(
            NatsTarget::parse("localhost").unwrap().names(),
            ["nats://localhost:4222"]
        );
        assert_eq!(
            NatsTarget::parse("nats://[::1],tls://[fe80::1]:5222")
                .unwrap()
                .names(),
            ["nats://[::1]:4222", "tls://[fe80::1]:5222"]
        );
        assert!(!format!("{target:?}").contains("p%40x"));
        for bad in ["", "redis://x", "nats://", "http://a:1"] {
            assert!(NatsTarget::parse(bad).is_err(), "{bad}");
        }
    }
}
