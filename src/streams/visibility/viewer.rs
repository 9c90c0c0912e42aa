//! A user who watches others, with what is hidden from that user.

use std::sync::Arc;

use parking_lot::Mutex;

use super::gate::Uids;
use crate::client::UserId;

/// Invalidations with targets of their own that may wait for an answer. Beyond it everybody is in doubt: a service that
/// is away must not pile up what it will be asked.
const MAX_PENDING: usize = 32;

/// What is hidden from one viewer.
#[derive(Debug, Clone)]
pub(super) enum Hidden {
    /// Not known: nothing is shown.
    Unknown,
    /// Everybody.
    Everybody,
    /// These.
    Users(Uids),
    /// That is not told; these are restricted.
    Untold(Uids),
}

/// Whether a viewer sees a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::streams) enum Sight {
    /// Yes.
    Shown,
    /// No.
    Hidden,
    /// Not known yet: nothing is said, not even that the user is hidden.
    Unknown,
}

/// See the module.
#[derive(Debug)]
pub(in crate::streams) struct Viewer {
    pub(super) user: UserId,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    hidden: Hidden,
    /// Users about whom the answer may be another one now. Shared by all viewers.
    pending: Vec<Uids>,
    /// How often it was made invalid: an answer from before that is not taken.
    invalid: u64,
}

impl Viewer {
    pub(super) fn new(user: UserId) -> Arc<Self> {
        let state = State {
            hidden: Hidden::Unknown,
            pending: Vec::new(),
            invalid: 0,
        };
        Arc::new(Self {
            user,
            state: Mutex::new(state),
        })
    }

    /// Whether the viewer sees a user.
    pub(in crate::streams) fn sees(&self, uid: &str) -> Sight {
        let state = self.state.lock();
        if state.pending.iter().any(|uids| uids.contains(uid)) {
            return Sight::Unknown;
        }
        match &state.hidden {
            Hidden::Unknown => Sight::Unknown,
            Hidden::Everybody => Sight::Hidden,
            Hidden::Users(hidden) | Hidden::Untold(hidden) if hidden.contains(uid) => Sight::Hidden,
            Hidden::Users(_) | Hidden::Untold(_) => Sight::Shown,
        }
    }

    /// Whether nothing is in doubt.
    pub(in crate::streams) fn is_known(&self) -> bool {
        let state = self.state.lock();
        state.pending.is_empty() && !matches!(state.hidden, Hidden::Unknown)
    }

    /// Whether there is an answer, whatever is in doubt of it.
    pub(super) fn is_answered(&self) -> bool {
        !matches!(self.state.lock().hidden, Hidden::Unknown)
    }

    /// Whether the answer depends on who is restricted.
    pub(super) fn is_untold(&self) -> bool {
        matches!(self.state.lock().hidden, Hidden::Untold(_))
    }

    /// The number of the question that is asked now.
    pub(super) fn asking(&self) -> u64 {
        self.state.lock().invalid
    }

    /// Takes an answer, unless it was made invalid meanwhile. Says whether.
    pub(super) fn learn(&self, asked: u64, hidden: Hidden) -> bool {
        let mut state = self.state.lock();
        if state.invalid != asked {
            return false;
        }
        state.hidden = hidden;
        state.pending = Vec::new();
        true
    }

    /// The answer may be another one for these users, or for all of them. Says whether more are in doubt now than these.
    pub(super) fn invalidate(&self, targets: Option<&Uids>) -> bool {
        let mut state = self.state.lock();
        state.invalid += 1;
        if matches!(state.hidden, Hidden::Unknown) {
            return false;
        }
        if let Some(targets) = targets
            && state.pending.len() < MAX_PENDING
        {
            state.pending.push(targets.clone());
            return false;
        }
        state.hidden = Hidden::Unknown;
        state.pending = Vec::new();
        true
    }
}
