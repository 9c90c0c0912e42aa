//! The text of a message.
#![no_main]

use ddp_streamer::markup::Grammar;

libfuzzer_sys::fuzz_target!(|text: &str| {
    ddp_streamer::markup::parse(text, Grammar::V7);
    ddp_streamer::markup::parse(text, Grammar::V8);
});
