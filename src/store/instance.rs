//! This process in the `instances` collection: registered, touched, told how many sockets it has, removed on a clean stop.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::backend::{Backend, Store};
use super::error::StoreError;
use crate::config::StoreConfig;
use crate::telemetry::limit::Limited;

/// The number of open sockets is told at most so often.
const CONNS_INTERVAL: Duration = Duration::from_secs(30);
/// How soon a registration that failed is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// How long a clean stop waits for the document's removal; it expires by itself otherwise.
const REMOVAL: Duration = Duration::from_secs(1);

/// A database that is away is told of at most so often.
static FAILURES: Limited = Limited::every(Duration::from_secs(60));

/// This process's document.
#[derive(Debug, Clone)]
pub struct Instance {
    store: Store,
    id: String,
    ping_interval: Duration,
    expire: Duration,
}

/// How far [`Instance::run`] has come.
#[derive(Debug, Default)]
struct Progress {
    registered: bool,
    indexed: bool,
    told_conns: u64,
}

impl Instance {
    /// A fresh id; nothing is written before [`Instance::run`].
    pub fn new(store: Store, config: &StoreConfig) -> Self {
        Self {
            store,
            id: Uuid::new_v4().to_string(),
            ping_interval: config.ping_interval,
            expire: config.expire,
        }
    }

    /// The document's `_id`: the `instanceId` of connections.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Keeps the document until `stop`, then removes it. `conns` tells the open sockets. A database that is away is tried for ever.
    pub async fn run(self, conns: impl Fn() -> u64 + Send, stop: CancellationToken) {
        let mut progress = Progress::default();
        let keep = async {
            let mut touches = ticks(self.ping_interval, self.ping_interval);
            let mut tellings = ticks(CONNS_INTERVAL, CONNS_INTERVAL);
            let mut retries = ticks(Duration::ZERO, RETRY);
            loop {
                let step = tokio::select! {
                    _ = retries.tick(), if !progress.registered => self.register(&mut progress, conns()).await,
                    _ = touches.tick(), if progress.registered => self.touch(&mut progress, conns()).await,
                    _ = tellings.tick(), if progress.registered => self.tell(&mut progress, conns()).await,
                };
                if let Err(error) = step {
                    FAILURES.log(|left_out| debug!(%error, left_out, "the instances document could not be written"));
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = keep => {}
        }
        match timeout(REMOVAL, self.remove()).await {
            Ok(Ok(())) => debug!("the instances document is removed"),
            Ok(Err(error)) => debug!(%error, "the instances document stays until it expires"),
            Err(_) => debug!("the instances document stays until it expires: no answer"),
        }
    }

    async fn register(&self, progress: &mut Progress, conns: u64) -> Result<(), StoreError> {
        match &self.store.0 {
            Backend::Mongo(mongo) => {
                mongo
                    .register_instance(&self.id, std::process::id(), conns)
                    .await?
            }
            Backend::Memory(memory) => memory.put_instance(&self.id, conns),
        }
        progress.registered = true;
        progress.told_conns = conns;
        if !progress.indexed {
            progress.indexed = self.expire().await;
        }
        Ok(())
    }

    /// `true` once the server has answered, whatever it said: another expiry, or no such indexes, is left as it is.
    async fn expire(&self) -> bool {
        let Backend::Mongo(mongo) = &self.store.0 else {
            return true;
        };
        match mongo.expire_instances(self.expire).await {
            Ok(()) => true,
            Err(error) if error.is_away() => false,
            Err(error) => {
                warn!(%error, "the instances collection keeps its own expiry");
                true
            }
        }
    }

    async fn touch(&self, progress: &mut Progress, conns: u64) -> Result<(), StoreError> {
        let known = match &self.store.0 {
            Backend::Mongo(mongo) => mongo.touch_instance(&self.id).await?,
            Backend::Memory(memory) => memory.has_instance(&self.id),
        };
        self.again_unless(known, progress, conns).await
    }

    async fn tell(&self, progress: &mut Progress, conns: u64) -> Result<(), StoreError> {
        if conns == progress.told_conns {
            return Ok(());
        }
        let known = match &self.store.0 {
            Backend::Mongo(mongo) => mongo.set_instance_conns(&self.id, conns).await?,
            Backend::Memory(memory) => memory.set_instance_conns(&self.id, conns),
        };
        progress.told_conns = conns;
        self.again_unless(known, progress, conns).await
    }

    /// A document that was expired or deleted is written anew.
    async fn again_unless(
        &self,
        known: bool,
        progress: &mut Progress,
        conns: u64,
    ) -> Result<(), StoreError> {
        if known {
            if !progress.indexed {
                progress.indexed = self.expire().await;
            }
            return Ok(());
        }
        info!("the instances document was gone and is registered again");
        progress.registered = false;
        self.register(progress, conns).await
    }

    async fn remove(&self) -> Result<(), StoreError> {
        match &self.store.0 {
            Backend::Mongo(mongo) => mongo.remove_instance(&self.id).await,
            Backend::Memory(memory) => {
                memory.remove_instance(&self.id);
                Ok(())
            }
        }
    }
}

/// Ticks that never pile up.
fn ticks(first: Duration, every: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + first, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::config::Secret;

    // contract: database/instances
    #[tokio::test(start_paused = true)]
    async fn registered_told_registered_again_and_removed() {
        let store = Store::memory();
        let memory = store.as_memory().unwrap();
        let config = StoreConfig {
            url: Secret::default(),
            ping_interval: Duration::from_secs(10),
            expire: Duration::from_secs(60),
        };
        let instance = Instance::new(store.clone(), &config);
        let id = instance.id().to_owned();
        let (stop, tracker, conns) = (
            CancellationToken::new(),
            TaskTracker::new(),
            Arc::new(AtomicU64::new(1)),
        );
        let counted = conns.clone();
        tracker.spawn(instance.run(move || counted.load(Ordering::Relaxed), stop.clone()));

        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(memory.instance_conns(&id), Some(1));
        conns.store(7, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(25)).await;
        assert_eq!(memory.instance_conns(&id), Some(1), "at most every 30 s");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(memory.instance_conns(&id), Some(7));

        memory.remove_instance(&id);
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(
            memory.instance_conns(&id),
            Some(7),
            "a touch that matches nothing registers again"
        );

        stop.cancel();
        tracker.close();
        tracker.wait().await;
        assert_eq!(memory.instance_conns(&id), None);
    }
}
