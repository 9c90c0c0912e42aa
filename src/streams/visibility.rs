//! Whose status is whose business (8.x; reference/streams.md, "Special streams").
//!
//! The *gate* says whether anything is hidden at all, and whose status is restricted. A *viewer* is a user who watches
//! others, with what is hidden from that user. Both are asked for at first use and after each invalidation. What is not
//! known is hidden: a viewer who is not known sees nobody, and between an invalidation and its answers its targets are
//! seen by nobody whom it may concern.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::reuse::Reuse;
use super::rules::{MAX_ASKED, Rules, Unasked};
use crate::client::UserId;
use crate::services::{HiddenFrom, Release, Services};

/// Answers about viewers that are known at a time.
const VIEWERS_KNOWN: usize = 1024;
/// A gate that could not be asked is asked again by the next event, but not before.
const GATE_PAUSE: Duration = Duration::from_secs(5);
/// The settings on which the gate depends.
pub(super) const STATUS_ENABLED: &str = "Accounts_UserStatus_Enabled";
pub(super) const VISIBILITY_ENABLED: &str = "Accounts_StatusVisibility_Enabled";

/// What is hidden from anybody.
#[derive(Debug)]
pub(super) struct Gate {
    /// Statuses are switched off: everybody is hidden from everybody.
    everybody: bool,
    /// Something may be hidden: viewers are to be asked about.
    active: bool,
    /// Whose status not everybody may see.
    restricted: HashSet<Box<str>>,
}

/// What is hidden from one viewer.
#[derive(Debug, Clone)]
enum Hidden {
    /// Not known: nothing is shown.
    Unknown,
    /// Everybody.
    All,
    /// These.
    Users(Arc<HashSet<Box<str>>>),
}

/// Whether a viewer sees a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Yes.
    Shown,
    /// No.
    Hidden,
    /// Not known yet: nothing is said, not even that the user is hidden.
    Unknown,
}

/// A user who watches others.
#[derive(Debug)]
pub(super) struct Viewer {
    user: UserId,
    state: Mutex<ViewerState>,
}

#[derive(Debug)]
struct ViewerState {
    hidden: Hidden,
    /// Users about whom the answer may be another one now.
    pending: HashSet<Box<str>>,
}

impl Viewer {
    fn new(user: UserId) -> Arc<Self> {
        let state = ViewerState {
            hidden: Hidden::Unknown,
            pending: HashSet::new(),
        };
        Arc::new(Self {
            user,
            state: Mutex::new(state),
        })
    }

    /// Whether the viewer sees a user. Everybody sees the own status.
    pub(super) fn sees(&self, uid: &str) -> Sight {
        let state = self.state.lock();
        if state.pending.contains(uid) {
            return Sight::Unknown;
        }
        match &state.hidden {
            Hidden::Unknown => Sight::Unknown,
            Hidden::All => Sight::Hidden,
            Hidden::Users(hidden) if hidden.contains(uid) => Sight::Hidden,
            Hidden::Users(_) => Sight::Shown,
        }
    }
}

/// The gate, and all viewers.
pub(super) struct Visibility {
    services: Services,
    rules: Arc<Rules>,
    /// The mesh offered it once: a core that restarts does not show what was hidden.
    offered: AtomicBool,
    gate: ArcSwapOption<Gate>,
    /// When the gate was last asked in vain.
    failed: Mutex<Option<Instant>>,
    /// Grows with each invalidation: answers from before it are not taken.
    generation: AtomicU64,
    viewers: Mutex<HashMap<UserId, Weak<Viewer>>>,
    gates: Reuse<(), Arc<Gate>>,
    answers: Reuse<UserId, Hidden>,
}

impl Visibility {
    pub(super) fn new(services: Services, rules: Arc<Rules>) -> Self {
        Self {
            services,
            rules,
            offered: AtomicBool::new(false),
            gate: ArcSwapOption::empty(),
            failed: Mutex::default(),
            generation: AtomicU64::new(0),
            viewers: Mutex::default(),
            gates: Reuse::new(1),
            answers: Reuse::new(VIEWERS_KNOWN),
        }
    }

    /// Whether this workspace hides statuses at all.
    pub(super) fn is_offered(&self) -> bool {
        if self.services.status_visibility.is_offered() {
            self.offered.store(true, Ordering::Relaxed);
        } else if self.services.mesh().release() == Release::V6 {
            self.offered.store(false, Ordering::Relaxed);
        }
        self.offered.load(Ordering::Relaxed)
    }

    /// The viewer of a user; nothing is known of a new one.
    pub(super) fn viewer(&self, user: &UserId) -> Arc<Viewer> {
        let mut viewers = self.viewers.lock();
        if let Some(viewer) = viewers.get(user).and_then(Weak::upgrade) {
            return viewer;
        }
        if viewers.len() == viewers.capacity() {
            viewers.retain(|_, viewer| viewer.strong_count() > 0);
        }
        let viewer = Viewer::new(user.clone());
        viewers.insert(user.clone(), Arc::downgrade(&viewer));
        viewer
    }

    /// Makes sure that a viewer is known.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) async fn know(&self, viewer: &Viewer) -> Result<(), Unasked> {
        let known = {
            let state = viewer.state.lock();
            state.pending.is_empty() && !matches!(state.hidden, Hidden::Unknown)
        };
        match known {
            true => Ok(()),
            false => self.ask(viewer).await,
        }
    }

    pub(super) async fn ask(&self, viewer: &Viewer) -> Result<(), Unasked> {
        for _ in 0..MAX_ASKED {
            let generation = self.generation.load(Ordering::SeqCst);
            let hidden = match self.hidden_from(&viewer.user).await {
                Ok(hidden) => hidden,
                Err(unasked) => {
                    viewer.state.lock().hidden = Hidden::Unknown;
                    return Err(unasked);
                }
            };
            let mut state = viewer.state.lock();
            // Whoever invalidates counts first, and marks the viewers under this lock after.
            if self.generation.load(Ordering::SeqCst) == generation {
                state.hidden = hidden;
                state.pending = HashSet::new();
                return Ok(());
            }
        }
        Err(Unasked)
    }

    async fn hidden_from(&self, user: &UserId) -> Result<Hidden, Unasked> {
        let gate = self.gate().await?;
        if gate.everybody {
            return Ok(Hidden::All);
        }
        if !gate.active {
            return Ok(Hidden::Users(Arc::default()));
        }
        let (services, asked) = (self.services.clone(), user.clone());
        let grounds = self.rules.grounds();
        let mark = grounds.mark(None, Some(user.as_str()));
        let found = self
            .answers
            .ask(user.clone(), mark, grounds, || {
                async move {
                    let answer = services.status_visibility.hidden_from(asked.as_str()).await;
                    match answer {
                        Ok(HiddenFrom::All) => Ok(Some(Hidden::All)),
                        Ok(HiddenFrom::Users(users)) => {
                            let users = users.into_iter().map(String::into_boxed_str).collect();
                            Ok(Some(Hidden::Users(Arc::new(users))))
                        }
                        Err(cause) => Err(Unasked::because("getHiddenFrom", &cause)),
                    }
                }
                .boxed()
            })
            .await?;
        found.ok_or(Unasked)
    }

    pub(super) async fn gate(&self) -> Result<Arc<Gate>, Unasked> {
        if let Some(gate) = self.gate.load_full() {
            return Ok(gate);
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let (services, rules) = (self.services.clone(), self.rules.clone());
        let grounds = self.rules.grounds();
        let answer = self
            .gates
            .ask((), grounds.mark(None, None), grounds, || {
                async move { ask_gate(&services, &rules).await.map(Some) }.boxed()
            })
            .await;
        *self.failed.lock() = answer.is_err().then(Instant::now);
        let gate = answer?.ok_or(Unasked)?;
        self.gate.store(Some(gate.clone()));
        // An invalidation empties it after counting: what came between is not kept.
        if self.generation.load(Ordering::SeqCst) != generation {
            self.gate.store(None);
        }
        Ok(gate)
    }

    /// Whether a user's status is not for everybody; `None` while that is not known.
    pub(super) fn is_restricted(&self, uid: &str) -> Option<bool> {
        let gate = self.gate.load();
        let gate = gate.as_ref()?;
        Some(gate.everybody || gate.restricted.contains(uid))
    }

    /// The gate was asked in vain a moment ago.
    pub(super) fn rests(&self) -> bool {
        let failed = *self.failed.lock();
        failed.is_some_and(|at| at.elapsed() < GATE_PAUSE)
    }

    /// Nothing that was answered holds for these targets (all of them without a list) and viewers (all without a list).
    /// Answers the viewers to ask about again.
    pub(super) fn invalidate(
        &self,
        targets: Option<&[String]>,
        viewers: Option<&[String]>,
    ) -> Vec<Arc<Viewer>> {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.gate.store(None);
        *self.failed.lock() = None;
        self.rules.grounds().everything();
        let concerned: Vec<_> = {
            let known = self.viewers.lock();
            match viewers {
                None => known.values().filter_map(Weak::upgrade).collect(),
                Some(viewers) => viewers
                    .iter()
                    .filter_map(|uid| known.get(uid.as_str()).and_then(Weak::upgrade))
                    .collect(),
            }
        };
        for viewer in &concerned {
            let mut state = viewer.state.lock();
            match targets {
                None => state.hidden = Hidden::Unknown,
                Some(targets) => {
                    let targets = targets.iter().map(|uid| uid.as_str().into());
                    state.pending.extend(targets);
                }
            }
        }
        concerned
    }
}

async fn ask_gate(services: &Services, rules: &Rules) -> Result<Arc<Gate>, Unasked> {
    let everybody = rules.is_off(STATUS_ENABLED).await?;
    let switched_off = rules.is_off(VISIBILITY_ENABLED).await?;
    let restricted: HashSet<Box<str>> = services
        .status_visibility
        .restricted_users()
        .await
        .map_err(|cause| Unasked::because("getRestrictedUsers", &cause))?
        .into_iter()
        .map(String::into_boxed_str)
        .collect();
    Ok(Arc::new(Gate {
        everybody,
        active: everybody || !switched_off || !restricted.is_empty(),
        restricted,
    }))
}
