//! `DDP_RATE_LIMIT=settings`: how often methods and subscriptions may be asked for, as the workspace's settings
//! `DDP_Rate_Limit_<limit>_{Enabled,Requests_Allowed,Interval_Time}` say. In microservices nothing else reads them.
//!
//! So many requests at once, and as many again spread over each interval (GCRA, by `governor`): where the monolith lets a
//! client go on at the end of its interval, this lets it go on request by request, and `timeToReset` is the time until
//! the next one.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use foldhash::{fast, quality};
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::IpNet;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::client::Client;
use crate::ddp::{Code, DdpError};
use crate::ejson;
use crate::store::{Settings, StoreError};
use crate::telemetry::limit::Limited;
use crate::telemetry::metrics;

/// How often it is seen whether a setting has changed, and how often a database that gave no answer is asked again.
const LOOK: Duration = Duration::from_secs(1);
/// How often what is known of clients that are silent again is forgotten.
const FORGET: Duration = Duration::from_secs(60);
/// What stands before the name of a stream.
const STREAM: &str = "stream-";
/// The names of streams are counted over so many times the interval, and may be asked for so many times as often: a
/// client that opens asks for all of them at once.
const STREAMS: NonZero<u32> = NonZero::new(4).unwrap();

/// Settings that cannot be read are told of at most so often.
static UNREAD: Limited = Limited::every(Duration::from_secs(60));

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum What {
    Method,
    Subscription,
}

/// What requests are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Address,
    User,
    Session,
}

/// A limit as the settings name it: its name, what it counts by, and whether each name is counted for itself.
struct Limit {
    name: &'static str,
    by: By,
    each_name: bool,
}

/// How many limits there are. `LIMITS.len()` does not compile optimised: `findings/rustc-optimised-cycle.sh`.
const COUNT: usize = 5;

const LIMITS: &[Limit; COUNT] = &[
    limit("IP", By::Address, false),
    limit("User", By::User, false),
    limit("Connection", By::Session, false),
    limit("User_By_Method", By::User, true),
    limit("Connection_By_Method", By::Session, true),
];

const fn limit(name: &'static str, by: By, each_name: bool) -> Limit {
    Limit {
        name,
        by,
        each_name,
    }
}

/// So many requests in so long; `None` when a limit is off.
type Values = [Option<(NonZero<u32>, Duration)>; COUNT];

/// tokio's time, which tests can hold: read once a request, and not by each of the limits that count it.
#[derive(Debug, Clone)]
struct Ticks {
    began: Instant,
    /// Nanoseconds since then, when it was last read.
    read: Arc<AtomicU64>,
}

impl Ticks {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            read: Arc::default(),
        }
    }

    fn read(&self) {
        let now = Nanos::from(self.began.elapsed());
        self.read.fetch_max(now.as_u64(), Ordering::Relaxed);
    }
}

impl Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.read.load(Ordering::Relaxed))
    }
}

/// Keys are hashes: what a client chooses takes no room.
type Limiter =
    RateLimiter<u64, DashMapStateStore<u64, fast::RandomState>, Ticks, NoOpMiddleware<Nanos>>;

struct Rule {
    limit: &'static Limit,
    plain: Limiter,
    /// Of the names of streams, where each name is counted for itself.
    streams: Option<Limiter>,
}

/// The limits that hold now.
#[derive(Default)]
struct Rules {
    values: Values,
    all: Vec<Rule>,
}

/// What is left out, and what holds for the rest.
pub(in super::super) struct RateLimits {
    settings: Settings,
    exempt: Vec<IpNet>,
    rules: ArcSwap<Rules>,
    /// The state of the settings that was read last.
    seen: AtomicU64,
    clock: Ticks,
    hasher: quality::RandomState,
}

impl RateLimits {
    /// None yet: [`RateLimits::follow`] reads them.
    pub(in super::super) fn new(settings: Settings, exempt: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            exempt,
            rules: ArcSwap::default(),
            seen: AtomicU64::new(u64::MAX),
            clock: Ticks::new(),
            hasher: quality::RandomState::default(),
        })
    }

    /// With all limits on, of the same values.
    #[cfg(feature = "internals")]
    pub(in super::super) fn all(requests: NonZero<u32>, interval: Duration) -> Arc<Self> {
        let limits = Self::new(Settings::new(crate::store::Store::memory()), Vec::new());
        limits.take([Some((requests, interval)); COUNT]);
        limits
    }

    /// Reads the settings, and again whenever one has changed.
    pub(in super::super) async fn follow(&self) {
        let mut forgot = Instant::now();
        loop {
            let changes = self.settings.changes();
            if self.seen.load(Ordering::Relaxed) != changes {
                match read(&self.settings).await {
                    Ok(values) => {
                        self.seen.store(changes, Ordering::Relaxed);
                        self.take(values);
                    }
                    Err(error) => {
                        UNREAD.log(|left_out| warn!(%error, left_out, "the settings of rate limits were not read"));
                    }
                }
            }
            if forgot.elapsed() >= FORGET {
                forgot = Instant::now();
                self.clock.read();
                self.rules.load().forget();
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn take(&self, values: Values) {
        if self.rules.load().values == values {
            return;
        }
        let named = LIMITS.iter().zip(values);
        let named = named.filter_map(|(limit, value)| {
            let (requests, interval) = value?;
            Some(format!("{} {requests} in {interval:?}", limit.name))
        });
        let limits = named.collect::<Vec<_>>().join(", ");
        info!(
            limits,
            "DDP_RATE_LIMIT: what the workspace's settings say holds"
        );
        self.rules.store(Arc::new(Rules::new(values, &self.clock)));
    }

    /// Counts a request. `known` is its name where the service knows it.
    ///
    /// # Errors
    /// It is one too many, by any of the limits.
    pub(in super::super) fn check(
        &self,
        what: What,
        name: &str,
        known: Option<&str>,
        client: &Client,
    ) -> Result<(), DdpError> {
        let rules = self.rules.load();
        if rules.all.is_empty() || self.is_exempt(client.address()) {
            return Ok(());
        }
        self.clock.read();
        let user = client.user();
        let mut longest = None;
        for rule in &rules.all {
            let limit = rule.limit;
            let whose = match limit.by {
                By::Address => client.address(),
                By::User => user.as_ref().map(|user| user.as_str()),
                By::Session => Some(client.id().as_str()),
            };
            let Some(whose) = whose else { continue };
            // What is refused already makes no further keys, of which there are as many as names.
            if limit.each_name && longest.is_some() {
                continue;
            }
            let of_stream = rule.streams.as_ref().filter(|_| name.starts_with(STREAM));
            let counted = if limit.each_name { name } else { "" };
            let key = self.hasher.hash_one((whose, counted));
            if let Err(until) = of_stream.unwrap_or(&rule.plain).check_key(&key) {
                metrics::rate_limit_exceeded(limit.name, what == What::Method, known);
                longest = longest.max(Some(until.wait_time_from(self.clock.now())));
            }
        }
        longest.map_or(Ok(()), |wait| Err(too_many_requests(wait)))
    }

    fn is_exempt(&self, address: Option<&str>) -> bool {
        let address = address.and_then(|address| address.parse::<IpAddr>().ok());
        address.is_some_and(|address| {
            let address = address.to_canonical();
            address.is_loopback() || self.exempt.iter().any(|network| network.contains(&address))
        })
    }
}

impl Rules {
    fn new(values: Values, clock: &Ticks) -> Self {
        let limiter = |requests: NonZero<u32>, interval: Duration| {
            let quota = Quota::with_period(interval / requests.get())?;
            let quota = quota.allow_burst(requests);
            let hasher = fast::RandomState::default();
            Some(RateLimiter::dashmap_with_clock_and_hasher(
                quota,
                clock.clone(),
                hasher,
            ))
        };
        let all = LIMITS.iter().zip(values).filter_map(|(limit, value)| {
            let (requests, interval) = value?;
            let more = || limiter(requests.saturating_mul(STREAMS), interval * STREAMS.get());
            Some(Rule {
                limit,
                plain: limiter(requests, interval)?,
                streams: limit.each_name.then(more).flatten(),
            })
        });
        Self {
            values,
            all: all.collect(),
        }
    }

    fn forget(&self) {
        for rule in &self.all {
            for limiter in [Some(&rule.plain), rule.streams.as_ref()]
                .into_iter()
                .flatten()
            {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
    }
}

/// A limit that lacks a value, or has one that is no number above zero, is off.
async fn read(settings: &Settings) -> Result<Values, StoreError> {
    let mut values = Values::default();
    for (limit, value) in LIMITS.iter().zip(&mut values) {
        let id = |what: &str| format!("DDP_Rate_Limit_{}_{what}", limit.name);
        if !settings.is_true(&id("Enabled")).await? {
            continue;
        }
        let number = async |what: &str| {
            let value = settings.get(&id(what)).await?;
            let number = value.and_then(|value| value.get().parse::<f64>().ok());
            let number = number.filter(|number| *number >= 1.0);
            Ok::<_, StoreError>(number.map(|number| number as u32))
        };
        let requests = number("Requests_Allowed").await?.and_then(NonZero::new);
        let interval = number("Interval_Time").await?;
        *value = requests.zip(interval.map(|ms| Duration::from_millis(ms.into())));
    }
    Ok(values)
}

/// As Meteor's clients know it.
fn too_many_requests(wait: Duration) -> DdpError {
    let seconds = wait.as_secs_f64().ceil();
    let ms = wait.as_millis().max(1);
    DdpError {
        code: Code::Text("too-many-requests".to_owned()),
        reason: Some(format!(
            "Error, too many requests. Please slow down. You must wait {seconds} seconds before trying again."
        )),
        details: ejson::raw(format!(r#"{{"timeToReset":{ms}}}"#)).ok(),
        is_client_safe: true,
    }
}
