//! By which names a page of operators may be asked: its own. A page in the operator's browser whose name was pointed
//! here (DNS rebinding), or a form on a foreign page, gets nothing.

use std::net::IpAddr;

use hyper::Request;
use hyper::header::{HOST, HeaderValue, ORIGIN};

/// The names of a page.
#[derive(Debug, Clone, Default)]
pub struct Names(Vec<String>);

/// Who asks, in a name that is none of the page's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// `Host` is missing or another's.
    #[error("asked by a name that is not its own")]
    Host,
    /// `Origin` is another's.
    #[error("asked by a page of another host")]
    Origin,
}

impl Names {
    /// Loopback names, the address that was reached, and `more`.
    #[must_use]
    pub fn new(more: impl IntoIterator<Item = String>) -> Self {
        let more = more.into_iter().map(|name| plain(&name));
        Self(more.collect())
    }

    /// Whether a request that came to `reached`, an address of ours, asks by one of the names, and comes from no page but
    /// one of them.
    ///
    /// # Errors
    /// What is foreign.
    pub fn own<B>(&self, request: &Request<B>, reached: IpAddr) -> Result<(), Foreign> {
        let host = request.headers().get(HOST).and_then(host_of);
        if !host.is_some_and(|host| self.knows(&host, reached)) {
            return Err(Foreign::Host);
        }
        match request.headers().get(ORIGIN) {
            None => Ok(()),
            Some(origin) => {
                let host = origin.to_str().ok();
                let host = host.and_then(|origin| Some(origin.split_once("://")?.1));
                let known = host.is_some_and(|host| self.knows(&without_port(host), reached));
                known.then_some(()).ok_or(Foreign::Origin)
            }
        }
    }

    fn knows(&self, host: &str, reached: IpAddr) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => {
                address.to_canonical().is_loopback()
                    || address.to_canonical() == reached.to_canonical()
                    || self.0.iter().any(|name| name == host)
            }
            Err(_) => host == "localhost" || self.0.iter().any(|name| name == host),
        }
    }
}

fn host_of(value: &HeaderValue) -> Option<String> {
    value.to_str().ok().map(without_port)
}

/// The host of `host`, `host:port`, `[address]` or `[address]:port`.
fn without_port(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    plain(name.unwrap_or_default())
}

/// In lower case, without the dot that ends a full name.
fn plain(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(
        names: &Names,
        reached: &str,
        host: Option<&str>,
        origin: Option<&str>,
    ) -> Result<(), Foreign> {
        let mut request = Request::builder();
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        names.own(&request.body(()).unwrap(), reached.parse().unwrap())
    }

    // contract: configuration/variable/ADMIN_HOSTS
    #[test]
    fn whose_names() {
        let names = Names::new(["status.example.com".to_owned(), "Other.".to_owned()]);
        for host in [
            "localhost",
            "LOCALHOST:9000",
            "localhost.",
            "127.0.0.1",
            "127.8.8.8:1",
            "[::1]",
            "[::1]:9000",
            "10.0.0.5",
            "10.0.0.5:9000",
            "[::ffff:10.0.0.5]",
            "status.example.com:443",
            "STATUS.example.com.",
            "other",
        ] {
            assert_eq!(
                asked(&names, "::ffff:10.0.0.5", Some(host), None),
                Ok(()),
                "{host}"
            );
        }
        for host in [
            "",
            "evil.example.com",
            "localhost.evil.net",
            "127.0.0.1.evil.net",
            "10.0.0.6",
            "example.com",
            "[::2]",
            "[",
            ":",
        ] {
            assert_eq!(
                asked(&names, "10.0.0.5", Some(host), None),
                Err(Foreign::Host),
                "{host}"
            );
        }
        assert_eq!(asked(&names, "127.0.0.1", None, None), Err(Foreign::Host));
    }

    #[test]
    fn whose_pages() {
        let names = Names::new(["status.example.com".to_owned()]);
        let from = |origin| asked(&names, "127.0.0.1", Some("localhost:9000"), Some(origin));
        for origin in [
            "http://localhost:9000",
            "http://127.0.0.1:1",
            "https://status.example.com",
        ] {
            assert_eq!(from(origin), Ok(()), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://evil.net",
            "http://localhost.evil.net:9000",
            "localhost",
        ] {
            assert_eq!(from(origin), Err(Foreign::Origin), "{origin}");
        }
    }
}
