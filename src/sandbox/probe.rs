//! A second node of the mesh that only listens: when it hears an event, the mesh has carried it. It stands for the streamer in the
//! trace, whose own moment is not asked for: nothing in the serving path knows of the sandbox.

use crate::mesh::{Event, EventListener, ServiceSpec};

use super::journal::Journal;
use super::names;

/// Hears what the core tells, and writes down when.
pub(super) struct Probe {
    journal: Journal,
    core: String,
}

impl Probe {
    pub(super) fn new(journal: Journal, core: String) -> Self {
        Self { journal, core }
    }

    /// What it lists in its INFO.
    pub(super) fn service() -> ServiceSpec {
        ServiceSpec::new("sandbox-probe").events(names::all())
    }
}

impl EventListener for Probe {
    fn event(&self, event: &Event<'_>) {
        if event.sender == self.core {
            let args = serde_json::from_str(event.data.get()).unwrap_or_default();
            self.journal.heard(&event.name, &args);
        }
    }
}
