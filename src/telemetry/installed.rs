//! Where what a process has once is found: the handles of its metrics, the tracer of its traces.
//!
//! A process has one. A test has one for its own thread, so that tests which run beside it do not add to what it checks.

/// Makes `get` and `set` for a place of its own.
macro_rules! installed {
    ($what:ty) => {
        #[cfg(not(test))]
        mod place {
            use super::*;

            static PLACE: std::sync::OnceLock<$what> = std::sync::OnceLock::new();

            pub(in super::super) fn get() -> Option<&'static $what> {
                PLACE.get()
            }

            pub(in super::super) fn set(what: $what) -> bool {
                PLACE.set(what).is_ok()
            }
        }

        #[cfg(test)]
        mod place {
            use super::*;

            thread_local! {
                static PLACE: std::cell::Cell<Option<&'static $what>> = const { std::cell::Cell::new(None) };
            }

            pub(in super::super) fn get() -> Option<&'static $what> {
                PLACE.get()
            }

            pub(in super::super) fn set(what: $what) -> bool {
                PLACE.replace(Some(Box::leak(Box::new(what)))).is_none()
            }
        }
    };
}

pub(super) use installed;
