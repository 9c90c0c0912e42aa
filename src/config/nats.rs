//! `TRANSPORTER` and `NATS_URL`: `nats://[user:pass@]host:port[,…]`, `tls://…`, a leading `monolith+` ignored.

use super::parse::percent_decode;
use super::secret::Secret;

/// The port of a NATS server whose URL names none.
const DEFAULT_PORT: u16 = 4222;

/// Where the plain broker looks for NATS when nobody says.
const THIS_HOST: &str = "nats://localhost:4222";

/// What the core's own compose files put before the URL; it means nothing to other services.
const MONOLITH: &str = "monolith+";

/// Where NATS is and how to get in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NatsServers {
    /// `nats://host:port` or `tls://host:port`, without credentials; never empty in a checked configuration.
    pub servers: Vec<String>,
    /// TLS is required: one of the URLs was `tls://`.
    pub tls: bool,
    /// The first credentials found in the URLs.
    pub credentials: Option<NatsCredentials>,
}

/// How this process shows itself to NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatsCredentials {
    /// `nats://user:password@…`
    Password {
        /// The user's name.
        user: String,
        /// The user's password.
        password: Secret,
    },
    /// `nats://token@…`
    Token(Secret),
}

impl NatsServers {
    /// The NATS server of this host.
    pub(super) fn of_this_host() -> Self {
        Self {
            servers: vec![THIS_HOST.to_owned()],
            ..Self::default()
        }
    }

    /// Reads a comma-separated list; entries without a scheme are of the first one's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(MONOLITH).unwrap_or(text);
        let first_scheme = scheme_of(text)?.0;
        let mut found = Self::default();
        for entry in text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            let (scheme, rest) = if entry.contains("://") {
                scheme_of(entry)?
            } else {
                (first_scheme, entry)
            };
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            let (user_info, address) = match rest.rsplit_once('@') {
                Some((user_info, address)) => (Some(user_info), address),
                None => (None, rest),
            };
            let (host, port) = host_and_port(address)?;
            found.servers.push(format!(
                "{scheme}://{host}:{}",
                port.unwrap_or(DEFAULT_PORT)
            ));
            found.tls |= scheme == "tls";
            if let (None, Some(user_info)) = (&found.credentials, user_info) {
                found.credentials = Some(credentials(user_info)?);
            }
        }
        (!found.servers.is_empty()).then_some(found)
    }
}

fn scheme_of(text: &str) -> Option<(&'static str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let known = ["nats", "tls"]
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known))?;
    Some((known, rest))
}

fn credentials(user_info: &str) -> Option<NatsCredentials> {
    Some(match user_info.split_once(':') {
        Some((user, password)) => NatsCredentials::Password {
            user: percent_decode(user)?,
            password: Secret::new(percent_decode(password)?),
        },
        None => NatsCredentials::Token(Secret::new(percent_decode(user_info)?)),
    })
}

/// `host`, `host:port`, `[ipv6]` or `[ipv6]:port`; the port is not 0. Names are in ASCII, as DNS has them (`xn--…`): the
/// clients that are given others look for `%C3%BC`.
pub(super) fn host_and_port(address: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let end = rest.find(']')?;
        rest[..end].parse::<std::net::Ipv6Addr>().ok()?;
        let (host, after) = address.split_at(end + 2);
        (
            host,
            if after.is_empty() {
                None
            } else {
                Some(after.strip_prefix(':')?)
            },
        )
    } else {
        let (host, port) = match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        };
        let named = !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        named.then_some((host, port))?
    };
    let port = match port {
        Some(port) => Some(port.parse::<u16>().ok().filter(|port| *port > 0)?),
        None => None,
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(text: &str) -> Vec<String> {
        NatsServers::parse(text)
            .map(|found| found.servers)
            .unwrap_or_default()
    }

    // contract: configuration/variable/TRANSPORTER
    #[test]
    fn the_forms_that_deployments_use() {
        assert_eq!(servers("nats://nats:4222"), ["nats://nats:4222"]);
        assert_eq!(servers("monolith+nats://nats:4222"), ["nats://nats:4222"]);
        assert_eq!(servers("nats://nats"), ["nats://nats:4222"]);
        assert_eq!(
            servers("nats://a:1,b:2, nats://c/"),
            ["nats://a:1", "nats://b:2", "nats://c:4222"]
        );
        assert_eq!(
            servers("nats://[::1]:4333,nats://[fe80::1]"),
            ["nats://[::1]:4333", "nats://[fe80::1]:4222"]
        );
        assert!(NatsServers::parse("tls://nats:4222").unwrap().tls);
        assert!(!NatsServers::parse("nats://nats:4222").unwrap().tls);
    }

    #[test]
    fn credentials_are_taken_out_of_the_url() {
        let found = NatsServers::parse("nats://me:p%40ss@a:1,nats://b:2").unwrap();
        assert_eq!(found.servers, ["nats://a:1", "nats://b:2"]);
        assert_eq!(
            found.credentials,
            Some(NatsCredentials::Password {
                user: "me".into(),
                password: Secret::new("p@ss")
            })
        );
        assert!(!format!("{found:?}").contains("p@ss"));
        let found = NatsServers::parse("nats://tok3n@a").unwrap();
        assert_eq!(
            found.credentials,
            Some(NatsCredentials::Token(Secret::new("tok3n")))
        );
    }

    #[test]
    fn what_is_no_nats_url_is_refused() {
        for text in [
            "",
            "nats",
            "nats://",
            "redis://a:1",
            "monolith+",
            "monolith+TCP",
            "nats://a:0",
            "nats://a:70000",
            "nats://a:x",
            "nats://a b:1",
            "nats://müller:4222",
            "nats://[::1",
            "nats://[::1]x",
            "nats://a,redis://b",
            "nats://u:%zz@a",
            "a:4222",
        ] {
            assert_eq!(NatsServers::parse(text), None, "{text}");
        }
    }
}
