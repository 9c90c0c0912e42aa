//! A process seen through /proc: CPU time (user and system), resident memory.

use std::fs;
use std::time::Duration;

use rustix::time::ClockId;

/// The kernel's clock tick as /proc shows it: 100 a second on every Linux that Rust runs on (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// A running process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// utime + stime since it started. The threads' schedstat is finer than the 10 ms ticks of `stat` but forgets threads
    /// that ended: the larger of the two is never less than the truth by more than a tick.
    pub(crate) fn cpu(self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let ticks = TICK * ticks(&stat)?;
        Some(ticks.max(self.threads_cpu().unwrap_or_default()))
    }

    fn threads_cpu(self) -> Option<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.0)).ok()? {
            let schedstat =
                fs::read_to_string(task.ok()?.path().join("schedstat")).unwrap_or_default();
            nanos += schedstat
                .split_whitespace()
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or_default();
        }
        Some(Duration::from_nanos(nanos))
    }

    /// Resident memory in bytes.
    pub(crate) fn rss(self) -> Option<u64> {
        field(
            &fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?,
            "VmRSS:",
        )
    }

    /// The most it ever was, in bytes.
    pub(crate) fn peak(self) -> Option<u64> {
        field(
            &fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?,
            "VmHWM:",
        )
    }
}

/// CPU time of this process, threads that ended included.
pub(crate) fn own_cpu() -> Duration {
    let spent = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        spent.tv_sec.unsigned_abs(),
        u32::try_from(spent.tv_nsec).unwrap_or_default(),
    )
}

/// utime + stime of a `stat` line. The name in brackets may hold anything: the fields are counted after its last `)`.
fn ticks(stat: &str) -> Option<u32> {
    let mut after_name = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || after_name.next()?.parse::<u32>().ok();
    Some(next()? + next()?)
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "24534 (we) ird) R 24488 24488 21604 0 -1 4194304 2844 6510 0 0 52 1 3 1 20 0 1 0 176721";
        assert_eq!(ticks(stat), Some(53));
        assert_eq!(ticks("1 (x) R 1"), None);
    }

    #[test]
    fn memory_is_told_in_bytes() {
        assert_eq!(
            field("Name:\tx\nVmHWM:\t  20 kB\nVmRSS:\t   12 kB\n", "VmRSS:"),
            Some(12_288)
        );
        assert_eq!(field("", "VmRSS:"), None);
    }

    #[test]
    fn this_process_has_both() {
        let own = Process(std::process::id());
        assert!(own.cpu().is_some());
        assert!(own.rss() > Some(100_000));
        assert!(own.peak() >= own.rss());
        assert!(own_cpu() > Duration::ZERO);
        assert_eq!(Process(u32::MAX).cpu(), None);
    }
}
