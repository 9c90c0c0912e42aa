//! Days and times in UTC, as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_SECONDS: u64 = 86_400;

/// A moment as a log line has it: `2026-02-28T23:59:59.123Z`.
pub(crate) fn timestamp(at: SystemTime) -> String {
    let since = since_epoch(at);
    let seconds = since.as_secs() % DAY_SECONDS;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!(
        "{}T{hours:02}:{minutes:02}:{:02}.{:03}Z",
        date(day(at)),
        seconds % 60,
        since.subsec_millis()
    )
}

/// The number of a moment's day.
pub(super) fn day(at: SystemTime) -> u64 {
    since_epoch(at).as_secs() / DAY_SECONDS
}

/// A day's date: `2026-02-28`.
pub(super) fn date(day: u64) -> String {
    // Howard Hinnant's days-to-civil, for days since 1970: years begin in March, so that the leap day comes last.
    let day = day + 719_468;
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02}")
}

/// A clock before 1970 counts as 1970.
fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
            (1_795_337_222_079, "2026-11-22T08:47:02.079Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(
                timestamp(UNIX_EPOCH + Duration::from_millis(millis)),
                expected
            );
        }
    }
}
