//! Tables that give memory back: a hash table keeps the size that it had when most was in it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// Tables smaller than this stay as they are.
const SMALL: usize = 256;

/// After something was taken out: gives the table's memory back once three quarters of it are empty. Rare enough to cost
/// nothing, since as much must go again before the next time.
pub(in crate::streams) fn give_back<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    if table.capacity() > SMALL && table.len() < table.capacity() / 4 {
        table.shrink_to(table.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_follows_what_is_in_it() {
        let mut table: HashMap<u32, u32> = (0..10_000).map(|n| (n, n)).collect();
        for n in 0..9_900 {
            table.remove(&n);
            give_back(&mut table);
            assert!(table.capacity() <= SMALL || table.len() >= table.capacity() / 4);
        }
        assert_eq!(table.len(), 100);
        assert!((9_900..10_000).all(|n| table[&n] == n));
    }
}
