//! What was read of a client, and not heard yet.

/// A SockJS array that was too long for one turn.
pub(super) struct Unheard {
    pub(super) text: Box<str>,
    /// Where the next message stands.
    pub(super) at: usize,
}
