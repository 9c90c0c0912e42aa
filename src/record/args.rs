//! The command lines of `ddp-streamer record` and `ddp-streamer replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::parse_bytes;

/// 64 MiB: a quarter of an hour of a busy workspace, and what a mail or an issue still takes when it is compressed.
const MAX_SIZE: &str = "64MiB";
/// Below this there is no room for anything between head and end.
const LEAST: u64 = 16 * 1024;
/// Where the page of `ddp-streamer sandbox` is unless it was told otherwise.
const SANDBOX: &str = "127.0.0.1:3001";

/// What to record, and where to.
#[derive(Debug, Clone)]
pub struct Record {
    /// The file; `None` is standard output.
    pub file: Option<PathBuf>,
    /// It ends after this time.
    pub lasts: Option<Duration>,
    /// It ends before it is larger, bytes.
    pub max_size: u64,
    /// Message texts are not replaced.
    pub keep_texts: bool,
}

/// What to play, and where.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The recording.
    pub file: PathBuf,
    /// How fast.
    pub speed: Speed,
    /// Where it is played.
    pub onto: Onto,
    /// Ids that are others there: pseudonyms, and what to call them.
    pub names: Vec<(String, String)>,
}

/// The pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was.
    Times(f64),
    /// Without a pause.
    Max,
}

/// Where a recording is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Onto {
    /// Nowhere: the file is only read, and told what is in it.
    Nothing,
    /// The sandbox whose page is at this `host:port`.
    Sandbox(String),
    /// The mesh of the environment.
    Mesh {
        /// Even if it is no sandbox's.
        whoever_is_there: bool,
    },
}

/// `record`.
pub fn record_command() -> Command {
    Command::new("record")
        .about("Writes what goes over the mesh into a file for a bug report: ids and names replaced, texts, tokens and addresses gone")
        .after_help("The mesh is that of the environment, as for the service (TRANSPORTER, MS_NAMESPACE, SERIALIZER, BROKER, …). It is listened to from outside: nothing is published there, \
no node appears, and nobody gets less. Ctrl-C or SIGTERM ends the recording, and writes its last line with all counts. One line is one packet, as JSON; of a broadcast, which goes to \
each node once, one is kept. Everything is replaced but what is known to be harmless: the names of events, actions and services, known words, numbers and dates in known fields.")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("A new file, or - for standard output"),
        )
        .arg(
            Arg::new("for")
                .long("for")
                .value_name("TIME")
                .value_parser(time)
                .help("End after this time, such as 90s, 5m or 1h"),
        )
        .arg(
            Arg::new("max-size")
                .long("max-size")
                .value_name("SIZE")
                .default_value(MAX_SIZE)
                .value_parser(size)
                .help("End before the file is larger; KiB and MiB are understood"),
        )
        .arg(
            Arg::new("keep-texts")
                .long("keep-texts")
                .action(ArgAction::SetTrue)
                .help("Keep the texts of messages, with all names and addresses that people wrote into them"),
        )
}

/// `replay`.
pub fn replay_command() -> Command {
    Command::new("replay")
        .about("Plays the events of a recording into a sandbox, or onto a test mesh")
        .after_help("Events are played in their order: into a sandbox the broadcasts, onto a mesh what was balanced as well. Calls and answers are not. Nothing is played of a file that is \
not sound from its first line to its last. A mesh is that of the environment, as for the service; it is refused when others than a sandbox's core and streamers are there.")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("What `ddp-streamer record` wrote"),
        )
        .arg(
            Arg::new("speed")
                .long("speed")
                .value_name("TIMES")
                .default_value("1")
                .value_parser(speed)
                .help("So many times as fast as it was, or max: without a pause"),
        )
        .arg(
            Arg::new("sandbox")
                .long("sandbox")
                .value_name("HOST:PORT")
                .default_value(SANDBOX)
                .help("The page of the sandbox that it is played into"),
        )
        .arg(
            Arg::new("mesh")
                .long("mesh")
                .action(ArgAction::SetTrue)
                .conflicts_with("sandbox")
                .help("Play onto the mesh of the environment"),
        )
        .arg(
            Arg::new("yes-into-this-mesh")
                .long("yes-into-this-mesh")
                .action(ArgAction::SetTrue)
                .requires("mesh")
                .help("Even if people may be connected there: they get it all"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["mesh", "sandbox"])
                .help("Only read the file and tell what would be played"),
        )
        .arg(
            Arg::new("as")
                .long("as")
                .value_name("ID=ID")
                .action(ArgAction::Append)
                .value_parser(name)
                .help("Play an id of the recording as another, such as a room's as GENERAL. May be given several times"),
        )
}

/// Reads what [`record_command`] matched.
pub fn read_record(matches: &ArgMatches) -> Record {
    let file = matches.get_one::<PathBuf>("file").cloned();
    Record {
        file: file.filter(|file| file.as_os_str() != "-"),
        lasts: matches.get_one("for").copied(),
        max_size: matches.get_one("max-size").copied().unwrap_or(LEAST),
        keep_texts: matches.get_flag("keep-texts"),
    }
}

/// Reads what [`replay_command`] matched.
pub fn read_replay(matches: &ArgMatches) -> Replay {
    let sandbox = matches.get_one::<String>("sandbox").cloned();
    let onto = if matches.get_flag("dry-run") {
        Onto::Nothing
    } else if matches.get_flag("mesh") {
        let whoever_is_there = matches.get_flag("yes-into-this-mesh");
        Onto::Mesh { whoever_is_there }
    } else {
        Onto::Sandbox(sandbox.unwrap_or_default())
    };
    let names = matches.get_many::<(String, String)>("as");
    Replay {
        file: matches.get_one("file").cloned().unwrap_or_default(),
        speed: matches
            .get_one("speed")
            .copied()
            .unwrap_or(Speed::Times(1.0)),
        onto,
        names: names.into_iter().flatten().cloned().collect(),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    let number = number.parse::<u64>().unwrap_or_default();
    let time = number
        .checked_mul(seconds)
        .filter(|seconds| (1..=MOST_SECONDS).contains(seconds));
    time.map(Duration::from_secs)
        .ok_or_else(|| "a time such as 90s, 5m or 1h, up to a week".to_owned())
}

const MOST_SECONDS: u64 = 7 * 24 * 3600;

fn size(text: &str) -> Result<u64, String> {
    let bytes = parse_bytes(text).filter(|bytes| *bytes >= LEAST);
    bytes.ok_or_else(|| "a size such as 64MiB, 16KiB or more".to_owned())
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = text.parse::<f64>().ok();
    let times = times.filter(|times| (0.01..=10_000.0).contains(times));
    times
        .map(Speed::Times)
        .ok_or_else(|| "a number from 0.01 to 10000, or max".to_owned())
}

fn name(text: &str) -> Result<(String, String), String> {
    let ids = text
        .split_once('=')
        .filter(|(from, to)| !from.is_empty() && !to.is_empty());
    let (from, to) = ids.ok_or_else(|| "two ids with = between them".to_owned())?;
    Ok((from.to_owned(), to.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(line: &str) -> Result<Record, clap::Error> {
        let words = std::iter::once("record").chain(line.split_whitespace());
        record_command()
            .try_get_matches_from(words)
            .map(|matches| read_record(&matches))
    }

    fn replayed(line: &str) -> Result<Replay, clap::Error> {
        let words = std::iter::once("replay").chain(line.split_whitespace());
        replay_command()
            .try_get_matches_from(words)
            .map(|matches| read_replay(&matches))
    }

    #[test]
    fn a_recording_is_bounded_and_replaces_texts_unless_told_otherwise() {
        let asked = recorded("x.ndjson").unwrap();
        assert_eq!(
            asked.file.as_deref(),
            Some(std::path::Path::new("x.ndjson"))
        );
        assert_eq!(
            (asked.lasts, asked.max_size, asked.keep_texts),
            (None, 64 << 20, false)
        );
        let asked = recorded("- --for 5m --max-size 1MiB --keep-texts").unwrap();
        assert_eq!(
            (asked.file, asked.lasts),
            (None, Some(Duration::from_secs(300)))
        );
        assert_eq!((asked.max_size, asked.keep_texts), (1 << 20, true));
        for wrong in [
            "",
            "x --for 0s",
            "x --for 5d",
            "x --for 99999h",
            "x --for -1",
            "x --max-size 1KiB",
            "x --max-size many",
        ] {
            assert!(recorded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_replay_goes_to_the_sandbox_here_unless_told_otherwise() {
        let asked = replayed("x").unwrap();
        assert_eq!(
            (asked.speed, asked.onto),
            (Speed::Times(1.0), Onto::Sandbox(SANDBOX.to_owned()))
        );
        let asked = replayed("x --speed max --mesh --as a=b --as c=GENERAL").unwrap();
        assert_eq!(
            (asked.speed, asked.onto),
            (
                Speed::Max,
                Onto::Mesh {
                    whoever_is_there: false
                }
            )
        );
        let pairs =
            [("a", "b"), ("c", "GENERAL")].map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(asked.names, pairs);
        assert_eq!(
            replayed("x --mesh --yes-into-this-mesh").unwrap().onto,
            Onto::Mesh {
                whoever_is_there: true
            }
        );
        assert_eq!(
            replayed("x --dry-run --speed 0.5").unwrap().onto,
            Onto::Nothing
        );
        for wrong in [
            "",
            "x --yes-into-this-mesh",
            "x --mesh --sandbox a:1",
            "x --speed 0",
            "x --speed fast",
            "x --speed NaN",
            "x --as a",
            "x --dry-run --mesh",
        ] {
            assert!(replayed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_commands_are_sound() {
        record_command().debug_assert();
        replay_command().debug_assert();
    }
}
