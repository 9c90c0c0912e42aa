//! Where the handles are found once counting is on.
//!
//! A process counts once. A test counts for its own thread, so that tests which run beside it do not add to what it checks.

use super::handles::Handles;
pub(super) use place::{get, set};

#[cfg(not(test))]
mod place {
    use std::sync::OnceLock;

    use super::Handles;

    static HANDLES: OnceLock<Handles> = OnceLock::new();

    pub(in super::super) fn get() -> Option<&'static Handles> {
        HANDLES.get()
    }

    pub(in super::super) fn set(handles: Handles) -> bool {
        HANDLES.set(handles).is_ok()
    }
}

#[cfg(test)]
mod place {
    use std::cell::Cell;

    use super::Handles;

    thread_local! {
        static HANDLES: Cell<Option<&'static Handles>> = const { Cell::new(None) };
    }

    pub(in super::super) fn get() -> Option<&'static Handles> {
        HANDLES.get()
    }

    pub(in super::super) fn set(handles: Handles) -> bool {
        HANDLES
            .replace(Some(Box::leak(Box::new(handles))))
            .is_none()
    }
}
