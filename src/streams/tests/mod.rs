//! The whole room over a real mesh node, a small core, and the store in memory. Time is paused.

mod access;
mod lost;
mod matrix;
mod matrix_after;
mod matrix_table;
mod messages;
mod presence;
mod races;
mod recheck;
mod relaying;
mod reuse;
mod rooms;
mod rules;
mod visibility;
mod workspace;
mod writing;
