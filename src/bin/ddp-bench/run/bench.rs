//! Everything of one round, and the steps that modes are made of.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::outcome::Outcome;
use crate::cli::Options;
use crate::clock::Nanos;
use crate::error::Error;
use crate::fleet::{self, Fleet};
use crate::measure::process::{Process, own_cpu};
use crate::measure::tally::Tally;
use crate::mesh::{self, Mesh, Plan};
use crate::output::progress;
use crate::shared::{Note, Shared};
use crate::target::{Nats, Server, Traffic};

/// Tells a load's marks from those of the loads before it, and of other processes in the same mesh.
fn next_run() -> u16 {
    static LOADS: AtomicU16 = AtomicU16::new(0);
    // Processes that are started after each other begin far from each other.
    let first = (std::process::id() as u16).wrapping_mul(40_503);
    first.wrapping_add(LOADS.fetch_add(1, Ordering::Relaxed))
}

/// How often a wait looks at the server.
const LOOK: Duration = Duration::from_millis(20);
/// The shards answer at once, unless their core is taken.
const ANSWER: Duration = Duration::from_secs(60);
/// The last deliveries are waited for as long as some arrived within this.
const SILENCE: Duration = Duration::from_secs(2);

/// One round's parts.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) clients: fleet::Settings,
    // Dropped in this order: a server that ends still has something to tell the core.
    pub(crate) fleet: Fleet,
    pub(crate) servers: Vec<Server>,
    pub(crate) mesh: Mesh,
    pub(crate) nats: &'a Nats,
    /// Where events are published that do not go through the mesh.
    pub(crate) api: Option<SocketAddr>,
    pub(crate) notes: Receiver<Note>,
    pub(crate) shared: Arc<Shared>,
}

/// Readings of one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Nanos,
    pub(crate) server_cpu: Option<Duration>,
    pub(crate) bench_cpu: Duration,
    pub(crate) delivered: u64,
    pub(crate) published: u64,
    pub(crate) nats: Option<Traffic>,
}

impl Moment {
    /// What passed since `earlier`: wall time, the server's CPU time, ours, deliveries.
    pub(crate) fn since(&self, earlier: &Self) -> (Duration, Option<Duration>, Duration, u64) {
        let cpu = self.server_cpu.zip(earlier.server_cpu);
        (
            self.at - earlier.at,
            cpu.map(|(now, then)| now.saturating_sub(then)),
            self.bench_cpu - earlier.bench_cpu,
            self.delivered - earlier.delivered,
        )
    }
}

impl Bench<'_> {
    /// A meter of all servers, when all their processes are known.
    fn sum<T: std::iter::Sum>(&self, meter: impl Fn(Process) -> Option<T>) -> Option<T> {
        self.servers
            .iter()
            .map(|server| server.process.and_then(&meter))
            .sum()
    }

    /// Reads all meters.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            at: Nanos::now(),
            server_cpu: self.sum(Process::cpu),
            bench_cpu: own_cpu(),
            delivered: self.shared.delivered(),
            published: self.shared.published.load(Ordering::Relaxed),
            nats: match self.api {
                Some(_) => None,
                None => self.nats.traffic(),
            },
        }
    }

    /// What all servers together counted under this name; `None` when they do not count. One that counts, and does not tell
    /// this, is a fault.
    pub(crate) fn counter(&self, series: &str, outcome: &mut Outcome) -> Option<f64> {
        if !self.servers.iter().all(Server::counts) {
            return None;
        }
        let counts = self.servers.iter().map(|server| server.counter(series));
        let sum = counts.sum::<Option<f64>>();
        if sum.is_none() {
            outcome.note(format!("the server's metrics do not tell {series}"));
            outcome.faults += 1;
        }
        sum
    }

    /// The servers' resident memory in bytes.
    pub(crate) fn rss(&self) -> Option<u64> {
        self.sum(Process::rss)
    }

    /// The most it ever was.
    pub(crate) fn peak(&self) -> Option<u64> {
        self.sum(Process::peak)
    }

    /// Waits for a note that `pick` takes; others pass by. A note of failure ends the wait, as does a server that ended.
    fn wait<T>(
        &mut self,
        what: &'static str,
        patience: Duration,
        mut pick: impl FnMut(Note) -> Option<T>,
    ) -> Result<T, Error> {
        let deadline = Nanos::now() + patience;
        loop {
            match self.notes.recv_timeout(LOOK) {
                Ok(Note::Failed(text)) => return Err(Error::Thread(text)),
                Ok(note) => {
                    if let Some(picked) = pick(note) {
                        return Ok(picked);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Thread("all threads ended".into()));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.servers.iter_mut().try_for_each(Server::check)?
                }
            }
            if Nanos::now() >= deadline {
                return Err(Error::Late {
                    what: what.into(),
                    seconds: patience.as_secs_f64(),
                });
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn rest(&mut self, time: Duration) -> Result<(), Error> {
        match self.wait("nothing", time, |_| None::<()>) {
            Err(Error::Late { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until as many streamers are in the mesh as are under test there, and a moment.
    pub(crate) fn await_start(&mut self, patience: Duration) -> Result<(), Error> {
        if self.api.is_none() {
            self.await_join(patience)?;
        }
        // Both sides know each other now; half a second is what a node waits for others before its first call.
        self.rest(Duration::from_secs(1))
    }

    fn await_join(&mut self, patience: Duration) -> Result<(), Error> {
        let mut left = self.servers.len();
        self.wait(
            "the server to join the mesh (is it on the same NATS and namespace?)",
            patience,
            |note| {
                left -= usize::from(matches!(note, Note::Joined));
                (left == 0).then_some(())
            },
        )
    }

    /// Sets all sessions up (or, in a storm, drops them and has them come back) and waits until each is ready or has given up.
    pub(crate) fn settle(&mut self, order: &fleet::Order) -> Result<u64, Error> {
        if matches!(order, fleet::Order::Open) {
            let sessions = self.options.sessions;
            progress(&format!("{sessions} sessions: connect, login, subscribe"));
        }
        self.fleet.order(order);
        self.await_settled()
    }

    /// Waits until all shards have settled; how many sessions are ready.
    pub(crate) fn await_settled(&mut self) -> Result<u64, Error> {
        let mut left = self.fleet.shards();
        let mut all = 0;
        let settled = self.wait("sessions (--patience)", self.options.patience, |note| {
            if let Note::Settled { ready } = note {
                all += ready;
                left -= 1;
            }
            (left == 0).then_some(all)
        });
        let ready = match settled {
            Err(Error::Late { what, seconds }) => {
                let what = format!("{what}: {}", self.missing()?);
                return Err(Error::Late { what, seconds });
            }
            settled => settled?,
        };
        if ready == 0 {
            let refusals = crate::measure::tally::codes(&self.lap(&fleet::Order::Lap)?.refusals);
            return Err(Error::Server(format!(
                "not one session could be set up (HTTP status × tries, 0 for none): {refusals}"
            )));
        }
        Ok(ready)
    }

    /// Which sessions are waited for, in words.
    fn missing(&mut self) -> Result<String, Error> {
        self.fleet.order(&fleet::Order::Missing);
        let mut left = self.fleet.shards();
        let mut all = BTreeMap::<_, Vec<u32>>::new();
        self.wait("the clients' states", ANSWER, |note| {
            if let Note::Missing(missing) = note {
                for (wanted, sessions) in missing {
                    all.entry(wanted).or_default().extend(sessions);
                }
                left -= 1;
            }
            (left == 0).then_some(())
        })?;
        let texts: Vec<String> = all
            .iter()
            .map(|(wanted, sessions)| {
                let (count, first) = (sessions.len(), sessions[0]);
                format!("{count} without {wanted} (session {first})")
            })
            .collect();
        Ok(texts.join(", "))
    }

    /// Gives an order that is answered with a lap, and adds the shards' laps up.
    pub(crate) fn lap(&mut self, order: &fleet::Order) -> Result<Tally, Error> {
        self.fleet.order(order);
        let mut left = self.fleet.shards();
        let mut sum = Tally::new();
        self.wait("the clients' counts", ANSWER, |note| {
            if let Note::Lap(tally) = note {
                sum.add(*tally);
                left -= 1;
            }
            (left == 0).then_some(())
        })?;
        Ok(sum)
    }

    /// Begins a load of events whose marks count from now on.
    pub(crate) fn begin(
        &mut self,
        topic: mesh::Topic,
        pace: mesh::Pace,
        lasting: Duration,
        events: Option<u64>,
        ready: u64,
    ) -> Result<Tally, Error> {
        self.shared.restart();
        let run = next_run();
        let tally = self.lap(&fleet::Order::Begin(run))?;
        let sessions = self.options.sessions;
        let mut listeners = self.clients.listeners(sessions);
        for count in &mut listeners {
            *count = *count * ready / u64::from(sessions);
        }
        let plan = Plan {
            run,
            topic,
            bytes: self.options.bytes,
            pace,
            listeners,
            events,
            lasting,
            api: self.api,
        };
        self.mesh.order(mesh::Order::Start(plan));
        Ok(tally)
    }

    /// Waits until the mesh has published all events: how many of each key.
    pub(crate) fn await_sent(&mut self, patience: Duration) -> Result<Vec<u32>, Error> {
        self.wait(
            "the last event to be sent",
            patience + Duration::from_secs(10),
            |note| match note {
                Note::Sent(sent) => Some(sent),
                _ => None,
            },
        )
    }

    /// Waits for the last deliveries, at most `patience`.
    pub(crate) fn drain(&mut self, sent: &[u32]) -> Result<(), Error> {
        let listeners = self.clients.listeners(self.options.sessions);
        let expected: u64 = sent
            .iter()
            .zip(&listeners)
            .map(|(&count, &listeners)| u64::from(count) * listeners)
            .sum();
        self.drain_to(expected)
    }

    /// Waits until so much was delivered, or nothing comes any more.
    pub(crate) fn drain_to(&mut self, expected: u64) -> Result<(), Error> {
        let deadline = Nanos::now() + self.options.patience;
        let (mut last, mut since) = (self.shared.delivered(), Nanos::now());
        while last < expected && Nanos::now() < deadline && Nanos::now() - since < SILENCE {
            self.rest(LOOK)?;
            let now = self.shared.delivered();
            if now != last {
                (last, since) = (now, Nanos::now());
            }
        }
        Ok(())
    }

    /// Lets no more calls be made and waits for the last results, as [`Self::drain_to`] does for deliveries; what was counted.
    pub(crate) fn last_calls(&mut self) -> Result<Tally, Error> {
        self.fleet.call(0);
        let mut all = Tally::new();
        let mut since = Nanos::now();
        let deadline = since + self.options.patience;
        loop {
            let lap = self.lap(&fleet::Order::Lap)?;
            let now = Nanos::now();
            if lap.calls.count() > 0 {
                since = now;
            }
            let left = lap.unanswered;
            all.add(lap);
            let silence = SILENCE + self.options.core_delay;
            if left == 0 || now >= deadline || now - since >= silence {
                all.unanswered = left;
                return Ok(all);
            }
            self.rest(LOOK)?;
        }
    }

    /// What the mesh saw that a reader should know.
    pub(crate) fn mesh_notes(&self, outcome: &mut Outcome) {
        if self.servers.iter().any(|server| server.process.is_none()) {
            outcome.note("no --server-pid: no CPU time, no memory".to_owned());
        }
        if self.api.is_some() {
            return;
        }
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        outcome.note(format!(
            "mesh: {} requests answered, {} of them logins; {} events heard",
            count(&self.shared.requests),
            count(&self.shared.logins),
            count(&self.shared.heard)
        ));
        let unknown = count(&self.shared.unknown);
        if unknown > 0 {
            outcome.note(format!(
                "{unknown} requests for actions that the bench does not offer"
            ));
        }
    }
}
