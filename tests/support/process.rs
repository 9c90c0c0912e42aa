//! A child process: ended with the test, its output kept for the panic.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::DEADLINE;

/// Lines that a process wrote.
pub type Lines = Arc<Mutex<Vec<String>>>;

pub struct Process {
    child: Child,
    name: String,
    pub stderr: Lines,
}

impl Process {
    /// Starts a program; standard error is kept, standard output is the caller's.
    pub fn start(name: &str, mut command: Command) -> (Self, ChildStdin, ChildStdout) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error} (make fixtures)"));
        let (stdin, stdout) = (
            child.stdin.take().expect("stdin"),
            child.stdout.take().expect("stdout"),
        );
        let stderr = collect(child.stderr.take().expect("stderr"));
        (
            Self {
                child,
                name: name.to_owned(),
                stderr,
            },
            stdin,
            stdout,
        )
    }

    pub fn pid(&self) -> u32 {
        self.child
            .id()
            .unwrap_or_else(|| panic!("{} has ended: {}", self.name, self.tail()))
    }

    /// Sends a signal by name.
    pub fn signal(&self, signal: &str) {
        let status = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &self.pid().to_string()])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "kill -{signal} {}",
            self.name
        );
        if signal == "STOP" {
            self.stands_still();
        }
    }

    /// Each thread stops a little after it was told to, and may answer somebody before.
    fn stands_still(&self) {
        let threads = format!("/proc/{}/task", self.pid());
        let moves = |thread: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state follows the name, which stands in parentheses.
            let state = stat.rsplit_once(") ").map(|(_, state)| state);
            state.is_some_and(|state| !state.starts_with('T'))
        };
        let deadline = std::time::Instant::now() + DEADLINE;
        while std::fs::read_dir(&threads)
            .expect("threads")
            .flatten()
            .any(moves)
        {
            let in_time = std::time::Instant::now() < deadline;
            assert!(in_time, "{} does not stop", self.name);
            std::thread::yield_now();
        }
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        tokio::time::timeout(DEADLINE, self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("{} does not end: {}", self.name, self.tail()))
            .expect("a status")
    }

    /// Ends it without a word.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("killed");
    }

    pub fn tail(&self) -> String {
        let lines = self.stderr.lock().expect("lines");
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Reads lines in the background until the end of the stream.
pub fn collect(stream: impl tokio::io::AsyncRead + Unpin + Send + 'static) -> Lines {
    let lines = Lines::default();
    let kept = lines.clone();
    // The stream ends with its process, and the task with the stream.
    tokio::spawn(async move {
        let mut reader = BufReader::new(stream).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            kept.lock().expect("lines").push(line);
        }
    });
    lines
}

/// A directory that goes with the test.
pub struct TempDir(pub std::path::PathBuf);

impl TempDir {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!(
            "ddp-streamer-test-{}-{name}-{}",
            std::process::id(),
            uuid::Uuid::new_v4()
        ));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}
