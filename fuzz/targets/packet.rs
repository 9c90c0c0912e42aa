//! What comes from the mesh: payloads, read as every kind of packet in every encoding; and what is a packet is one as well
//! in every encoding in which it can be written.
#![no_main]

use ddp_streamer::internals::{read_packet, write_packet};
use ddp_streamer::mesh::{PacketKind, SerializerKind};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for kind in PacketKind::ALL {
        let packet = SerializerKind::ALL
            .map(|serializer| (serializer, read_packet(serializer, kind, data.to_vec())))
            .contains(&(SerializerKind::Ejson, true));
        if !packet {
            continue;
        }
        for serializer in SerializerKind::ALL {
            if let Ok(payload) = write_packet(serializer, kind, data) {
                assert!(
                    read_packet(serializer, kind, payload),
                    "{serializer:?} {kind:?}"
                );
            }
        }
    }
});
