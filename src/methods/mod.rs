//! What a client calls.
