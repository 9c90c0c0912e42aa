//! Numbers beyond a double in JSON text.
//!
//! JavaScript reads `1e400` as infinity; serde_json refuses the whole text for it. So they are found before: each is
//! replaced, in place, by a number that can be read, and made infinite afterwards.

use super::value::Value;

/// The shortest text beyond a double is as long as this: `1e309`.
const SHORTEST: usize = 5;
/// So many digits may be beyond a double without an exponent.
const MANY_DIGITS: usize = 300;

/// The numbers that were replaced: their places among all numbers of the text.
#[derive(Default)]
pub(super) struct Infinite(Vec<usize>);

/// Replaces every number that no double holds.
pub(super) fn mend(json: &mut [u8]) -> Infinite {
    let mut found = Infinite::default();
    let (mut at, mut numbers) = (0, 0);
    while let Some(byte) = json.get(at) {
        at = match byte {
            b'"' => after_text(json, at + 1),
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(json, at);
                if is_beyond(&json[at..end]) {
                    found.0.push(numbers);
                    let digits = usize::from(json[at] == b'-') + at;
                    json[digits..end].fill(b' ');
                    json[digits] = b'1';
                }
                numbers += 1;
                end
            }
            _ => at + 1,
        };
    }
    found
}

fn after_text(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', json.get(at..).unwrap_or_default()) {
        at += found;
        if json[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

fn end_of_number(json: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = json[start..].iter().position(|byte| !is_part(byte));
    length.map_or(json.len(), |length| start + length)
}

fn is_beyond(number: &[u8]) -> bool {
    let may_be = number.len() >= MANY_DIGITS
        || number.len() >= SHORTEST && memchr::memchr2(b'e', b'E', number).is_some();
    let number = || std::str::from_utf8(number).ok()?.parse::<f64>().ok();
    may_be && number().is_some_and(f64::is_infinite)
}

impl Infinite {
    /// Makes infinite what stands in the place of such numbers.
    pub(super) fn restore(self, value: &mut Value<'_>) {
        if !self.0.is_empty() {
            self.walk(value, &mut 0);
        }
    }

    fn walk(&self, value: &mut Value<'_>, numbers: &mut usize) {
        match value {
            Value::Number(number) => {
                if self.0.binary_search(numbers).is_ok() {
                    *number *= f64::INFINITY;
                }
                *numbers += 1;
            }
            Value::Array(elements) => {
                for element in elements {
                    self.walk(element, numbers);
                }
            }
            Value::Object(entries) => {
                for (_, value) in entries {
                    self.walk(value, numbers);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Value<'static> {
        Value::plain(json.to_owned().into_bytes().leak()).unwrap()
    }

    // contract: mesh/serializer/infinity
    #[test]
    fn numbers_beyond_a_double_are_infinite() {
        let digits = format!("1{}", "0".repeat(400));
        for (text, expected) in [
            ("1e400", f64::INFINITY),
            ("-1E+0309", f64::NEG_INFINITY),
            (&*digits, f64::INFINITY),
            ("1.7976931348623157e308", f64::MAX),
            ("1e-400", 0.0),
        ] {
            assert_eq!(read(text), Value::Number(expected), "{text}");
        }
        let list = r#"[1,"1e400\"1e400",{"1e400":[-1e999,1]},1e999,1]"#;
        let Value::Array(list) = read(list) else {
            panic!("a list")
        };
        assert_eq!(list[1], Value::Text("1e400\"1e400".into()));
        assert_eq!(
            list[2],
            Value::Object(vec![(
                "1e400".into(),
                Value::Array(vec![Value::Number(f64::NEG_INFINITY), Value::Number(1.0)])
            )])
        );
        assert_eq!(
            list[3..],
            [Value::Number(f64::INFINITY), Value::Number(1.0)]
        );
    }
}
