//! A publication from its request ([`subscribe`]) over what changes under it ([`changes`]) to its rule being asked again
//! ([`recheck`]).

mod changes;
mod recheck;
mod subscribe;
