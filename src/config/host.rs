//! What is asked of the host: its name, its memory, and whether it has IPv6. And the one place that reads the environment.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

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

/// The memory that this process may use, in bytes: the machine's, or less where its cgroup or one around it has a limit.
pub(super) fn memory() -> usize {
    let machine = rustix::system::sysinfo();
    let machine = machine.totalram.saturating_mul(machine.mem_unit.into());
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let least = limits(Path::new("/sys/fs/cgroup"), &own)
        .into_iter()
        .fold(machine, u64::min);
    usize::try_from(least).unwrap_or(usize::MAX)
}

/// The limits that hold for `own`, as `/proc/self/cgroup` tells it (cgroups(7)), of both versions.
fn limits(root: &Path, own: &str) -> Vec<u64> {
    let mut limits = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (mount, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            some if some.split(',').any(|one| one == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        // A container may see its own cgroup as the root of them all, whatever the path says.
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let limit = fs::read_to_string(mount.join(group).join(file)).unwrap_or_default();
            // `max`, where there is none.
            limits.extend(limit.trim().parse::<u64>());
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: configuration/variable/DDP_MAX_BUFFERED_TOTAL
    #[test]
    fn a_cgroups_memory_is_that_of_the_strictest_around_it() {
        let root = std::env::temp_dir().join(format!("cgroup-{}", Uuid::new_v4()));
        for (file, limit) in [
            ("a/b/memory.max", "max"),
            ("a/memory.max", "4096"),
            ("memory/memory.limit_in_bytes", "8192"),
        ] {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("{limit}\n")).unwrap();
        }
        let v1 = "2:cpu,cpuacct:/a\n3:memory:/docker/x\nnonsense\n";
        assert_eq!(limits(&root, "0::/a/b\n"), [4096]);
        assert_eq!(limits(&root, v1), [8192]);
        assert_eq!(limits(&root, "0::/\n"), [0; 0]);
        fs::remove_dir_all(root).unwrap();
        assert!(memory() > 1 << 20);
    }

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
