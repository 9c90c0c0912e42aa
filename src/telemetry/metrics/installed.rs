//! Where the handles are found once counting is on.

use super::handles::Handles;

crate::telemetry::installed::installed!(Handles);

pub(super) use place::{get, set};
