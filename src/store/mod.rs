//! What is read and written in MongoDB.
