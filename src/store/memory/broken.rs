//! Reads of the store in memory that fail as a database's may, for tests.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::store::StoreError;

/// Names of reads that fail, and how often each did.
#[derive(Debug, Default)]
pub(crate) struct Broken(Mutex<HashMap<&'static str, usize>>);

impl Broken {
    /// Every such read fails from now on.
    pub(crate) fn fail(&self, read: &'static str) {
        self.0.lock().insert(read, 0);
    }

    /// It is answered again. Tells how often it failed.
    pub(crate) fn mend(&self, read: &str) -> usize {
        self.0.lock().remove(read).unwrap_or_default()
    }

    /// How often it failed.
    pub(crate) fn failed(&self, read: &str) -> usize {
        self.0.lock().get(read).copied().unwrap_or_default()
    }

    pub(in crate::store) fn ask(&self, read: &str) -> Result<(), StoreError> {
        match self.0.lock().get_mut(read) {
            None => Ok(()),
            Some(failed) => {
                *failed += 1;
                Err(StoreError::Unreachable("on purpose".to_owned()))
            }
        }
    }
}
