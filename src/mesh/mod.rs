//! A Moleculer node.
