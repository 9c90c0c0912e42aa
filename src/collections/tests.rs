//! Collections over a mesh of two nodes in this process.
