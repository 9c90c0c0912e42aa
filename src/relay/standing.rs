//! Whether the server is there.
//!
//! Sessions tell what became of their attempts. While the last one failed, new clients are turned away at the door, and
//! the server is asked by nobody but `Relay::watch`, less and less often.

use std::borrow::Cow;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use rand::Rng;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::gateway::Readiness;
use crate::telemetry::metrics;

/// The shortest time between two attempts to reach a server that is away, and the longest (reference/relay.md).
const RETRY: std::ops::Range<f64> = 0.5..10.0;
/// One that is there is asked when nobody else has asked for so long: readiness is to be true.
const STEADY: Duration = Duration::from_secs(10);

/// What is known of the server.
#[derive(Debug)]
pub struct Standing {
    state: Mutex<State>,
    /// Somebody doubts that the server is there.
    doubted: Notify,
    /// `HEALTH_MESH_GRACE`.
    grace: Duration,
}

#[derive(Debug)]
struct State {
    /// Whether it was ever reached, and when last.
    reached: Option<Instant>,
    away: Option<Away>,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    why: String,
    /// How often in a row it was asked in vain. Sessions' attempts do not count: as many fail at once as there are clients.
    failures: u32,
}

impl Standing {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                reached: None,
                away: None,
            }),
            doubted: Notify::new(),
            grace,
        }
    }

    /// The server was reached.
    pub(super) fn there(&self) {
        metrics::relay_up(true);
        let mut state = self.state.lock();
        let first = state.reached.replace(Instant::now()).is_none();
        let away = state.away.take();
        drop(state);
        // Doubts from before are answered.
        let _doubted = self.doubted.notified().now_or_never();
        match away {
            Some(away) => info!(
                seconds = away.since.elapsed().as_secs(),
                "the server is back"
            ),
            None if first => info!("the server was reached"),
            None => {}
        }
    }

    /// A session could not reach the server.
    pub(super) fn away(&self, why: String) {
        self.is_away(why, 0);
    }

    /// The server was asked whether it is there, and could not be reached.
    pub(super) fn asked_in_vain(&self, why: String) {
        self.is_away(why, 1);
    }

    fn is_away(&self, why: String, asked: u32) {
        metrics::relay_up(false);
        let mut state = self.state.lock();
        match &mut state.away {
            Some(away) => {
                away.failures = away.failures.saturating_add(asked);
                away.why = why;
            }
            None => {
                warn!(
                    why,
                    "the server is away: new clients are turned away until it is back"
                );
                state.away = Some(Away {
                    since: Instant::now(),
                    why,
                    failures: 0,
                });
            }
        }
        drop(state);
        self.doubted.notify_one();
    }

    /// Something went wrong that may be the server's fault, or that of the client concerned: it is to be asked.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Waits until it is time to ask the server.
    pub(super) async fn due(&self) {
        loop {
            let (pause, away) = {
                let state = self.state.lock();
                match (&state.away, state.reached) {
                    (Some(away), _) => (retry(away.failures), true),
                    (None, None) => return,
                    (None, Some(reached)) => (STEADY.saturating_sub(reached.elapsed()), false),
                }
            };
            if away {
                return tokio::time::sleep(pause).await;
            }
            let doubted = tokio::time::timeout(pause, self.doubted.notified())
                .await
                .is_ok();
            let state = self.state.lock();
            let fresh = state
                .reached
                .is_some_and(|reached| reached.elapsed() < STEADY);
            if state.away.is_none() && (doubted || !fresh) {
                return;
            }
        }
    }

    /// Why new clients are turned away, if they are.
    fn reason(&self) -> Option<String> {
        let state = self.state.lock();
        let away = state.away.as_ref()?;
        Some(format!("the server is away: {}", away.why))
    }

    /// What it is, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let state = self.state.lock();
        match (&state.away, state.reached) {
            (Some(away), _) => format!(
                "away for {} s: {}",
                away.since.elapsed().as_secs(),
                away.why
            ),
            (None, Some(_)) => "there".to_owned(),
            (None, None) => "not reached yet".to_owned(),
        }
    }
}

/// Anything up to twice as long as the last time, so that several edges do not ask together.
fn retry(failures: u32) -> Duration {
    let longest = f64::powi(2.0, failures.min(10).cast_signed()).min(RETRY.end);
    Duration::from_secs_f64(rand::rng().random_range(RETRY.start..=longest))
}

impl Readiness for Standing {
    fn health(&self) -> Result<(), &'static str> {
        let state = self.state.lock();
        match (&state.away, state.reached) {
            (_, None) => Err("the server was not reached yet"),
            (Some(away), _) if away.since.elapsed() > self.grace => {
                Err("the server has been away longer than HEALTH_MESH_GRACE")
            }
            _ => Ok(()),
        }
    }

    fn ready(&self) -> Result<(), Cow<'static, str>> {
        match self.reason() {
            Some(reason) => Err(reason.into()),
            None if self.state.lock().reached.is_none() => {
                Err("the server was not reached yet".into())
            }
            None => Ok(()),
        }
    }

    fn takes_clients(&self) -> bool {
        self.state.lock().away.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(600);

    // contract: relay/away
    #[tokio::test(start_paused = true)]
    async fn it_is_ready_once_reached_and_until_an_attempt_fails() {
        let standing = Standing::new(GRACE);
        let told = |standing: &Standing| {
            (
                standing.health().is_ok(),
                standing.ready().is_ok(),
                standing.takes_clients(),
            )
        };
        assert_eq!(told(&standing), (false, false, true));
        standing.away("no".into());
        assert_eq!(told(&standing), (false, false, false));
        standing.there();
        assert_eq!(told(&standing), (true, true, true));
        standing.away("gone".into());
        assert_eq!(standing.ready(), Err("the server is away: gone".into()));
        assert_eq!(told(&standing), (true, false, false));
        tokio::time::advance(GRACE + Duration::from_secs(1)).await;
        assert_eq!(told(&standing), (false, false, false));
        assert_eq!(standing.describe(), "away for 601 s: gone");
    }

    // contract: relay/away
    #[tokio::test(start_paused = true)]
    async fn one_that_is_away_is_asked_less_and_less_often() {
        let standing = Standing::new(GRACE);
        standing.due().await;
        let mut pauses = Vec::new();
        for _ in 0..200 {
            standing.asked_in_vain("no".into());
            let before = Instant::now();
            standing.due().await;
            pauses.push(before.elapsed());
        }
        let seconds =
            |from: f64, to: f64| Duration::from_secs_f64(from)..=Duration::from_secs_f64(to + 0.01);
        assert!(seconds(0.5, 1.0).contains(&pauses[0]), "{pauses:?}");
        assert!(
            pauses
                .iter()
                .all(|pause| seconds(0.5, 10.0).contains(pause)),
            "{pauses:?}"
        );
        assert!(
            pauses.iter().any(|pause| *pause > Duration::from_secs(8)),
            "{pauses:?}"
        );
        standing.there();
        let before = Instant::now();
        standing.due().await;
        assert!(before.elapsed() >= STEADY);
        standing.there();
        standing.doubt();
        let before = Instant::now();
        standing.due().await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    // contract: relay/away
    #[tokio::test(start_paused = true)]
    async fn however_many_sessions_fail_the_server_is_asked_soon() {
        let standing = Standing::new(GRACE);
        standing.there();
        for _ in 0..50 {
            standing.away("no".into());
        }
        let before = Instant::now();
        standing.due().await;
        // The timer's grain besides.
        assert!(before.elapsed() <= Duration::from_millis(1001));
        standing.asked_in_vain("gone".into());
        assert_eq!(standing.ready(), Err("the server is away: gone".into()));
    }
}
