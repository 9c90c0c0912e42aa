//! `$node.health`: the host and the process, in the shape that Moleculer gives it.

use serde_json::{Value, json};

use crate::mesh::discovery::now_ms;
use crate::mesh::host::{file, first_line};
use crate::mesh::moleculer::MoleculerNode;

pub(super) fn report(inner: &MoleculerNode) -> Value {
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
    let now = now_ms();
    json!({
        "cpu": {
            "load1": load1, "load5": load.get(1), "load15": load.get(2), "cores": cores,
            "utilization": ((load1 * 100.0 / cores as f64).floor()).min(100.0),
        },
        "mem": { "free": free, "total": total, "percent": if total > 0 { free as f64 * 100.0 / total as f64 } else { 0.0 } },
        "os": {
            "uptime": uptime, "type": first_line("/proc/sys/kernel/ostype"), "release": first_line("/proc/sys/kernel/osrelease"),
            "hostname": inner.host.hostname, "arch": std::env::consts::ARCH, "platform": std::env::consts::OS, "user": {},
        },
        "process": {
            "pid": std::process::id(), "memory": { "rss": resident * 4096 }, "uptime": inner.started.elapsed().as_secs_f64(),
            // The program only: arguments may hold credentials.
            "argv": std::env::args().take(1).collect::<Vec<_>>(),
        },
        "client": inner.host.client,
        "net": { "ip": inner.host.ip_list },
        "time": { "now": now, "iso": iso(now), "utc": utc(now) },
    })
}

/// Year, month, day, weekday (0 is Sunday), hour, minute, second, millisecond.
fn civil(ms: i64) -> [i64; 8] {
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Days are counted from 1 March of year 0 in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    [
        year,
        month,
        day,
        (days + 4).rem_euclid(7),
        in_day / 3_600_000,
        in_day / 60_000 % 60,
        in_day / 1000 % 60,
        in_day % 1000,
    ]
}

fn iso(ms: i64) -> String {
    let [year, month, day, _, hour, minute, second, ms] = civil(ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

fn utc(ms: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let [year, month, day, weekday, hour, minute, second, _] = civil(ms);
    let name = |names: &'static [&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at))
            .copied()
            .unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT",
        name(&DAYS, weekday),
        name(&MONTHS, month - 1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_javascript_writes_them() {
        for (ms, expected_iso, expected_utc) in [
            (
                0,
                "1970-01-01T00:00:00.000Z",
                "Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                1_709_210_096_789,
                "2024-02-29T12:34:56.789Z",
                "Thu, 29 Feb 2024 12:34:56 GMT",
            ),
            (
                1_795_337_222_079,
                "2026-11-22T08:47:02.079Z",
                "Sun, 22 Nov 2026 08:47:02 GMT",
            ),
        ] {
            assert_eq!(
                (iso(ms).as_str(), utc(ms).as_str()),
                (expected_iso, expected_utc)
            );
        }
    }
}
