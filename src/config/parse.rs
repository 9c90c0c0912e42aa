//! Text to values. Nothing here knows a variable; every function answers `None` for what it cannot read.

use std::time::Duration;

/// `true`/`false`, `yes`/`no`, `1`/`0`, `on`/`off`, in any case.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" | "on" => Some(true),
        "false" | "no" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// A whole number in digits: no sign, no exponent.
pub(super) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Digits, perhaps with a fraction: no sign, no exponent, no `inf` or `NaN`.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction))
        .then(|| text.parse().ok())
        .flatten()
}

/// Bytes: a whole number, perhaps followed by `KiB` or `MiB`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (number, unit) = if let Some(number) = lower.strip_suffix("kib") {
        (number, 1 << 10)
    } else if let Some(number) = lower.strip_suffix("mib") {
        (number, 1 << 20)
    } else {
        (lower.as_str(), 1)
    };
    whole(number.trim_end())?.checked_mul(unit)
}

/// A number of `unit`s as a duration.
pub(super) fn duration(text: &str, unit: Duration) -> Option<Duration> {
    Duration::try_from_secs_f64(decimal(text)? * unit.as_secs_f64()).ok()
}

/// `%41` to `A`; a broken escape or what is no UTF-8 afterwards is `None`.
pub(super) fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'%' => (hex(rest.next()?)? << 4) | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// `name=value,name=value`, values percent-encoded: how OpenTelemetry writes headers and attributes. Names are tokens as those of HTTP headers, and no
/// value holds a control character.
pub(super) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), percent_decode(value.trim())?);
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(&b);
        let good = !name.is_empty() && name.bytes().all(token) && !value.contains(char::is_control);
        good.then(|| (name.to_owned(), value))
    };
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    parts.map(pair).collect()
}

/// Whether a `%` begins no escape.
pub(super) fn has_bare_percent(text: &str) -> bool {
    let mut after = text.split('%').skip(1);
    after.any(
        |rest| !matches!(rest.as_bytes(), [a, b, ..] if hex(*a).is_some() && hex(*b).is_some()),
    )
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: configuration/switches
    #[test]
    fn switches() {
        for text in ["true", "yes", "1", "on", "TRUE", "Yes"] {
            assert_eq!(switch(text), Some(true), "{text}");
        }
        for text in ["false", "no", "0", "off", "OFF"] {
            assert_eq!(switch(text), Some(false), "{text}");
        }
        for text in ["", "y", "2", "enabled"] {
            assert_eq!(switch(text), None, "{text}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(whole("0042"), Some(42));
        for text in [
            "",
            "-1",
            "+1",
            "1.0",
            "1e3",
            "0x10",
            "99999999999999999999999",
            "١",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(decimal("2.5"), Some(2.5));
        for text in ["", ".", "1.", ".5", "inf", "NaN", "-1", "1e3", "1.2.3"] {
            assert_eq!(decimal(text), None, "{text}");
        }
        assert_eq!(bytes("1 MiB"), Some(1 << 20));
        assert_eq!(bytes("64kib"), Some(65_536));
        assert_eq!(bytes("512"), Some(512));
        assert_eq!(bytes("1GB"), None);
        assert_eq!(
            duration("1.5", Duration::from_secs(1)),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            duration("100", Duration::from_millis(1)),
            Some(Duration::from_millis(100))
        );
        assert_eq!(duration(&"9".repeat(300), Duration::from_secs(60)), None);
    }

    #[test]
    fn names_with_values() {
        let both = [("a.b", "1"), ("c", "x, y=é")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(pairs(" a.b=1 ,,c=x%2C%20y=%C3%A9,"), Some(both.to_vec()));
        assert_eq!(pairs("a="), Some(vec![("a".into(), String::new())]));
        for text in ["a", "=1", "a b=1", "a=%", "a=1,b", "a=%0d%0ab:%20c", "é=1"] {
            assert_eq!(pairs(text), None, "{text}");
        }
    }

    #[test]
    fn percent_escapes() {
        assert_eq!(percent_decode("a%20b%C3%A9").as_deref(), Some("a bé"));
        for text in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(percent_decode(text), None, "{text}");
            assert_eq!(has_bare_percent(text), text != "%ff", "{text}");
        }
        assert!(!has_bare_percent("a%20b%25"));
        assert!(has_bare_percent("%20%%20"));
    }
}
