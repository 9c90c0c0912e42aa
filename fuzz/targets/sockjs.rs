//! What a SockJS client sends, beside serde_json: an array of strings there is the same messages here.
#![no_main]

use ddp_streamer::ddp::Framing;
use ddp_streamer::ddp::sockjs::Array;
use serde_json::value::RawValue;

/// From here on characters come as escapes, which say the same inside of a JSON string.
const STAND_INS: char = '\u{10f800}';

libfuzzer_sys::fuzz_target!(|text: &str| {
    let array = Array::of(text).map(|array| array.map(String::from).collect::<Vec<_>>());
    let messages = Framing::SockJs.unwrap(text);
    let messages = messages.map(|messages| messages.map(String::from).collect::<Vec<_>>());
    // With lone surrogates it is no text there, but an array.
    let elements = serde_json::from_str::<Vec<&RawValue>>(text).ok();
    let strings = elements.filter(|all| all.iter().all(|element| element.get().starts_with('"')));
    assert_eq!(array.as_ref().map(Vec::len), strings.map(|all| all.len()));
    assert_eq!(messages, array);
    if let Ok(read) = serde_json::from_str::<Vec<String>>(text)
        && read
            .iter()
            .flat_map(|text| text.chars())
            .all(|char| char < STAND_INS)
    {
        assert_eq!(array.as_deref(), Some(&*read));
    }
    // Wherever the reading goes on.
    let mut rest = Array::of(text);
    let mut again = Vec::new();
    while let Some(at) = rest.as_ref().and_then(Array::next_at) {
        let mut next = Array::from(text, at);
        again.extend(next.next().map(String::from));
        rest = Some(next);
    }
    assert_eq!(again, array.unwrap_or_default());
});
