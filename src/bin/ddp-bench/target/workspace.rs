//! The place of a run: a directory that goes when it ends, the cores, the limit of open files.

use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;

use crate::error::{Error, Tried};

/// A temporary directory.
pub(crate) struct Workspace(PathBuf);

impl Workspace {
    pub(crate) fn new() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("ddp-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).tried(format!("creating {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // A directory left behind in /tmp is no reason to fail.
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// Pins the calling thread, and all threads and processes that it starts from now on, to one core; returns those it had.
pub(crate) fn pin(cpu: Option<usize>) -> Result<CpuSet, Error> {
    let had = rustix::thread::sched_getaffinity(None)
        .map_err(Into::into)
        .tried("reading where this may run")?;
    let Some(cpu) = cpu else { return Ok(had) };
    if cpu >= CpuSet::MAX_CPU {
        return Err(Error::Usage(format!("core {cpu}: there is none")));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    pin_to(&set, &format!("core {cpu}"))?;
    Ok(had)
}

/// Undoes what [`pin`] did.
pub(crate) fn unpin(had: &CpuSet) -> Result<(), Error> {
    pin_to(had, "all cores again")
}

fn pin_to(set: &CpuSet, what: &str) -> Result<(), Error> {
    rustix::thread::sched_setaffinity(None, set)
        .map_err(Into::into)
        .tried(format!("pinning to {what}"))
}

/// Lifts the soft limit of open files to the hard one; processes that are started inherit it.
pub(crate) fn raise_open_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Too few files show themselves as refused connections.
    let _as_before = rustix::process::setrlimit(Resource::Nofile, raised);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pinned_is_free_again() {
        let cores = || rustix::thread::sched_getaffinity(None).unwrap();
        let before = cores();
        let first = (0..CpuSet::MAX_CPU).find(|&cpu| before.is_set(cpu));
        let had = pin(first).unwrap();
        assert_eq!(cores().count(), 1);
        unpin(&had).unwrap();
        assert_eq!(cores(), before);
    }
}
