//! Who listens to what, under which rules, and the fan-out.
