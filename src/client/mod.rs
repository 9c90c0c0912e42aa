//! What others may hold of a client.
