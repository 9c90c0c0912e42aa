//! Defaults, file and environment, checked and typed: each room gets its own struct.
