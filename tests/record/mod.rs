//! `record` and `replay`, as an administrator and a developer run them.

mod bounds;
mod recording;
mod replaying;

use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

use crate::support::eventually;
use crate::support::process::{Process, TempDir};
use crate::support::service::{Env, binary};

/// `ddp-streamer record`, running.
struct Recorder {
    process: Process,
    file: PathBuf,
    dir: TempDir,
}

/// A recording that has ended.
struct Recording {
    lines: Vec<Value>,
    text: String,
    file: PathBuf,
    /// What was said on standard error.
    said: Vec<String>,
    _dir: TempDir,
}

impl Recorder {
    /// Starts it in just this environment, and waits until nothing is missed.
    async fn start(env: &Env, arguments: &[&str]) -> Self {
        let recorder = Self::spawn(env, arguments);
        recorder.says("recording to ").await;
        recorder
    }

    fn spawn(env: &Env, arguments: &[&str]) -> Self {
        let dir = TempDir::new("record");
        let file = dir.path().join("recording.ndjson");
        let mut command = Command::new(binary());
        command.arg("record").arg(&file).args(arguments);
        command.env_clear().envs(env);
        let (process, _stdin, _stdout) = Process::start("ddp-streamer record", command);
        Self { process, file, dir }
    }

    async fn says(&self, words: &str) {
        eventually(&format!("'{words}' of {}", self.process.tail()), || async {
            let said = self.process.stderr.lock().expect("lines");
            said.iter().any(|line| line.contains(words)).then_some(())
        })
        .await;
    }

    /// Waits until the file has so many lines like this.
    async fn has(&self, what: &str, count: usize, like: impl Fn(&Value) -> bool) {
        eventually(&format!("{count} {what} are recorded"), || async {
            let text = std::fs::read_to_string(&self.file).ok()?;
            let found = lines(&text).into_iter().filter(&like).count();
            (found >= count).then_some(())
        })
        .await;
    }

    /// Ctrl-C.
    async fn stop(self) -> Recording {
        self.process.signal("INT");
        self.ended().await
    }

    async fn ended(mut self) -> Recording {
        let status = self.process.ended().await;
        assert!(status.success(), "{status}: {}", self.process.tail());
        let text = std::fs::read_to_string(&self.file).expect("a recording");
        let said = eventually("its last word", || async {
            let said = self.process.stderr.lock().expect("lines").clone();
            let is_over = |line: &String| line.contains(" packets recorded");
            said.last().is_some_and(is_over).then_some(said)
        })
        .await;
        let recording = Recording {
            lines: lines(&text),
            text,
            file: self.file,
            said,
            _dir: self.dir,
        };
        recording.adds_up();
        recording
    }
}

impl Recording {
    /// Those of a kind, and of a name.
    fn of<'a>(&'a self, kind: &'a str, name: &'a str) -> impl Iterator<Item = &'a Value> {
        let fits = move |line: &&Value| line["kind"] == kind && line["name"] == name;
        self.lines.iter().filter(fits)
    }

    fn end(&self) -> &Value {
        self.lines.last().expect("a last line")
    }

    /// Head and end are there, times do not go back, and what was seen is accounted for.
    fn adds_up(&self) {
        assert_eq!(self.lines[0]["kind"], "recording");
        let end = self.end();
        assert_eq!(end["kind"], "end");
        let sum = |value: &Value| -> u64 {
            let counts = value.as_object().expect("counts").values();
            counts.map(|count| count.as_u64().expect("a count")).sum()
        };
        let accounted = sum(&end["written"]) + sum(&end["left_out"]);
        assert_eq!(end["seen"], accounted, "{end}");
        for (kind, count) in end["written"].as_object().expect("counts") {
            let found = self.lines.iter().filter(|line| line["kind"] == *kind);
            assert_eq!(found.count() as u64, *count, "{kind}");
        }
        let times = self.lines[1..]
            .iter()
            .map(|line| line["at"].as_u64().expect("a time"));
        assert!(times.is_sorted());
    }
}

fn lines(text: &str) -> Vec<Value> {
    let parsed = text.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().expect("whole lines")
}

/// Runs `ddp-streamer replay` in just this environment: whether it went well, and what it said.
async fn replay(env: &Env, arguments: &[&str]) -> (bool, Vec<String>) {
    let output = Command::new(binary())
        .arg("replay")
        .args(arguments)
        .env_clear()
        .envs(env)
        .output();
    let output = tokio::time::timeout(crate::support::DEADLINE, output).await;
    let output = output.expect("it ends").expect("it runs");
    let said = String::from_utf8(output.stderr).expect("text");
    (
        output.status.success(),
        said.lines().map(str::to_owned).collect(),
    )
}
