//! The DDP protocol without I/O: bytes in, messages out.
//!
//! [`message`] reads what a client sent and writes what the server says; [`frame`] wraps it for the wire, once for all
//! who get it; [`glance`] sees as much of a message as a relay must; [`error`] and [`close`] are the two ways in which things go wrong. The contract is reference/ddp.md.

pub mod close;
pub mod error;
pub mod frame;
pub mod glance;
pub mod message;
pub mod sockjs;

pub use close::Close;
pub use error::{Code, DdpError};
pub use frame::{Frame, Framing, Kept, SharedFrame};
