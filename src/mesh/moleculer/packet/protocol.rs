//! Which protocol the packets are of.

/// The protocol that Moleculer 0.14 speaks.
pub(super) const PROTOCOL: &str = "4";
