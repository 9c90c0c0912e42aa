//! CBOR, as the npm package cbor-x writes and reads it with Moleculer's options: no records, maps as they are.
//!
//! Three habits of it matter. It reads integers of 64 bits as BigInt, on which Moleculer's own arithmetic fails: what is
//! wider than 32 bits is written as a double, as it does itself. It misreads half floats: none are written (which is
//! why this is minicbor and not ciborium, whose floats shrink by themselves). And it writes `undefined`: a result of
//! nothing is `data: undefined`, not a packet without data.

mod arrays;
mod key;
mod read;
mod tags;
mod write;

pub(super) use read::decode;
pub(super) use write::encode;
