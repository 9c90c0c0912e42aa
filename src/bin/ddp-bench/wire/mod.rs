//! Bytes in, bytes out: everything the bench says and hears, without any I/O.

pub(crate) mod centrifugo;
pub(crate) mod json;
pub(crate) mod marker;
pub(crate) mod nats;
pub(crate) mod script;
pub(crate) mod websocket;
