//! The DDP protocol without I/O.
