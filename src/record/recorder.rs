//! From what is overheard to the file, with an account of it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::SystemTime;

use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::args::Record;
use super::error::RecordError;
use super::file::{FORMAT, Full, Recording};
use super::line;
use super::redaction::Redaction;
use crate::app;
use crate::config::{Broker, MeshSettings, host_name};
use crate::mesh::{self, NodeId, Overheard};
use crate::telemetry::logs::timestamp;

/// Records until it has lasted long enough, the file is full, or `stop` is ready. What whoever started it should know is written to `say`.
///
/// # Errors
/// The mesh cannot be listened to, or the file cannot be written.
pub async fn record(
    asked: &Record,
    settings: &MeshSettings,
    stop: impl Future<Output = ()>,
    say: &mut impl Write,
) -> Result<(), RecordError> {
    let config =
        app::mesh_config(settings).map_err(|error| RecordError::Settings(error.to_string()))?;
    let own = NodeId::new(format!(
        "{}-record-{}",
        host_name().to_lowercase(),
        std::process::id()
    ));
    let own = own.map_err(|error| RecordError::Settings(error.to_string()))?;
    let file = Recording::create(asked.file.as_deref(), asked.max_size)?;
    let began = Notify::new();
    let mut recorder = Recorder::new(file, asked, settings, &began)?;
    let over = async {
        began.notified().await;
        match asked.lasts {
            Some(lasts) => sleep(lasts).await,
            None => std::future::pending().await,
        }
    };
    let why = tokio::select! {
        heard = mesh::overhear(&config, &own, |heard| recorder.hear(heard, say)) => match heard {
            Ok(()) => recorder.failed.take().map_or(Ok("size"), |error| Err(error.into())),
            Err(error) => Err(RecordError::from(error)),
        },
        () = over => Ok("time"),
        () = stop => Ok("signal"),
    };
    if let (Err(_), None, Some(path)) = (&why, recorder.start, &asked.file) {
        // Nothing was heard: the name is free for the next attempt.
        let _best_effort = std::fs::remove_file(path);
        return why.map(drop);
    }
    // Whatever ended it, the file has an end.
    let told = recorder.end(why.as_ref().map_or("error", |why| *why));
    let (counts, size) = match (why, told) {
        (Err(error), _) => return Err(error),
        (Ok(_), told) => told?,
    };
    writeln!(say, "{size} bytes: {}", counts.told())?;
    Ok(())
}

/// What was heard, and what became of it: `seen` is the sum of the rest.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) seen: u64,
    pub(super) written: BTreeMap<&'static str, u64>,
    pub(super) copies: u64,
    pub(super) unreadable: u64,
    /// Those of the unreadable that are of protocol 5.
    pub(super) of_protocol_5: u64,
    pub(super) no_room: u64,
    pub(super) lost: u64,
}

impl Counts {
    pub(super) fn told(&self) -> String {
        let written: u64 = self.written.values().sum();
        let mut told = format!("{written} of {} packets recorded", self.seen);
        let rest = [
            (self.copies, "further copies of broadcasts"),
            (self.unreadable, "unreadable"),
            (self.no_room, "without room"),
            (self.lost, "lost on the way here"),
        ];
        for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
            told += &format!(", {count} {what}");
        }
        if self.seen == 0 {
            told += "; nothing was heard: do TRANSPORTER, MS_NAMESPACE and BROKER name the workspace's mesh?";
        } else if self.unreadable > written {
            told += if self.of_protocol_5 > 0 {
                "; the nodes speak protocol 5: set MOLECULER_PROTOCOL=5"
            } else {
                "; does SERIALIZER say what the other services have?"
            };
        }
        told
    }
}

/// See the module.
pub(super) struct Recorder<'n> {
    file: Recording,
    redaction: Redaction,
    counts: Counts,
    /// When the mesh was first listened to.
    start: Option<Instant>,
    away: bool,
    began: &'n Notify,
    line: String,
    pub(super) failed: Option<io::Error>,
    head: String,
    name: String,
}

impl<'n> Recorder<'n> {
    pub(super) fn new(
        file: Recording,
        asked: &Record,
        settings: &MeshSettings,
        began: &'n Notify,
    ) -> Result<Self, RecordError> {
        let name = asked.file.as_deref();
        Ok(Self {
            file,
            redaction: Redaction::new(asked.keep_texts),
            counts: Counts::default(),
            start: None,
            away: false,
            began,
            line: String::new(),
            failed: None,
            head: head(asked, settings),
            name: name.map_or("standard output".to_owned(), |path| {
                path.display().to_string()
            }),
        })
    }

    pub(super) fn hear(&mut self, heard: Overheard<'_>, say: &mut impl Write) -> ControlFlow<()> {
        match self.take(heard, say) {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(Full)) => ControlFlow::Break(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn take(&mut self, heard: Overheard<'_>, say: &mut impl Write) -> io::Result<Result<(), Full>> {
        let at = self.at();
        match heard {
            Overheard::Listening => return self.listening(at, say),
            Overheard::Packet(packet) => {
                self.counts.seen += 1;
                self.line.clear();
                if line::write(at, &packet, &mut self.redaction, &mut self.line).is_err() {
                    self.counts.unreadable += 1;
                    return Ok(Ok(()));
                }
                let pushed = self.file.push(&self.line)?;
                match pushed {
                    Ok(()) => *self.counts.written.entry(line::kind(&packet)).or_default() += 1,
                    Err(Full) => self.counts.no_room += 1,
                }
                return Ok(pushed);
            }
            Overheard::Copy => {
                self.counts.seen += 1;
                self.counts.copies += 1;
            }
            Overheard::Unreadable => {
                self.counts.seen += 1;
                self.counts.unreadable += 1;
            }
            Overheard::OfProtocol5 => {
                self.counts.seen += 1;
                self.counts.unreadable += 1;
                self.counts.of_protocol_5 += 1;
            }
            Overheard::Lost(count) => {
                self.counts.lost += count;
                let lost = line::opened(at, "lost") + &format!(",\"count\":{count}}}\n");
                return self.file.push(&lost);
            }
            Overheard::Away(why) => {
                self.away = true;
                writeln!(say, "NATS is away ({why}); trying on")?;
                return self.file.push(&line::bare(at, "away"));
            }
            Overheard::Turn => self.file.flush()?,
        }
        Ok(Ok(()))
    }

    fn listening(&mut self, at: u64, say: &mut impl Write) -> io::Result<Result<(), Full>> {
        if self.start.is_none() {
            self.start = Some(Instant::now());
            self.began.notify_one();
            writeln!(say, "recording to {}; Ctrl-C ends it", self.name)?;
            self.file.push(&self.head)?.unwrap_or(());
            self.file.flush()?;
        } else if std::mem::take(&mut self.away) {
            writeln!(say, "NATS is back")?;
            return self.file.push(&line::bare(at, "back"));
        }
        Ok(Ok(()))
    }

    /// Milliseconds since the start.
    fn at(&self) -> u64 {
        let since = self.start.map(|start| start.elapsed()).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Writes the last line; tells what was counted, and the file's size.
    pub(super) fn end(mut self, why: &str) -> io::Result<(Counts, u64)> {
        let counts = std::mem::take(&mut self.counts);
        let told = json!({
            "why": why, "seen": counts.seen, "written": counts.written, "lost": counts.lost,
            "left_out": {"copies": counts.copies, "unreadable": counts.unreadable, "no_room": counts.no_room},
        });
        // The account goes behind the fields that every line has.
        let told = told.to_string();
        let line = format!(
            "{},{}\n",
            line::opened(self.at(), "end"),
            told.trim_start_matches('{')
        );
        if self.start.is_none() {
            self.file.push(&self.head)?.unwrap_or(());
        }
        let size = self.file.end(&line)?;
        Ok((counts, size))
    }
}

/// The first line: what this file is.
fn head(asked: &Record, settings: &MeshSettings) -> String {
    let plain = settings.broker == Broker::Nats;
    let mut head = json!({
        "kind": "recording", "format": FORMAT, "program": concat!("ddp-streamer ", env!("CARGO_PKG_VERSION")),
        "started": timestamp(SystemTime::now()), "broker": if plain { "nats" } else { "moleculer" },
        "texts": if asked.keep_texts { "kept" } else { "replaced" },
        "replaced": "ids, names, tokens, addresses and everything else that is not known to be harmless",
    });
    if plain {
        head["not_heard"] = "answers, which go to inboxes, and who sent what".into();
    } else {
        head["serializer"] = settings.node.serializer.name().into();
    }
    format!("{head}\n")
}
