//! What a node tells of its host: name, addresses, CPU, memory. Read from `/proc`; elsewhere it tells less.

use std::collections::BTreeSet;

use super::registry::ClientInfo;

/// What does not change while the node lives.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) hostname: String,
    pub(crate) ip_list: Vec<String>,
    pub(crate) client: ClientInfo,
}

impl Host {
    pub(crate) fn read() -> Self {
        Self {
            hostname: first_line("/proc/sys/kernel/hostname")
                .unwrap_or_else(|| "localhost".to_owned()),
            ip_list: ip_list(&file("/proc/net/fib_trie")),
            client: ClientInfo {
                type_: Some("rust".to_owned()),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                lang_version: Some(env!("CARGO_PKG_RUST_VERSION").to_owned()),
            },
        }
    }
}

pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

pub(crate) fn first_line(path: &str) -> Option<String> {
    file(path)
        .lines()
        .next()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
}

/// The host's own IPv4 addresses, loopback only when there is no other: leaves of the routing trie that are `host LOCAL`.
fn ip_list(fib_trie: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut leaf = "";
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address;
        } else if line.contains("host LOCAL") {
            found.insert(leaf.to_owned());
        }
    }
    let (loopback, others): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| address.starts_with("127."));
    if others.is_empty() { loopback } else { others }
}

/// The host's CPU use between two readings.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    last: Option<(u64, u64)>,
}

impl CpuMeter {
    pub(crate) fn new() -> Self {
        Self {
            last: cpu_times(&file("/proc/stat")),
        }
    }

    /// Percent of all cores since the last reading.
    pub(crate) fn percent(&mut self) -> u8 {
        let now = cpu_times(&file("/proc/stat"));
        let percent = match (self.last, now) {
            (Some((busy0, all0)), Some((busy1, all1))) if all1 > all0 => busy1
                .saturating_sub(busy0)
                .saturating_mul(100)
                .checked_div(all1 - all0)
                .unwrap_or(0),
            _ => 0,
        };
        self.last = now.or(self.last);
        u8::try_from(percent.min(100)).unwrap_or(100)
    }
}

/// Busy and all ticks since boot: user, nice, system, irq against those and idle, as Node.js counts them.
fn cpu_times(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .map_while(|n| n.parse().ok())
        .collect();
    let [user, nice, system, idle, iowait, irq, softirq, ..] = ticks[..] else {
        return None;
    };
    let busy = user + nice + system + irq + softirq;
    Some((busy, busy + idle + iowait))
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: mesh/heartbeat/own
    #[test]
    fn cpu_is_what_was_busy_in_between() {
        assert_eq!(
            cpu_times("cpu  100 0 50 800 40 5 5 0 0 0\ncpu0 …"),
            Some((160, 1000))
        );
        assert_eq!(cpu_times("garbage"), None);
        assert!(CpuMeter::new().percent() <= 100);
    }

    #[test]
    fn addresses_are_the_local_leaves() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 10.1.2.255\n        /32 link BROADCAST\n";
        assert_eq!(ip_list(trie), ["10.1.2.3"]);
        assert_eq!(ip_list(""), Vec::<String>::new());
    }
}
