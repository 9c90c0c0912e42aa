//! This host's clock against the others'.

use std::time::Duration;

use super::report::Finding;

/// Nobody notices less.
const NOTICED: Duration = Duration::from_secs(1);
/// Tokens seem expired, and documents newer than they are.
const HARMFUL: Duration = Duration::from_secs(30);

/// Another clock, as it was read once.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) whose: String,
    /// The reading is off by at most half of this.
    pub(super) round_trip: Duration,
    /// Milliseconds; negative when it is behind.
    pub(super) ahead_ms: i64,
}

pub(super) fn judge(readings: &[Reading]) -> Vec<Finding> {
    let mut findings: Vec<_> = readings.iter().filter_map(off).collect();
    let furthest = readings
        .iter()
        .map(|reading| reading.ahead_ms.unsigned_abs())
        .max();
    if let (true, Some(furthest)) = (findings.is_empty(), furthest) {
        let clocks = match readings.len() {
            1 => "1 other clock".to_owned(),
            several => format!("{several} other clocks"),
        };
        findings.push(Finding::ok(
            "clock",
            format!("within {furthest} ms of {clocks}"),
        ));
    }
    findings
}

fn off(reading: &Reading) -> Option<Finding> {
    let apart = Duration::from_millis(reading.ahead_ms.unsigned_abs());
    // What may be the way's doing is not held against the clock.
    let surely = apart.saturating_sub(reading.round_trip / 2);
    let way = if reading.ahead_ms > 0 {
        "ahead of"
    } else {
        "behind"
    };
    let found = format!(
        "{} is {:.1} s {way} this host",
        reading.whose,
        apart.as_secs_f64()
    );
    let advice = "let both hosts follow the same time servers (chrony, ntpd, systemd-timesyncd)";
    if surely >= HARMFUL {
        Some(Finding::wrong("clock", found, advice))
    } else if surely >= NOTICED {
        Some(Finding::warning("clock", found).advised(advice))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn reading(ahead_ms: i64, round_trip_ms: u64) -> Reading {
        Reading {
            whose: "core-1".to_owned(),
            round_trip: Duration::from_millis(round_trip_ms),
            ahead_ms,
        }
    }

    #[test]
    fn a_clock_that_is_off_is_named() {
        let rows = [
            (reading(3, 2), Verdict::Ok, "within 3 ms of 1 other clock"),
            (
                reading(-1_200, 800),
                Verdict::Ok,
                "within 1200 ms of 1 other clock",
            ),
            (
                reading(-1_200, 2),
                Verdict::Warning,
                "core-1 is 1.2 s behind this host",
            ),
            (
                reading(3_600_000, 2),
                Verdict::Wrong,
                "core-1 is 3600.0 s ahead of this host",
            ),
            (
                reading(i64::MIN, 2),
                Verdict::Wrong,
                "core-1 is 9223372036854776.0 s behind this host",
            ),
        ];
        for (reading, verdict, found) in rows {
            let findings = judge(&[reading]);
            assert_eq!(findings.len(), 1);
            assert_eq!(
                (findings[0].verdict, findings[0].found.as_str()),
                (verdict, found)
            );
        }
        assert_eq!(judge(&[]), []);
    }
}
