//! `$node`: what other nodes' tools ask of any Moleculer node.

pub(super) mod answer;
pub(super) mod catalogue;
mod health;
