//! Events come once for each node, or each group, that they are for; whoever listens to all of it hears them as often.
//!
//! Each of these ways is a lane, and an event takes each of its lanes once: what is heard for the n-th time on some lane is the n-th of its kind, whichever lane that
//! is. So no node has to be chosen whose copies count, which may listen to other events than the rest, or be gone without a word.

use std::collections::VecDeque;
use std::time::Duration;

use foldhash::HashMap;
use tokio::time::Instant;

/// The copies of an event leave their sender in one stretch.
const WINDOW: Duration = Duration::from_secs(5);
/// Of this many different events at most copies are known: what a workspace has in the window when it says 13,000 a second.
const MOST: usize = 64 * 1024;

/// See the module.
#[derive(Default)]
pub(super) struct Copies {
    known: HashMap<u64, Known>,
    /// When each was first heard.
    order: VecDeque<(Instant, u64)>,
}

#[derive(Default)]
struct Known {
    lanes: Vec<(u64, u32)>,
    most: u32,
}

impl Copies {
    /// Whether this one is heard for the first time. Both are hashes: of all that tells it from other events, and of the way it took.
    pub(super) fn is_first(&mut self, event: u64, lane: u64) -> bool {
        let now = Instant::now();
        while let Some((heard, oldest)) = self.order.front().copied() {
            if now - heard < WINDOW && self.order.len() <= MOST {
                break;
            }
            self.order.pop_front();
            self.known.remove(&oldest);
        }
        let order = &mut self.order;
        let known = self.known.entry(event).or_insert_with(|| {
            order.push_back((now, event));
            Known::default()
        });
        let at = match known.lanes.iter().position(|(other, _)| *other == lane) {
            Some(at) => at,
            None => {
                known.lanes.push((lane, 0));
                known.lanes.len() - 1
            }
        };
        let (_, times) = &mut known.lanes[at];
        *times += 1;
        let first = *times > known.most;
        known.most = known.most.max(*times);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_nth_on_any_lane_is_the_nth_of_all() {
        let mut copies = Copies::default();
        // One to three nodes, the same again to two of them, the third comes late.
        let heard = [1, 2, 3, 1, 2, 3].map(|lane| copies.is_first(7, lane));
        assert_eq!(heard, [true, false, false, true, false, false]);
        // Two in a row on one lane, then on the other.
        let heard = [1, 1, 2, 2].map(|lane| copies.is_first(8, lane));
        assert_eq!(heard, [true, true, false, false]);
        // A lane that ends, and one that goes on.
        let heard = [1, 2, 2].map(|lane| copies.is_first(9, lane));
        assert_eq!(heard, [true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_long_ago_is_forgotten() {
        let mut copies = Copies::default();
        assert!(copies.is_first(1, 1));
        assert!(!copies.is_first(1, 2));
        tokio::time::advance(WINDOW).await;
        assert!(copies.is_first(1, 3));
        for event in 2..=(MOST as u64 + 10) {
            copies.is_first(event, 1);
        }
        assert!(copies.known.len() <= MOST + 1 && copies.order.len() <= MOST + 1);
    }
}
