//! One client's task.
