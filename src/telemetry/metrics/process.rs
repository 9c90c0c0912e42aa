//! The process itself, read from `/proc` when somebody asks, under the names that every Prometheus client uses.

use std::fmt::Write;
use std::fs;

/// `/proc/self/stat` counts CPU time in ticks; Linux shows 100 a second to every program, whatever the kernel's own clock does.
const TICKS_PER_SECOND: f64 = 100.0;
/// `VmRSS` is in units of 1024 bytes.
const KIB: u64 = 1024;

/// Appends what can be read; what cannot is left out.
pub(super) fn write(out: &mut String) {
    if let Some(ticks) = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(cpu_ticks)
    {
        line(
            out,
            "process_cpu_seconds_total",
            "counter",
            "CPU time used, in seconds",
            ticks as f64 / TICKS_PER_SECOND,
        );
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        if let Some(bytes) = kib(&status, "VmRSS:") {
            line(
                out,
                "process_resident_memory_bytes",
                "gauge",
                "Memory in use, in bytes",
                bytes as f64,
            );
        }
        if let Some(bytes) = kib(&status, "VmSize:") {
            line(
                out,
                "process_virtual_memory_bytes",
                "gauge",
                "Address space in use, in bytes",
                bytes as f64,
            );
        }
    }
    if let Some(open) = open_files() {
        line(
            out,
            "process_open_fds",
            "gauge",
            "Open file descriptors",
            open as f64,
        );
    }
    if let Some(limit) = fs::read_to_string("/proc/self/limits")
        .ok()
        .as_deref()
        .and_then(file_limit)
    {
        line(
            out,
            "process_max_fds",
            "gauge",
            "File descriptors that may be open",
            limit as f64,
        );
    }
}

fn line(out: &mut String, name: &str, kind: &str, help: &str, value: f64) {
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n"
    );
}

/// User and system time: the 14th and 15th field, counted after the command's name, which may hold anything but ends with the last `)`.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * KIB)
}

/// Newer kernels tell the number as the directory's size; older ones must be counted.
fn open_files() -> Option<u64> {
    let size = fs::metadata("/proc/self/fd").ok()?.len();
    if size > 0 {
        Some(size)
    } else {
        Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64)
    }
}

fn file_limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 1 2 3 4 250 50 0 0 20 0 8 0 100 1000 10 18446744073709551615";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("42 (x) S"), None);
        assert_eq!(
            kib("VmSize:\t  200 kB\nVmRSS:\t  100 kB\n", "VmRSS:"),
            Some(102_400)
        );
        assert_eq!(
            file_limit(
                "Max open files            20000                20000                files\n"
            ),
            Some(20_000)
        );
        assert_eq!(
            file_limit(
                "Max open files            unlimited            unlimited            files\n"
            ),
            None
        );
    }

    #[test]
    fn this_process_is_described() {
        let mut out = String::new();
        write(&mut out);
        for name in [
            "process_cpu_seconds_total ",
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "process_max_fds ",
        ] {
            assert!(
                out.lines().any(|line| line.starts_with(name)),
                "{name} in {out}"
            );
        }
    }
}
