//! What comes from the mesh: payloads, read as every kind of packet in every encoding.
#![no_main]

use ddp_streamer::internals::read_packet;
use ddp_streamer::mesh::{PacketKind, SerializerKind};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for serializer in SerializerKind::ALL {
        for kind in PacketKind::ALL {
            read_packet(serializer, kind, data.to_vec());
        }
    }
});
