//! Timestamps: `<t:1700000000:R>`, and the same with a date or a time of day.

use std::rc::Rc;

use time::{Date, Month, UtcDateTime};

use super::chars;
use super::source::Source;
use super::tree::{Fallback, Inline};

/// The digits of a timestamp in seconds.
const SECONDS_DIGITS: usize = 10;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A timestamp. A time of day is one of `today`, which is days since 1970.
pub(super) fn timestamp(source: &Source, place: usize, today: i64) -> Option<(usize, Rc<Inline>)> {
    if !source.starts(place, "<t:") {
        return None;
    }
    let start = place + 3;
    let newer =
        |rule: &dyn Fn() -> Option<(usize, String)>| (!source.is_old()).then(rule).flatten();
    [
        seconds(source, start),
        newer(&|| date(source, start)),
        newer(&|| time_of_day(source, start, today)),
    ]
    .into_iter()
    .flatten()
    .find_map(|(next, seconds)| {
        let (end, format) = format(source, next)?;
        Some((
            end,
            Rc::new(Inline::Timestamp {
                fallback: if source.is_old() {
                    Fallback::Text(format!("<t:{seconds}:{format}>").encode_utf16().collect())
                } else {
                    Fallback::Range(place, end)
                },
                seconds,
                format,
            }),
        ))
    })
}

/// `:R>` or `>`
fn format(source: &Source, place: usize) -> Option<(usize, char)> {
    if source.is(place, '>') {
        return Some((place + 1, 't'));
    }
    let format = source
        .at(place + 1)
        .and_then(|unit| char::from_u32(u32::from(unit)))?;
    (source.is(place, ':') && "tTdDfFR".contains(format) && source.is(place + 2, '>'))
        .then_some((place + 3, format))
}

/// Ten digits, as they stand.
fn seconds(source: &Source, place: usize) -> Option<(usize, String)> {
    let next = place + SECONDS_DIGITS;
    (place..next)
        .all(|place| digit(source, place).is_some())
        .then(|| (next, String::from_utf16_lossy(source.slice(place, next))))
}

/// `2025-07-22T10:00:00.000+00:00`, milliseconds and zone may be missing.
fn date(source: &Source, place: usize) -> Option<(usize, String)> {
    let year = number(source, place, 4)?;
    let month = field(source, place + 4, '-')?;
    let day = field(source, place + 7, '-')?;
    let hours = field(source, place + 10, 'T')?;
    let minutes = field(source, place + 13, ':')?;
    let seconds = field(source, place + 16, ':')?;
    let mut next = place + 19;
    let mut milliseconds = 0;
    if source.is(next, '.')
        && let Some(value) = number(source, next + 1, 3)
    {
        milliseconds = i64::from(value);
        next += 4;
    }
    let (next, offset) = zone(source, next).unwrap_or((next, Some(0)));
    let moment = clock(hours, minutes, seconds, milliseconds)
        .zip(offset)
        .and_then(|(clock, offset)| {
            let days = days(year, month, day).filter(|_| (1..=31).contains(&day))?;
            Some(truncate(
                (days * DAY + clock - offset) * 1000 + milliseconds,
            ))
        });
    Some((next, moment.unwrap_or(0).to_string()))
}

/// `10:00` or `10:00:00`; without a zone the original knows no moment, and says 0.
fn time_of_day(source: &Source, place: usize, today: i64) -> Option<(usize, String)> {
    let hours = number(source, place, 2)?;
    let minutes = field(source, place + 2, ':')?;
    let seconds = field(source, place + 5, ':');
    let next = if seconds.is_some() {
        place + 8
    } else {
        place + 5
    };
    let Some((next, offset)) = zone(source, next) else {
        return Some((next, 0.to_string()));
    };
    let moment = clock(hours, minutes, seconds.unwrap_or(0), 0)
        .zip(offset)
        .map(|(clock, offset)| truncate((today * DAY + clock - offset) * 1000));
    Some((next, moment.unwrap_or(0).to_string()))
}

/// `+03:00`: seconds, or none when there is no such zone.
fn zone(source: &Source, place: usize) -> Option<(usize, Option<i64>)> {
    let sign = match source.at(place)? {
        unit if unit == u16::from(b'+') => 1,
        unit if unit == u16::from(b'-') => -1,
        _ => return None,
    };
    let hours = i64::from(number(source, place + 1, 2)?);
    let minutes = i64::from(field(source, place + 3, ':')?);
    Some((
        place + 6,
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60)),
    ))
}

/// Seconds of the day, or none when no clock shows them. 24:00:00 is the end of the day.
fn clock(hours: u32, minutes: u32, seconds: u32, milliseconds: i64) -> Option<i64> {
    let end_of_day = hours == 24 && minutes == 0 && seconds == 0 && milliseconds == 0;
    (hours < 24 && minutes < 60 && seconds < 60 || end_of_day)
        .then_some(i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds))
}

/// Milliseconds as whole seconds, in the 32 bits that the original leaves of them.
fn truncate(milliseconds: i64) -> i32 {
    (milliseconds / 1000) as i32
}

/// Days since 1970 of a date; a day too many runs into the next month. None of a month that there is not.
fn days(year: u32, month: u32, day: u32) -> Option<i64> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let first = Date::from_calendar_date(i32::try_from(year).ok()?, month, 1).ok()?;
    Some((first - UtcDateTime::UNIX_EPOCH.date()).whole_days() + i64::from(day) - 1)
}

/// A separator and two digits.
fn field(source: &Source, place: usize, separator: char) -> Option<u32> {
    source
        .is(place, separator)
        .then(|| number(source, place + 1, 2))
        .flatten()
}

/// So many digits.
fn number(source: &Source, place: usize, length: usize) -> Option<u32> {
    (0..length).try_fold(0, |value, index| {
        Some(value * 10 + digit(source, place + index)?)
    })
}

/// One digit.
fn digit(source: &Source, place: usize) -> Option<u32> {
    source
        .at(place)
        .filter(|unit| chars::is_digit(*unit))
        .map(|unit| u32::from(unit) - u32::from(b'0'))
}
