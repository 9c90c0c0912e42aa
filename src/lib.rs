//! `ddp-streamer`: the edge of a Rocket.Chat workspace, where every client's WebSocket ends.

pub mod app;
pub mod check;
pub mod client;
pub mod collections;
pub mod config;
pub mod ddp;
pub mod ejson;
pub mod events;
pub mod gateway;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
pub mod markup;
pub mod mesh;
pub mod methods;
pub mod port;
pub mod record;
pub mod relay;
pub mod sandbox;
pub mod services;
pub mod session;
pub mod store;
pub mod streams;
pub mod telemetry;
