//! What is asked of the host: its name, and whether it has IPv6. And the one place that reads the environment.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Socket, Type};
use uuid::Uuid;

use super::mesh::Broker;

/// The environment of this process. Only `main` calls this; what is not UTF-8 is read with replacement characters, and then fails its check.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}

/// `<lower-case host name>-<pid>`, Moleculer's default; the plain broker's has a random UUID instead of the pid.
pub(super) fn default_node_id(broker: Broker) -> String {
    match broker {
        Broker::Moleculer => format!("{}-{}", host_name(), std::process::id()),
        Broker::Nats => format!("{}-{}", host_name(), Uuid::new_v4()),
    }
}

/// This host's name in lower case.
pub fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().to_lowercase();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}

/// `::` (both families) where the host has IPv6, else `0.0.0.0`.
pub(super) fn any_address() -> IpAddr {
    if has_ipv6() {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

/// A kernel may know the family and yet have no address of it: only binding tells.
fn has_ipv6() -> bool {
    let bind = || {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        socket.set_only_v6(false)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())
    };
    bind().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: mesh/node-id/default, configuration/variable/NODE_ID
    #[test]
    fn the_default_node_id_is_host_and_pid() {
        let id = default_node_id(Broker::Moleculer);
        let (host, pid) = id.rsplit_once('-').unwrap();
        assert_eq!(pid, std::process::id().to_string());
        assert_eq!(host, host.to_lowercase());
        assert!(!host.is_empty());
        let id = default_node_id(Broker::Nats);
        let uuid = id
            .strip_prefix(host)
            .and_then(|rest| rest.strip_prefix('-'));
        assert!(Uuid::parse_str(uuid.unwrap()).is_ok());
        assert_ne!(id, default_node_id(Broker::Nats));
    }

    // contract: configuration/variable/BIND_IP
    #[test]
    fn the_default_address_can_be_bound() {
        std::net::TcpListener::bind((any_address(), 0)).unwrap();
    }
}
