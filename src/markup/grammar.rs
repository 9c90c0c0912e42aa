//! The two grammars.

/// Whose clients will draw the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// Those of 6.x and 7.x: `@rocket.chat/message-parser@0.31.32`. They know no spoilers, tables or rules.
    V7,
    /// Those of 8.x: `@rocket.chat/message-parser@0.32.0`.
    V8,
}
