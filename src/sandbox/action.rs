//! A decision of the world that a call asks for.

use serde_json::Value;

use super::world::World;
use crate::mesh::RemoteError;

/// What an action answers: `None` is undefined.
pub(super) type Outcome = Result<Option<Value>, Box<RemoteError>>;

/// An action: the arguments are positional.
pub(super) type Action = fn(&mut World, &[Value]) -> Outcome;
