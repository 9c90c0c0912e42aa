//! Dates in words, as JavaScript's `Date` reads them: ECMAScript's own format, and the looser ones that all engines take
//! (`Wed, 01 Jan 2020 00:00:00 GMT`, `Jan 1, 2020 10:00 PM`, `2020/1/2`). What names no zone is UTC, the local time of a
//! container.

use super::value;

const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 60 * MINUTE;
const MINUTE: i64 = 60 * 1000;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Milliseconds since 1970; `None` for an invalid date.
pub(super) fn parse(text: &str) -> Option<i64> {
    let ms = iso(text.as_bytes()).or_else(|| loose(text))?;
    value::date(ms as f64)
}

/// Days since 1970 of a day in the Gregorian calendar. A day that its month does not have is one of the next.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year.abs() > 400_000 {
        return None;
    }
    // Counted from March, so that a leap day is the last of its year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

/// Milliseconds of a time of the day; only midnight may be 24 o'clock.
fn time(hour: i64, minute: i64, second: i64, ms: i64) -> Option<i64> {
    let fits = hour < 24 || hour == 24 && (minute, second, ms) == (0, 0, 0);
    (fits && minute < 60 && second < 60).then(|| hour * HOUR + minute * MINUTE + second * 1000 + ms)
}

/// What is left of a text, digit by digit.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let number = digits_of(number)?;
        self.0 = rest;
        Some(number)
    }

    /// The digits that come, and how many.
    fn digits(&mut self) -> (i64, usize) {
        let count = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        (
            digits_of(digits.get(..9).unwrap_or(digits)).unwrap_or(0),
            count,
        )
    }

    /// Thousandths of a fraction; more digits are cut off.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.0;
        let (_, count) = self.digits();
        let at = |place: usize| {
            digits[..count]
                .get(place)
                .map_or(0, |digit| i64::from(digit - b'0'))
        };
        (count > 0).then(|| at(0) * 100 + at(1) * 10 + at(2))
    }
}

fn digits_of(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// `YYYY[-MM[-DD]][THH:mm[:ss[.sss]][Z|±HH:mm]]`, the year also with a sign and six digits.
fn iso(text: &[u8]) -> Option<i64> {
    let mut rest = Rest(text);
    let year = if rest.take(b'+') {
        rest.number(6)?
    } else if rest.take(b'-') {
        -rest.number(6).filter(|year| *year != 0)?
    } else {
        rest.number(4)?
    };
    let mut month_and_day = [1, 1];
    for part in &mut month_and_day {
        if rest.take(b'-') {
            *part = rest.number(2)?;
        } else {
            break;
        }
    }
    let [month, day] = month_and_day;
    let mut ms = days(year, month, day)? * DAY;
    if rest.take(b'T') {
        let hour = rest.number(2)?;
        let minute = rest.take(b':').then(|| rest.number(2))??;
        let second = if rest.take(b':') { rest.number(2)? } else { 0 };
        let fraction = if rest.take(b'.') { rest.fraction()? } else { 0 };
        ms += time(hour, minute, second, fraction)?;
        if !rest.take(b'Z') && !rest.0.is_empty() {
            let east = rest.take(b'+');
            if !east && !rest.take(b'-') {
                return None;
            }
            let hours = rest.number(2)?;
            let minutes = rest.take(b':').then(|| rest.number(2))??;
            let offset = time(hours, minutes, 0, 0)?;
            ms += if east { -offset } else { offset };
        }
    }
    rest.0.is_empty().then_some(ms)
}

/// Words and numbers in about any order.
#[derive(Default)]
struct Loose {
    /// Day, month and year, as they come.
    numbers: Vec<i64>,
    month: Option<i64>,
    clock: Vec<i64>,
    fraction: i64,
    /// Half a day is to be added, or not: PM, AM.
    afternoon: Option<bool>,
    /// East of Greenwich, in milliseconds.
    zone: Option<i64>,
}

fn loose(text: &str) -> Option<i64> {
    let mut rest = Rest(text.as_bytes());
    let mut found = Loose::default();
    while let Some(first) = rest.0.first() {
        match first {
            b'0'..=b'9' => found.number(&mut rest)?,
            b'(' => {
                // A remark.
                let end = rest.0.iter().position(|byte| *byte == b')');
                rest.0 = rest.0.get(end.map_or(rest.0.len(), |end| end + 1)..)?;
            }
            letter if letter.is_ascii_alphabetic() => found.word(&mut rest)?,
            sign @ (b'+' | b'-') => {
                let east = *sign == b'+';
                rest.0 = &rest.0[1..];
                let after_the_time = !found.clock.is_empty() || found.zone.is_some();
                if after_the_time && rest.0.first().is_some_and(u8::is_ascii_digit) {
                    found.offset(&mut rest, east)?;
                } else if east || found.numbers.is_empty() {
                    return None;
                }
            }
            b' ' | b',' | b'/' | b'.' | b'\t' | b'\n' => rest.0 = &rest.0[1..],
            _ => return None,
        }
    }
    found.ms()
}

impl Loose {
    /// A part of the date, or, with colons, a time.
    fn number(&mut self, rest: &mut Rest<'_>) -> Option<()> {
        let (number, _) = rest.digits();
        if rest.0.first() != Some(&b':') || !self.clock.is_empty() {
            self.numbers.push(number);
            return (self.numbers.len() <= 3).then_some(());
        }
        self.clock.push(number);
        while self.clock.len() < 3 && rest.take(b':') {
            self.clock.push(rest.digits().0);
        }
        if rest.take(b'.') {
            self.fraction = rest.fraction()?;
        }
        // `t` stood before it, or a blank; what comes now is none of it.
        (!matches!(rest.0.first(), Some(b':' | b'.'))).then_some(())
    }

    /// A month, a half of the day, a zone; days of the week say nothing.
    fn word(&mut self, rest: &mut Rest<'_>) -> Option<()> {
        let length = rest
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let (word, after) = rest.0.split_at(length);
        rest.0 = after;
        let word = String::from_utf8_lossy(word).to_ascii_lowercase();
        let start = word.get(..3).unwrap_or(&word);
        if let Some(month) = MONTHS.iter().position(|month| *month == start) {
            self.month = Some(i64::try_from(month).ok()? + 1);
        } else if matches!(&*word, "am" | "pm") && !self.clock.is_empty() {
            self.afternoon = Some(word == "pm");
        } else if matches!(&*word, "z" | "utc" | "gmt" | "ut") && !self.numbers.is_empty() {
            self.zone = Some(0);
        } else if !(self.numbers.is_empty() || word == "t" && self.clock.is_empty()) {
            return None;
        }
        Some(())
    }

    /// `+0200`, `+02:00`, `+2`.
    fn offset(&mut self, rest: &mut Rest<'_>, east: bool) -> Option<()> {
        let (number, count) = rest.digits();
        let (hours, minutes) = match (rest.take(b':'), count) {
            (true, _) => (number, rest.digits().0),
            (false, ..=2) => (number, 0),
            (false, _) => (number / 100, number % 100),
        };
        let offset = hours * HOUR + minutes * MINUTE;
        self.zone = Some(if east { offset } else { -offset });
        Some(())
    }

    fn ms(self) -> Option<i64> {
        let part = |at: usize| self.numbers.get(at).copied().unwrap_or(1);
        let is_day = |number: i64| (1..=31).contains(&number);
        let first = *self.numbers.first()?;
        let (year, month, day) = match self.month {
            Some(month) if is_day(first) => (part(1), month, first),
            Some(month) => (first, month, part(1)),
            None if is_day(first) => (part(2), first, part(1)),
            None => (first, part(1), part(2)),
        };
        let year = match year {
            0..=49 => year + 2000,
            50..=99 => year + 1900,
            year => year,
        };
        let at = |place: usize| self.clock.get(place).copied().unwrap_or(0);
        let hour = match (self.afternoon, at(0)) {
            (None, hour) => hour,
            (Some(afternoon), hour @ 1..=12) => hour % 12 + if afternoon { 12 } else { 0 },
            (Some(_), _) => return None,
        };
        let ms = days(year, month, day)? * DAY + time(hour, at(1), at(2), self.fraction)?;
        Some(ms - self.zone.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Node.js 20 reads them in UTC.
    const ROWS: &[(&str, Option<i64>)] = &[
        ("2020-01-01", Some(1_577_836_800_000)),
        ("2020-01-01T00:00:00", Some(1_577_836_800_000)),
        ("2020-01-01T00:00:00Z", Some(1_577_836_800_000)),
        ("2020-01", Some(1_577_836_800_000)),
        ("2020", Some(1_577_836_800_000)),
        ("2020-1-1", Some(1_577_836_800_000)),
        ("2020/01/02", Some(1_577_923_200_000)),
        ("Wed, 01 Jan 2020 00:00:00 GMT", Some(1_577_836_800_000)),
        (
            "Wed Jan 01 2020 00:00:00 GMT+0000 (Coordinated Universal Time)",
            Some(1_577_836_800_000),
        ),
        ("Jan 1, 2020", Some(1_577_836_800_000)),
        ("1 Jan 2020 10:00 PM", Some(1_577_916_000_000)),
        ("2020-01-01 10:00", Some(1_577_872_800_000)),
        ("2020-01-01T10:00:00.123456Z", Some(1_577_872_800_123)),
        ("2020-01-01T10:00+02:00", Some(1_577_865_600_000)),
        ("+002020-01-01T00:00:00Z", Some(1_577_836_800_000)),
        ("-000001-01-01T00:00:00Z", Some(-62_198_755_200_000)),
        ("-000000-01-01T00:00:00Z", None),
        ("2020-02-30", Some(1_583_020_800_000)),
        ("2020-01-01T24:00:00Z", Some(1_577_923_200_000)),
        ("2020-01-01T24:00:01Z", None),
        ("", None),
        ("abc", None),
        ("now", None),
        ("0", Some(946_684_800_000)),
        ("1", Some(978_307_200_000)),
        ("12", Some(1_007_164_800_000)),
        ("2020-01-01T00:00:00z", Some(1_577_836_800_000)),
        ("2020-01-01t00:00:00Z", Some(1_577_836_800_000)),
        (" 2020-01-01", Some(1_577_836_800_000)),
        ("1577836800000", None),
        ("2020-01-01T00:00:00.1Z", Some(1_577_836_800_100)),
        ("2020-01-01T00:00:60Z", None),
        ("2020-13-01", None),
        ("2020-01-01T00:00:00,5Z", None),
        ("2020-01-01T00", None),
        ("2020-02-29T12:00:00-00:30", Some(1_582_979_400_000)),
        ("2020-W01", None),
        ("Jan 2020", Some(1_577_836_800_000)),
        ("+275760-09-13T00:00:00Z", Some(8_640_000_000_000_000)),
        ("+275760-09-13T00:00:00.001Z", None),
    ];

    // contract: mesh/serializer/dates
    #[test]
    fn as_javascript_reads_them() {
        for (text, expected) in ROWS {
            assert_eq!(parse(text), *expected, "{text:?}");
        }
    }
}
