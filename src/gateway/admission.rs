//! How many clients come in (`MAX_CONCURRENT_CONNECTIONS`), and how many from one address (`DDP_MAX_CONNECTIONS_PER_IP`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::telemetry::limit::Limited;

/// A refusal is logged at most once in this time.
const REFUSAL_EVERY: Duration = Duration::from_secs(3);
/// Coming near the limit is logged at most once in this time.
const NEAR_EVERY: Duration = Duration::from_secs(60);
/// At so many percent of the limit its name is logged.
const NEAR_PERCENT: usize = 80;

/// Counts the clients that are in.
#[derive(Debug)]
pub(super) struct Admission {
    limit: usize,
    inside: AtomicUsize,
    refused: Limited,
    near: Limited,
    addresses: Option<Addresses>,
}

/// The clients of each address.
#[derive(Debug)]
struct Addresses {
    limit: usize,
    inside: DashMap<Box<str>, usize>,
    refused: Limited,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// All are taken.
    House,
    /// This address has as many as it may.
    Address,
}

/// One client's place; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    /// Where it is counted besides.
    address: Option<Box<str>>,
}

impl Admission {
    /// `of_address` is the limit for each address, where there is one.
    pub(super) fn new(limit: usize, of_address: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            inside: AtomicUsize::new(0),
            refused: Limited::every(REFUSAL_EVERY),
            near: Limited::every(NEAR_EVERY),
            addresses: of_address.map(|limit| Addresses {
                limit,
                inside: DashMap::new(),
                refused: Limited::every(REFUSAL_EVERY),
            }),
        })
    }

    /// Whether it matters where a client comes from.
    pub(super) fn counts_addresses(&self) -> bool {
        self.addresses.is_some()
    }

    /// A place, unless all are taken. A client without an address is counted by none.
    pub(super) fn admit(self: &Arc<Self>, address: Option<Box<str>>) -> Result<Permit, NoPlace> {
        self.take_place()?;
        // Gives the place back where the address has too many.
        let mut permit = Permit {
            admission: self.clone(),
            address: None,
        };
        if let (Some(addresses), Some(address)) = (&self.addresses, address) {
            permit.address = Some(addresses.enter(address)?);
        }
        Ok(permit)
    }

    fn take_place(&self) -> Result<(), NoPlace> {
        let (order, limit) = (Ordering::Relaxed, self.limit);
        let more = |inside: usize| (inside < limit).then_some(inside + 1);
        let Ok(before) = self.inside.fetch_update(order, order, more) else {
            self.refused.log(|left_out| {
                tracing::warn!(
                    limit,
                    left_out,
                    "MAX_CONCURRENT_CONNECTIONS is reached: clients are refused with 503"
                );
            });
            return Err(NoPlace::House);
        };
        if before + 1 == (limit * NEAR_PERCENT).div_ceil(100) {
            self.near.log(|left_out| {
                tracing::warn!(
                    limit,
                    inside = before + 1,
                    left_out,
                    "{NEAR_PERCENT} % of MAX_CONCURRENT_CONNECTIONS are taken"
                );
            });
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.inside() >= self.limit
    }

    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }
}

impl Addresses {
    fn enter(&self, address: Box<str>) -> Result<Box<str>, NoPlace> {
        let mut inside = self.inside.entry(address.clone()).or_default();
        if *inside < self.limit {
            *inside += 1;
            return Ok(address);
        }
        drop(inside);
        self.refused.log(|left_out| {
            tracing::warn!(
                %address,
                limit = self.limit,
                left_out,
                "DDP_MAX_CONNECTIONS_PER_IP is reached: clients of an address are refused with 429"
            );
        });
        Err(NoPlace::Address)
    }

    fn leave(&self, address: &str) {
        if let Entry::Occupied(mut entry) = self.inside.entry(address.into()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let (Some(addresses), Some(address)) = (&self.admission.addresses, &self.address) {
            addresses.leave(address);
        }
        self.admission.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let admission = Admission::new(2, None);
        let first = admission.admit(None).unwrap();
        let _second = admission.admit(None).unwrap();
        assert!(admission.is_full());
        assert_eq!(admission.admit(None).unwrap_err(), NoPlace::House);
        drop(first);
        assert_eq!(admission.inside(), 1);
        assert!(admission.admit(None).is_ok());
    }

    // contract: configuration/variable/DDP_MAX_CONNECTIONS_PER_IP
    #[test]
    fn each_address_has_its_own_places() {
        let admission = Admission::new(4, Some(1));
        let from = |address: &str| admission.admit(Some(address.into()));
        let first = from("192.0.2.1").unwrap();
        assert_eq!(from("192.0.2.1").unwrap_err(), NoPlace::Address);
        let _other = from("192.0.2.2").unwrap();
        assert_eq!(admission.inside(), 2, "who is refused takes no place");
        let _unknown = [admission.admit(None), admission.admit(None)].map(Result::unwrap);
        assert_eq!(from("192.0.2.3").unwrap_err(), NoPlace::House);
        drop(first);
        assert!(from("192.0.2.1").is_ok());
        let listed = &admission.addresses.as_ref().unwrap().inside;
        assert_eq!(listed.len(), 1, "those that are gone are forgotten");
    }
}
