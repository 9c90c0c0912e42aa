//! Which events a session has seen, by their sequence numbers: lost, repeated and out-of-order ones are told apart.
//!
//! One lane a key (a room, a user); the promise is order within a key. A gap is counted as missing until the event
//! arrives after all (then it was out of order) or the load ends (then it was lost).

/// What one mark meant to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The next one, as promised.
    InOrder,
    /// One or more before it have not arrived yet.
    Ahead,
    /// It was overtaken by a later one.
    OutOfOrder,
    /// It had arrived before.
    Repeated,
    /// The session never subscribed to its key.
    Foreign,
}

#[derive(Debug, Clone, Copy)]
struct Lane {
    key: u32,
    next: u32,
}

/// One session's account.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Sorted by key.
    lanes: Vec<Lane>,
    /// (key, sequence) of those that were skipped and have not come yet.
    missing: Vec<(u32, u32)>,
    /// Those that were skipped and not remembered, and have not come yet.
    unnamed: u64,
}

/// More missing ones than this are not remembered one by one, and only counted.
const REMEMBERED: usize = 4096;

impl Account {
    /// Of a session that listens to `keys`.
    pub(crate) fn new(keys: impl IntoIterator<Item = u32>) -> Self {
        let mut lanes: Vec<Lane> = keys.into_iter().map(|key| Lane { key, next: 0 }).collect();
        lanes.sort_unstable_by_key(|lane| lane.key);
        lanes.dedup_by_key(|lane| lane.key);
        Self {
            lanes,
            missing: Vec::new(),
            unnamed: 0,
        }
    }

    /// Starts anew for another load.
    pub(crate) fn restart(&mut self) {
        self.missing.clear();
        self.unnamed = 0;
        self.lanes.iter_mut().for_each(|lane| lane.next = 0);
    }

    /// An event arrived.
    #[inline]
    pub(crate) fn see(&mut self, key: u32, sequence: u32) -> Seen {
        let Some(lane) = lane(&mut self.lanes, key) else {
            return Seen::Foreign;
        };
        if sequence == lane.next {
            lane.next += 1;
            return Seen::InOrder;
        }
        if sequence > lane.next {
            let room = REMEMBERED.saturating_sub(self.missing.len());
            self.missing.extend(
                (lane.next..sequence)
                    .take(room)
                    .map(|skipped| (key, skipped)),
            );
            self.unnamed += u64::from(sequence - lane.next).saturating_sub(room as u64);
            lane.next = sequence + 1;
            return Seen::Ahead;
        }
        match self
            .missing
            .iter()
            .position(|&skipped| skipped == (key, sequence))
        {
            Some(at) => {
                self.missing.swap_remove(at);
                Seen::OutOfOrder
            }
            // It may as well be one that came before: that is no less a fault.
            None if self.unnamed > 0 => {
                self.unnamed -= 1;
                Seen::OutOfOrder
            }
            None => Seen::Repeated,
        }
    }

    /// How many more never came, which nobody can name.
    pub(crate) fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// Those that never came and have a name, `sent[key]` being the number of events of each key: (key, sequence).
    pub(crate) fn lost(&self, sent: &[u32]) -> Vec<(u32, u32)> {
        let mut lost = self.missing.clone();
        for lane in &self.lanes {
            lost.extend((lane.next..count(sent, lane.key)).map(|sequence| (lane.key, sequence)));
        }
        lost.sort_unstable();
        lost
    }
}

fn count(sent: &[u32], key: u32) -> u32 {
    sent.get(key as usize).copied().unwrap_or_default()
}

#[inline]
fn lane(lanes: &mut [Lane], key: u32) -> Option<&mut Lane> {
    if let [only] = lanes {
        return (only.key == key).then_some(only);
    }
    let at = lanes.binary_search_by_key(&key, |lane| lane.key).ok()?;
    lanes.get_mut(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_is_nothing_special() {
        let mut account = Account::new([3]);
        assert!((0..5).all(|sequence| account.see(3, sequence) == Seen::InOrder));
        assert_eq!(account.lost(&[0, 0, 0, 5]), []);
    }

    #[test]
    fn a_gap_is_lost_unless_it_comes_later() {
        let mut account = Account::new([0]);
        let seen: Vec<Seen> = [0, 3, 1, 4]
            .into_iter()
            .map(|s| account.see(0, s))
            .collect();
        assert_eq!(
            seen,
            [Seen::InOrder, Seen::Ahead, Seen::OutOfOrder, Seen::InOrder]
        );
        assert_eq!(account.lost(&[5]), [(0, 2)]);
    }

    #[test]
    fn what_comes_twice_is_repeated_even_when_it_came_late() {
        let mut account = Account::new([0]);
        let seen: Vec<Seen> = [0, 0, 2, 1, 1]
            .into_iter()
            .map(|s| account.see(0, s))
            .collect();
        assert_eq!(
            seen,
            [
                Seen::InOrder,
                Seen::Repeated,
                Seen::Ahead,
                Seen::OutOfOrder,
                Seen::Repeated
            ]
        );
    }

    #[test]
    fn the_end_that_never_came_is_lost() {
        let mut account = Account::new([1, 0, 1]);
        assert_eq!(account.see(1, 0), Seen::InOrder);
        assert_eq!(account.lost(&[1, 3]), [(0, 0), (1, 1), (1, 2)]);
    }

    #[test]
    fn what_is_too_much_to_remember_is_lost_all_the_same() {
        let skipped = REMEMBERED as u32 + 10;
        let mut account = Account::new([0]);
        assert_eq!(account.see(0, skipped), Seen::Ahead);
        let lost = |account: &Account| (account.lost(&[skipped + 1]).len(), account.unnamed());
        assert_eq!(lost(&account), (REMEMBERED, 10));
        assert_eq!(account.see(0, skipped - 1), Seen::OutOfOrder);
        assert_eq!(lost(&account), (REMEMBERED, 9));
        account.restart();
        assert_eq!(account.unnamed(), 0);
    }

    #[test]
    fn keys_have_their_own_order_and_others_are_foreign() {
        let mut account = Account::new([5, 2]);
        assert_eq!(account.see(5, 0), Seen::InOrder);
        assert_eq!(account.see(2, 0), Seen::InOrder);
        assert_eq!(account.see(4, 0), Seen::Foreign);
        account.restart();
        assert_eq!(account.see(5, 0), Seen::InOrder);
    }
}
