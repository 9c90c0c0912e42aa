//! The head of a request: what hyper reads behind our pass is what it would read without it.
#![no_main]

use ddp_streamer::internals::{is_small_upgrade, pass_over_head};
use httparse::{EMPTY_HEADER, Request, Status};

/// How many fields hyper reads without an allocation.
const FEW: usize = 100;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let (passed, http_10) = pass_over_head(bytes, b"");
    let (first, second) = bytes.split_at(bytes.len().min(cut.into()));
    assert_eq!(
        pass_over_head(first, second),
        (passed.clone(), http_10),
        "cut"
    );

    let (mut fields, mut same) = ([EMPTY_HEADER; FEW], [EMPTY_HEADER; FEW]);
    let (mut before, mut after) = (Request::new(&mut fields), Request::new(&mut same));
    let end = before.parse(bytes);
    if is_small_upgrade(bytes) {
        assert_ne!(end, Err(httparse::Error::TooManyHeaders));
    }
    let Ok(Status::Complete(end)) = end else {
        return;
    };
    let (head, rest) = passed.split_at(passed.len() - (bytes.len() - end));
    assert_eq!(rest, &bytes[end..], "what is behind the head is not ours");
    assert_eq!(after.parse(head), Ok(Status::Complete(head.len())));
    assert_eq!(after.method, before.method);
    assert_eq!(after.headers, before.headers);
    assert_eq!(after.version, Some(1));
    assert_eq!(http_10, before.version == Some(0));
    let (asked, target) = (before.path.unwrap(), after.path.unwrap());
    assert_eq!(decoded(target), decoded(asked));
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
});

/// A target, its percent-encoding taken off.
fn decoded(target: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), target.as_bytes());
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok());
        let digits = digits.filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                rest = &behind[2..];
            }
            _ => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    out
}
