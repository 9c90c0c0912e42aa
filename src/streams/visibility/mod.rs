//! Whose status is whose business (8.8 and later; reference/streams.md, "Special streams").
//!
//! The [`gate`] says whether anything is hidden at all, and whose status is restricted. A [`viewer`] is a user who watches
//! others, with what is hidden from that user. Both are asked for at first use and after each invalidation, and until it
//! is answered ([`anew`] gathers what is to be asked). What is not known is hidden: a viewer who is not known sees
//! nobody, and between an invalidation and its answers its targets are seen by nobody whom it may concern.

mod anew;
mod gate;
mod interned;
mod viewer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

pub(super) use anew::Targets;
pub(super) use gate::{Gate, depends_on};
pub(super) use viewer::{Sight, Viewer};

use super::rules::reuse::Reuse;
use super::rules::{MAX_ASKED, Rules, Unasked};
use crate::client::UserId;
use crate::services::{HiddenFrom, Release, STATUS_VISIBILITY, Services};
use anew::Anew;
use gate::{Form, Uids, Verdict};
use interned::Interned;
use viewer::Hidden;

/// Nodes that are asked at most for the form of their answers.
const FORMS_ASKED: usize = 8;
/// Answers about viewers that are known at a time.
const VIEWERS_KNOWN: usize = 1024;

/// The gate, and all viewers.
pub(super) struct Visibility {
    services: Services,
    rules: Arc<Rules>,
    /// The mesh offered it once: a core that restarts does not show what was hidden.
    offered: AtomicBool,
    /// Since when nobody does although cores are there, as of the last look.
    missing: Mutex<Option<Instant>>,
    /// The runs of the nodes that offer it, as of the last look.
    runs: Mutex<Vec<u64>>,
    /// They are others than those that answered: the form of their answers is to be learned anew.
    unlearned: AtomicBool,
    form: AtomicU8,
    gate: ArcSwapOption<Gate>,
    /// The verdict by which viewers were last asked about; `None` where nobody is known.
    verdict: Mutex<Option<Verdict>>,
    /// Grows with each invalidation: what was asked before it is not taken for the gate.
    generation: AtomicU64,
    viewers: Mutex<HashMap<UserId, Weak<Viewer>>>,
    sets: Arc<Interned>,
    restricted: Reuse<u64, Uids>,
    answers: Reuse<Asked, (Form, Hidden)>,
    anew: Anew,
}

/// A user, the viewer's count of invalidations, and that of all: a viewer that comes again begins to count anew.
type Asked = (UserId, u64, u64);

impl Visibility {
    pub(super) fn new(services: Services, rules: Arc<Rules>) -> Self {
        Self {
            services,
            rules,
            offered: AtomicBool::new(false),
            missing: Mutex::default(),
            runs: Mutex::default(),
            unlearned: AtomicBool::new(false),
            form: AtomicU8::new(Form::Unknown as u8),
            gate: ArcSwapOption::empty(),
            verdict: Mutex::default(),
            generation: AtomicU64::new(0),
            viewers: Mutex::default(),
            sets: Arc::default(),
            restricted: Reuse::new(1),
            answers: Reuse::new(VIEWERS_KNOWN),
            anew: Anew::default(),
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

    /// Nodes came or went: whether others offer it now than did before, be it the same ones started again.
    pub(super) fn is_offered_by_others(&self) -> bool {
        let now = self.services.mesh().runs_of(STATUS_VISIBILITY);
        let mut runs = self.runs.lock();
        if now.is_empty() || *runs == now {
            return false;
        }
        let first = runs.is_empty();
        *runs = now;
        if first {
            return false;
        }
        self.unlearned.store(true, Ordering::SeqCst);
        true
    }

    /// Nodes came or went: since when nobody offers it any more although cores are there. `None` where that was answered
    /// before.
    pub(super) fn is_missing_since(&self) -> Option<Instant> {
        let missing = self.offered.load(Ordering::Relaxed)
            && !self.services.status_visibility.is_offered()
            && self.services.mesh().has_service("meteor");
        let mut since = self.missing.lock();
        if !missing {
            *since = None;
            return None;
        }
        match *since {
            Some(_) => None,
            None => {
                *since = Some(Instant::now());
                *since
            }
        }
    }

    /// Forgets that it was ever offered, where nobody did since then. Says whether.
    pub(super) fn forget(&self, missing_since: Instant) -> bool {
        let still = self.missing.lock().take_if(|since| *since == missing_since);
        if still.is_none() {
            return false;
        }
        self.offered.store(false, Ordering::Relaxed);
        self.runs.lock().clear();
        self.unlearned.store(false, Ordering::SeqCst);
        self.form.store(Form::Unknown as u8, Ordering::SeqCst);
        *self.verdict.lock() = None;
        let _nobody_is_sent_again = self.invalidate(None, None);
        true
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

    /// All viewers about whom something is to be asked.
    pub(super) fn unknown(&self) -> Vec<Arc<Viewer>> {
        let mut viewers = self.all();
        viewers.retain(|viewer| !viewer.is_known());
        viewers
    }

    /// Asks what is hidden from a viewer. A viewer about whom nothing can be asked sees what it saw.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) async fn ask(&self, viewer: &Viewer) -> Result<(), Unasked> {
        for _ in 0..MAX_ASKED {
            let asked = viewer.asking();
            // In this order: an invalidation counts up the generation first.
            let generation = self.generation.load(Ordering::SeqCst);
            let question = (viewer.user.clone(), asked, generation);
            let hidden = self.hidden_from(question).await?;
            if viewer.learn(asked, hidden) {
                return Ok(());
            }
        }
        Err(Unasked)
    }

    async fn hidden_from(&self, question: Asked) -> Result<Hidden, Unasked> {
        let gate = self.gate().await?;
        match gate.verdict(self.form()) {
            Verdict::Everybody => return Ok(Hidden::Everybody),
            Verdict::Nobody => return Ok(Hidden::Users(Uids::default())),
            Verdict::Some => {}
        }
        let (services, user) = (self.services.clone(), question.0.clone());
        let sets = self.sets.clone();
        let grounds = self.rules.grounds();
        let mark = grounds.mark(None, Some(user.as_str()));
        let answer = self
            .answers
            .ask(question, mark, grounds, || {
                async move { ask_about(&services, &sets, &user).await.map(Some) }.boxed()
            })
            .await?;
        let (form, hidden) = answer.ok_or(Unasked)?;
        // Where cores differ the stricter form holds, until other nodes answer ([`Visibility::learn_form`]).
        self.form.fetch_max(form as u8, Ordering::SeqCst);
        Ok(match (gate.verdict(self.form()), hidden) {
            (Verdict::Nobody, _) => Hidden::Users(Uids::default()),
            (_, Hidden::Untold(_)) => gate
                .restricted()
                .map_or(Hidden::Unknown, |uids| Hidden::Untold(uids.clone())),
            (_, hidden) => hidden,
        })
    }

    fn form(&self) -> Form {
        Form::of(self.form.load(Ordering::SeqCst))
    }

    /// Learns the form of the answers anew, where other nodes answer now.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) async fn learn_form(&self) -> Result<(), Unasked> {
        if !self.unlearned.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        let learned = self.learn_form_now().await;
        if learned.is_err() {
            self.unlearned.store(true, Ordering::SeqCst);
        }
        learned
    }

    async fn learn_form_now(&self) -> Result<(), Unasked> {
        let mut form = Form::Unknown;
        if let Some(viewer) = self.all().first() {
            // In turn, where it goes in turn: the stricter of their forms holds.
            let nodes = self.runs.lock().len().clamp(1, FORMS_ASKED);
            for _ in 0..nodes {
                let answer = ask_about(&self.services, &self.sets, &viewer.user).await?;
                form = form.max(answer.0);
            }
        }
        self.form.store(form as u8, Ordering::SeqCst);
        // The old gate holds until the new one is there.
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.judge().await.map(drop)
    }

    /// The gate.
    ///
    /// # Errors
    /// When its settings cannot be read.
    pub(super) async fn gate(&self) -> Result<Arc<Gate>, Unasked> {
        match self.gate.load_full() {
            Some(gate) => Ok(gate),
            None => self.judge().await,
        }
    }

    async fn judge(&self) -> Result<Arc<Gate>, Unasked> {
        let generation = self.generation.load(Ordering::SeqCst);
        let mut gate = Gate::of_settings(&self.rules).await?;
        if gate.asks() {
            gate = gate.with(self.restricted_users(generation).await.ok());
        }
        let gate = Arc::new(gate);
        if gate.restricted().is_some() {
            self.gate.store(Some(gate.clone()));
            // An invalidation empties it after counting: what came between is not kept.
            if self.generation.load(Ordering::SeqCst) != generation {
                self.gate.store(None);
            }
        }
        Ok(gate)
    }

    async fn restricted_users(&self, generation: u64) -> Result<Uids, Unasked> {
        let services = self.services.clone();
        let grounds = self.rules.grounds();
        let found = self
            .restricted
            .ask(generation, grounds.mark(None, None), grounds, || {
                async move {
                    let answer = services.status_visibility.restricted_users().await;
                    let uids =
                        answer.map_err(|cause| Unasked::because("getRestrictedUsers", &cause))?;
                    Ok(Some(set(uids)))
                }
                .boxed()
            })
            .await?;
        found.ok_or(Unasked)
    }

    /// Whether the gate is known.
    pub(super) fn is_judged(&self) -> bool {
        self.gate.load().is_some()
    }

    /// Whether a user's status is not for everybody; `None` while that is not known.
    pub(super) fn is_restricted(&self, uid: &str) -> Option<bool> {
        let gate = self.gate.load();
        gate.as_ref().map(|gate| gate.restricts(uid))
    }

    /// Whether the verdict is another one than when viewers were last asked about: then nothing of those answers holds.
    pub(super) fn has_turned(&self) -> bool {
        let Some(gate) = self.gate.load_full() else {
            return false;
        };
        let now = gate.verdict(self.form());
        let viewers = self.all();
        let answered = viewers.iter().any(|viewer| viewer.is_answered());
        let former = std::mem::replace(&mut *self.verdict.lock(), answered.then_some(now));
        let turned = answered && former.is_some_and(|former| former != now);
        if turned {
            for viewer in viewers {
                viewer.invalidate(None);
            }
        }
        turned
    }

    fn all(&self) -> Vec<Arc<Viewer>> {
        let viewers = self.viewers.lock();
        viewers.values().filter_map(Weak::upgrade).collect()
    }

    /// Nothing that was answered holds for these targets (all of them without a list) and viewers (all without a list).
    /// Answers whom to send again.
    pub(super) fn invalidate(
        &self,
        targets: Option<Vec<String>>,
        viewers: Option<Vec<String>>,
    ) -> Targets {
        let (targets, viewers) = (targets.map(set), viewers.map(set));
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.gate.store(None);
        let mut everybody = targets.is_none();
        for viewer in self.all() {
            let named = |uids: &Uids| uids.contains(viewer.user.as_str());
            if viewers.as_ref().is_none_or(named) || viewer.is_untold() {
                everybody |= viewer.invalidate(targets.as_ref());
            }
        }
        match targets {
            Some(uids) if !everybody => Targets::These((*uids).clone()),
            _ => Targets::All,
        }
    }

    /// Something has to be asked anew, and then these users sent again. Says whether nobody asks yet: then the caller
    /// does.
    pub(super) fn ask_anew(&self, targets: Targets) -> bool {
        self.anew.add(targets)
    }

    /// The gate has to be asked for. Says whether nobody asks yet: then the caller does.
    pub(super) fn ask_for_gate(&self) -> bool {
        self.anew.begin()
    }

    /// Whom to send again, of what came since the last time.
    pub(super) fn targets(&self) -> Targets {
        self.anew.take()
    }

    /// Whether nothing came since: then the caller asks no more.
    pub(super) fn is_done(&self) -> bool {
        self.anew.is_done()
    }

    /// Nobody asks any more.
    pub(super) fn abandon(&self) {
        self.anew.abandon();
    }

    /// Waits, but not when something comes. Says whether it did.
    pub(super) async fn pause(&self, pause: Duration) -> bool {
        self.anew.pause(pause).await
    }
}

async fn ask_about(
    services: &Services,
    sets: &Interned,
    user: &UserId,
) -> Result<(Form, Hidden), Unasked> {
    let answer = services.status_visibility.hidden_from(user.as_str()).await;
    Ok(
        match answer.map_err(|cause| Unasked::because("getHiddenFrom", &cause))? {
            HiddenFrom::List(uids) => (Form::List, Hidden::Users(sets.of(uids))),
            HiddenFrom::Everybody => (Form::Object, Hidden::Everybody),
            HiddenFrom::Users(uids) => (Form::Object, Hidden::Users(sets.of(uids))),
            HiddenFrom::Untold => (Form::Object, Hidden::Untold(Uids::default())),
        },
    )
}

fn set(uids: Vec<String>) -> Uids {
    Arc::new(uids.into_iter().map(String::into_boxed_str).collect())
}
