//! Packets of real nodes, both ways, and bytes of any kind.

mod any_bytes;
mod golden;
