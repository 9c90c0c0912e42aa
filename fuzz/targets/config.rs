//! An environment: `NAME=value` lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    // A file that is named would be read.
    let pairs = pairs.filter(|(name, _)| *name != ddp_streamer::config::CONFIG_FILE);
    let _ =
        ddp_streamer::config::load(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
});
