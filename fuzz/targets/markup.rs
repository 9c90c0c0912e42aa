//! The text of a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    ddp_streamer::markup::parse(text);
});
