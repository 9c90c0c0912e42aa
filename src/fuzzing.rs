//! Doors for the fuzz targets (`fuzz/`): rooms keep what reads bytes to themselves otherwise.

/// Bytes of a client, as they come from its socket, and each message in them.
pub fn client(data: &[u8]) {
    crate::session::fuzz(data, |text| {
        for framing in [crate::ddp::Framing::Raw, crate::ddp::Framing::SockJs] {
            for message in framing.unwrap(text).into_iter().flatten() {
                let _refused = crate::ddp::message::ClientMessage::parse(&message);
            }
        }
    });
}

/// A packet of the mesh, read as every kind.
pub fn packet(data: &[u8]) {
    crate::mesh::fuzz(data);
}
