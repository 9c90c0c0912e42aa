//! `DDP_LOGIN_RATE`: an address from which too many logins fail waits before the next one.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::LoginRateConfig;

/// The first wait; each that follows is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(60);
/// So many failures beyond those that are free make the longest wait: more of them change nothing.
const BEYOND: usize = 6;
/// Addresses that are remembered before those that may be forgotten are.
const SWEEP: usize = 10_000;
/// Addresses that are remembered at most.
const MOST: usize = 100_000;

/// Failed logins of each address.
#[derive(Debug)]
pub(in super::super) struct LoginRate {
    config: LoginRateConfig,
    addresses: Mutex<Addresses>,
}

#[derive(Debug, Default)]
struct Addresses {
    /// When logins failed, the newest last.
    failed: HashMap<Box<str>, VecDeque<Instant>>,
    /// So many there may be before some are forgotten.
    room: usize,
}

impl LoginRate {
    pub(in super::super) fn new(config: LoginRateConfig) -> Self {
        let addresses = Addresses {
            room: SWEEP,
            ..Addresses::default()
        };
        Self {
            config,
            addresses: addresses.into(),
        }
    }

    /// How long the next login from an address has to wait.
    pub(in super::super) fn wait(&self, address: &str) -> Duration {
        let LoginRateConfig { failures, within } = self.config;
        let mut addresses = self.addresses.lock();
        let Some(failed) = addresses.failed.get_mut(address) else {
            return Duration::ZERO;
        };
        forget_old(failed, Instant::now(), within);
        let beyond = failed.len().checked_sub(failures);
        beyond.map_or(Duration::ZERO, |beyond| {
            let times = u32::try_from(beyond).unwrap_or(u32::MAX);
            let wait = FIRST.saturating_mul(2_u32.saturating_pow(times));
            wait.min(LONGEST)
        })
    }

    /// Counts a login from an address that failed.
    pub(in super::super) fn failed(&self, address: &str) {
        let now = Instant::now();
        let LoginRateConfig { failures, within } = self.config;
        let mut addresses = self.addresses.lock();
        addresses.make_room(now, within);
        let failed = addresses.failed.entry(address.into()).or_default();
        forget_old(failed, now, within);
        if failed.len() >= failures + BEYOND {
            failed.pop_front();
        }
        failed.push_back(now);
    }
}

fn forget_old(failed: &mut VecDeque<Instant>, now: Instant, within: Duration) {
    let old = |at: &Instant| now.saturating_duration_since(*at) >= within;
    while failed.front().is_some_and(old) {
        failed.pop_front();
    }
}

impl Addresses {
    /// Whoever comes from more addresses than these is not kept waiting by this.
    fn make_room(&mut self, now: Instant, within: Duration) {
        if self.failed.len() < self.room {
            return;
        }
        let recent = |at: &Instant| now.saturating_duration_since(*at) < within;
        self.failed
            .retain(|_, failed| failed.back().is_some_and(recent));
        if self.failed.len() >= MOST {
            self.failed.clear();
        }
        self.room = (self.failed.len() * 2).clamp(SWEEP, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(failures: usize, seconds: u64) -> LoginRate {
        LoginRate::new(LoginRateConfig {
            failures,
            within: Duration::from_secs(seconds),
        })
    }

    /// How long each of so many logins that fail has waited.
    fn waits(rate: &LoginRate, address: &str, times: usize) -> Vec<u64> {
        let login = |_| {
            let wait = rate.wait(address).as_secs();
            rate.failed(address);
            wait
        };
        (0..times).map(login).collect()
    }

    // contract: configuration/variable/DDP_LOGIN_RATE
    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_a_minute_and_end_with_the_time() {
        let rate = rate(3, 600);
        let expected = [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60];
        assert_eq!(waits(&rate, "192.0.2.1", 14), expected);
        assert_eq!(waits(&rate, "192.0.2.2", 3), [0, 0, 0], "another address");
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(waits(&rate, "192.0.2.1", 2), [0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_take_no_more_room_than_they_may() {
        let rate = rate(1, 60);
        for address in 0..2 * MOST + 10 {
            rate.failed(&address.to_string());
        }
        assert!(rate.addresses.lock().failed.len() <= MOST);
        tokio::time::advance(Duration::from_secs(60)).await;
        for address in 0..=MOST {
            rate.failed(&format!("new-{address}"));
        }
        assert!(rate.addresses.lock().failed.len() <= MOST);
        assert_eq!(rate.wait("new"), Duration::ZERO);
    }
}
