//! What is to be asked anew, and who is to be sent again: gathered while an earlier round of questions is under way.

use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Duration, timeout};

/// So many users are all of them: their names need not be kept.
const MAX_TARGETS: usize = 10_000;

/// Users to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::streams) enum Targets {
    /// These.
    These(HashSet<Box<str>>),
    /// All.
    All,
}

impl Default for Targets {
    fn default() -> Self {
        Self::These(HashSet::new())
    }
}

impl Targets {
    /// Nobody.
    pub(in crate::streams) fn is_empty(&self) -> bool {
        matches!(self, Self::These(uids) if uids.is_empty())
    }

    /// As the service is asked for them; `None` are all.
    pub(in crate::streams) fn refresh(&self) -> Option<Vec<&str>> {
        match self {
            Self::These(uids) => {
                let mut uids: Vec<_> = uids.iter().map(|uid| &**uid).collect();
                uids.sort_unstable();
                Some(uids)
            }
            Self::All => None,
        }
    }

    /// Both.
    pub(in crate::streams) fn join(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::These(uids), Self::These(more)) => {
                uids.extend(more);
                if uids.len() > MAX_TARGETS {
                    *self = Self::All;
                }
            }
            (Self::All, _) | (_, Self::All) => *self = Self::All,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Anew {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Somebody asks.
    running: bool,
    /// Something came since it was last taken.
    more: bool,
    targets: Targets,
}

impl Anew {
    /// Something has to be asked anew. Says whether nobody asks yet: then the caller does.
    pub(super) fn add(&self, targets: Targets) -> bool {
        let mut state = self.state.lock();
        state.targets.join(targets);
        state.more = true;
        self.added.notify_one();
        !std::mem::replace(&mut state.running, true)
    }

    /// Nobody asks, and from now on the caller does.
    pub(super) fn begin(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().running, true)
    }

    /// What came since the last time.
    pub(super) fn take(&self) -> Targets {
        let mut state = self.state.lock();
        state.more = false;
        std::mem::take(&mut state.targets)
    }

    /// Whether nothing came since: then nobody asks any more.
    pub(super) fn is_done(&self) -> bool {
        let mut state = self.state.lock();
        state.running = state.more;
        !state.more
    }

    /// Nobody asks any more; what was not done waits for the next who does.
    pub(super) fn abandon(&self) {
        self.state.lock().running = false;
    }

    /// Waits, but not when something comes. Says whether it did.
    pub(super) async fn pause(&self, pause: Duration) -> bool {
        timeout(pause, self.added.notified()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_gathered_and_bounded() {
        let these = |range: std::ops::Range<usize>| {
            Targets::These(range.map(|n| n.to_string().into()).collect())
        };
        let mut targets = Targets::default();
        assert!(targets.is_empty());
        targets.join(these(0..2));
        targets.join(these(1..3));
        assert_eq!(targets, these(0..3));
        targets.join(these(0..MAX_TARGETS + 1));
        assert_eq!(targets, Targets::All);
        targets.join(these(0..1));
        assert_eq!(targets, Targets::All);
    }

    #[test]
    fn one_asks_at_a_time() {
        let anew = Anew::default();
        assert!(anew.add(Targets::All));
        assert!(!anew.add(Targets::default()) && !anew.begin());
        assert_eq!(anew.take(), Targets::All);
        assert!(!anew.add(Targets::default()));
        assert!(!anew.is_done(), "something came meanwhile");
        assert!(anew.take().is_empty());
        assert!(anew.is_done());
        assert!(anew.begin());
        anew.abandon();
        assert!(anew.add(Targets::default()));
    }
}
