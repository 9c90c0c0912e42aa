//! The knot between mesh and events: a mesh is built with its listener, and events are built over the mesh.

use std::sync::{Arc, OnceLock};

use super::context::Events;
use crate::ejson::Glance;
use crate::mesh::{Event, EventListener};

/// A listener for a mesh that is not running yet; the events behind it come later. What arrives before is lost, so
/// they must be there before the mesh runs.
#[derive(Default)]
pub struct Late(OnceLock<Arc<Events>>);

impl Late {
    /// The events. Only the first ones count.
    pub fn set(&self, events: Arc<Events>) {
        let _first_wins = self.0.set(events);
    }
}

impl EventListener for Late {
    fn event(&self, event: &Event<'_>) {
        if let Some(events) = self.0.get() {
            events.event(event);
        }
    }

    fn passes_over(&self, name: &str, json: Glance<'_>) -> bool {
        let events = self.0.get();
        events.is_some_and(|events| events.passes_over(name, json))
    }
}
