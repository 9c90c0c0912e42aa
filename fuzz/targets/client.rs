//! What a client sends: WebSocket frames, SockJS arrays, DDP messages.
#![no_main]

use ddp_streamer::ddp::{Framing, message::ClientMessage};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    ddp_streamer::internals::read_frames(&mut data.to_vec(), message);
    // What is no frame may still be a message.
    if let Ok(text) = std::str::from_utf8(data) {
        message(text);
    }
});

fn message(text: &str) {
    for framing in [Framing::Raw, Framing::SockJs] {
        for message in framing.unwrap(text).into_iter().flatten() {
            let _refused = ClientMessage::parse(&message);
        }
    }
}
