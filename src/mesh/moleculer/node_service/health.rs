//! `$node.health`: the host and the process, in the shape that Moleculer gives it.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::mesh::moleculer::clock::now_ms;
use crate::mesh::moleculer::node::MoleculerNode;
use crate::mesh::shared::host::{file, first_line};
use crate::telemetry::logs;

pub(super) fn report(own: &MoleculerNode) -> Value {
    let load: Vec<f64> = file("/proc/loadavg")
        .split_whitespace()
        .take(3)
        .map_while(|n| n.parse().ok())
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load1 = load.first().copied().unwrap_or(0.0);
    let meminfo = file("/proc/meminfo");
    let memory = |key: &str| -> u64 {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| {
            line.trim_start_matches(':')
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        })
        .unwrap_or(0)
            * 1024
    };
    let (free, total) = (memory("MemFree"), memory("MemTotal"));
    let uptime = file("/proc/uptime")
        .split_whitespace()
        .next()
        .and_then(|n| n.parse::<f64>().ok());
    let resident: u64 = file("/proc/self/statm")
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let now = SystemTime::now();
    json!({
        "cpu": {
            "load1": load1, "load5": load.get(1), "load15": load.get(2), "cores": cores,
            "utilization": ((load1 * 100.0 / cores as f64).floor()).min(100.0),
        },
        "mem": { "free": free, "total": total, "percent": if total > 0 { free as f64 * 100.0 / total as f64 } else { 0.0 } },
        "os": {
            "uptime": uptime, "type": first_line("/proc/sys/kernel/ostype"), "release": first_line("/proc/sys/kernel/osrelease"),
            "hostname": own.host.hostname, "arch": std::env::consts::ARCH, "platform": std::env::consts::OS, "user": {},
        },
        "process": {
            "pid": std::process::id(), "memory": { "rss": resident * 4096 }, "uptime": own.started.elapsed().as_secs_f64(),
            // The program only: arguments may hold credentials.
            "argv": std::env::args().take(1).collect::<Vec<_>>(),
        },
        "client": own.host.client,
        "net": { "ip": own.host.ip_list },
        "time": { "now": now_ms(), "iso": logs::timestamp(now), "utc": httpdate::fmt_http_date(now) },
    })
}
