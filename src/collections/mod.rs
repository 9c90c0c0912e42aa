//! The two published collections.
