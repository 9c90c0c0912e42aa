//! A publication from its request ([`subscribe`]) over what changes under it ([`changes`]) to its rule being asked again
//! ([`recheck`]), and when that has to be ([`lost`], [`missed`]).

mod changes;
mod lost;
mod missed;
mod recheck;
mod subscribe;
