//! What is read and written in the workspace's database (reference/database.md): MongoDB, or everything in memory with `MONGO_URL=memory:`.
//!
//! Answers are EJSON text ([`Document`]), made once where the document arrives: rules look into them shallowly, and what a client is sent passes
//! through. Every id is a `&str` and reaches the database as a string, never as an operator. Nothing is cached here but settings
//! ([`Settings`]); what rules may reuse is the streams room's matter.

mod backend;
mod documents;
mod ejson;
mod error;
mod fields;
mod instance;
mod look;
pub mod memory;
mod mongo;
mod settings;
mod state;

pub use backend::Store;
pub use documents::{Document, OwnUser, RoomServing, RoomVisitor, UserNames};
pub use error::StoreError;
pub use instance::Instance;
pub use look::Look;
pub use memory::{Collection, Memory};
pub use settings::{Settings, Told};
pub use state::StoreState;
