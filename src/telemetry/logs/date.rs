//! Days and times in UTC, as text.

use std::time::SystemTime;

use time::{Date, UtcDateTime};

/// A moment as a log line has it: `2026-02-28T23:59:59.123Z`.
pub(crate) fn timestamp(at: SystemTime) -> String {
    let at = UtcDateTime::from(at);
    let (hours, minutes, seconds, millis) = at.as_hms_milli();
    format!(
        "{}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z",
        at.date()
    )
}

/// A moment's day; as text `2026-02-28`.
pub(super) fn day(at: SystemTime) -> Date {
    UtcDateTime::from(at).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

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
