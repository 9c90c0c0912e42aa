//! Which protocol the packets are of.

use crate::config::Protocols;

/// The protocol that Moleculer 0.14 speaks, and this node.
pub(super) const PROTOCOL: &str = "4";

/// The protocol that Moleculer 0.15 speaks. Only its number is another.
pub(crate) const PROTOCOL_5: &str = "5";

/// Whether packets of this version are taken.
pub(super) fn takes(protocols: Protocols, version: &str) -> bool {
    version == PROTOCOL || protocols == Protocols::FourAndFive && version == PROTOCOL_5
}
