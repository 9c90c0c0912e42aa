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

/// Pins the calling thread, and all threads and processes that it starts from now on, to one core.
pub(crate) fn pin(cpu: Option<usize>) -> Result<(), Error> {
    let Some(cpu) = cpu else { return Ok(()) };
    if cpu >= CpuSet::MAX_CPU {
        return Err(Error::Usage(format!("core {cpu}: there is none")));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set)
        .map_err(Into::into)
        .tried(format!("pinning to core {cpu}"))
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
