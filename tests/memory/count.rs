//! An allocator that counts: what is held, and the most that was.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// See the module. What grows is a new block while the old one is still there: no allocator promises better.
pub struct Counting;

#[allow(
    unsafe_code,
    reason = "an allocator is; each call goes to the system's as it came"
)]
// SAFETY: every block is the system allocator's, with the layout that came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(held, Relaxed);
        // SAFETY: the caller's promise is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the block came from `alloc` above, with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What is held from now on, and the most of it.
pub struct Since(usize);

impl Since {
    pub fn now() -> Self {
        let held = HELD.load(Relaxed);
        MOST.store(held, Relaxed);
        Self(held)
    }

    /// The most that was held more than at the beginning.
    pub fn peak(&self) -> usize {
        MOST.load(Relaxed).saturating_sub(self.0)
    }

    /// What is held more than at the beginning.
    pub fn stays(&self) -> usize {
        HELD.load(Relaxed).saturating_sub(self.0)
    }
}
