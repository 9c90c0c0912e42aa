//! What comes from the mesh: packets of every kind, and an event's arguments.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ddp_streamer::fuzzing::packet(data));
