//! Typed calls to the core's services.
