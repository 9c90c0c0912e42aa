//! What the mesh broadcasts, turned into stream events.
