//! A session against a house of straw, over a socket in memory, with time that only passes when nobody works.

mod closing;
mod drain;
mod heartbeat;
mod relayed;
mod requests;
mod shared;
mod size;
mod slow;
mod support;
mod table;
