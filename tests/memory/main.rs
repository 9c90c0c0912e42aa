//! What one byte that comes can cost: every kind of input in the worst form that we know, at several sizes up to its limit,
//! through the door and over the mesh of a service in this process. The most that was allocated meanwhile, and what stays
//! of it, are held to a table ([`bounds`]), which is docs/reliability.md's as well.
//!
//! A process of its own: its allocator counts. `cargo test --test memory -- --nocapture` prints what was measured.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests"
)]

mod bounds;
mod client;
mod count;
mod from_clients;
mod from_nodes;
mod house;

use bounds::Bound;
use count::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What every measurement may cost besides, whatever its size: a table that grows, a metric's first label.
const SLACK: usize = 32 * 1024;

/// The most that inputs of one kind cost, in bytes a byte.
#[derive(Debug, Default)]
struct Cost {
    kind: &'static str,
    peak: f64,
    stays: f64,
}

impl Cost {
    fn of(kind: &'static str) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// So many bytes came, and this is what that cost.
    fn add(&mut self, bytes: usize, peak: usize, stays: usize) {
        let each = |cost: usize| cost.saturating_sub(SLACK) as f64 / bytes as f64;
        self.peak = self.peak.max(each(peak));
        self.stays = self.stays.max(each(stays));
    }
}

#[test]
fn what_one_byte_costs() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut costs = runtime.block_on(from_clients::measure());
    costs.extend(runtime.block_on(from_nodes::measure()));
    let mut wrong = Vec::new();
    costs.sort_by_key(|cost| bounds::ALL.iter().position(|bound| bound.kind == cost.kind));
    println!("{:58} {:>12} {:>12}", "kind of input", "at most", "stays");
    for cost in &costs {
        let bound = Bound::of(cost.kind);
        println!(
            "{:58} {:5.1} of {:3} {:5.1} of {:3}",
            cost.kind, cost.peak, bound.peak, cost.stays, bound.stays
        );
        // A tenth of a byte is the noise of other tasks.
        let above = |cost: f64, bound: u32| cost > f64::from(bound) + 0.1;
        if above(cost.peak, bound.peak) || above(cost.stays, bound.stays) {
            wrong.push(cost);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let measured: Vec<_> = costs.iter().map(|cost| cost.kind).collect();
    let listed: Vec<_> = bounds::ALL.iter().map(|bound| bound.kind).collect();
    assert_eq!(measured, listed, "the table has a row for each");
}

#[test]
fn the_page_has_the_table() {
    let page = include_str!("../../docs/reliability.md");
    for bound in bounds::ALL {
        let row = format!("| {} | {} | {} |", bound.kind, bound.peak, bound.stays);
        assert!(page.contains(&row), "docs/reliability.md lacks {row}");
    }
    let told = format!("| {} kinds |", bounds::ALL.len());
    assert!(page.contains(&told), "docs/reliability.md lacks {told}");
}
