//! Addresses: this machine only.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use crate::error::Error;

/// `MOL`, or `MOL-<namespace>`.
pub(crate) fn prefix(namespace: &str) -> String {
    match namespace {
        "" => "MOL".to_owned(),
        name => format!("MOL-{name}"),
    }
}

/// The address of a URL, which must be this machine's: this is a generator of load, not a weapon.
pub(super) fn loopback(url: &str, port: u16) -> Result<SocketAddr, Error> {
    let refused = || Error::Usage(format!("{url}: only loopback addresses are loaded"));
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = if host.parse::<IpAddr>().is_ok() || !host.contains(':') {
        (host, port)
            .to_socket_addrs()
            .map_err(|_| refused())?
            .find(SocketAddr::is_ipv4)
            .or_else(|| SocketAddr::from_str(&format!("[{host}]:{port}")).ok())
    } else {
        host.to_socket_addrs()
            .map_err(|_| refused())?
            .min_by_key(|address| !address.is_ipv4())
    };
    host.filter(|address| address.ip().is_loopback())
        .ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loaded() {
        for url in [
            "http://example.org",
            "ws://10.0.0.1:3000",
            "http://192.0.2.1",
            "http://0.0.0.0:1",
        ] {
            assert!(loopback(url, 3000).is_err(), "{url}");
        }
        for url in [
            "ws://127.0.0.1:3000/websocket",
            "http://localhost:3000",
            "127.0.0.9:3000",
            "http://[::1]:3000",
        ] {
            assert_eq!(loopback(url, 1).unwrap().port(), 3000, "{url}");
        }
        assert_eq!(loopback("nats://127.0.0.1", 4222).unwrap().port(), 4222);
    }
}
