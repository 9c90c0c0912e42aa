//! What a client sends: WebSocket frames, SockJS arrays, DDP messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ddp_streamer::fuzzing::client(data));
