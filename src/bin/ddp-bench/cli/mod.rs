//! The command line: raw arguments to checked [`Options`].

mod address;
mod command;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ArgMatches;

use self::address::loopback;
pub(crate) use self::address::prefix;
use self::command::command;

use crate::error::Error;
use crate::fleet::Resuming;
use crate::floor;
use crate::mesh::Pace;
use crate::target::{Spec, leash, proxy, spawn};
use crate::wire::script::{Framing, Profile};

/// More sockets than this do not fit beside the rest into the 20,000 open files of one process.
pub(crate) const MOST_SESSIONS: u32 = 18_000;

/// A shorter measurement measures nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// `--rate` of a load that is flat out,
const MAX: &str = "max";
/// which has this many events on their way: enough to keep every queue filled, and too few for NATS to lose patience.
const FLAT_OUT: u32 = 8192;

/// What to do.
pub(crate) enum Task {
    /// Load servers.
    Load(Box<Options>),
    /// Become a command that ends with its parent.
    Leash(Vec<String>),
    /// Be the floor.
    Floor(floor::Settings),
}

/// What kind of load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mode {
    /// Connections at rest; afterwards `events` events to all of them, and rest again.
    /// With `own_rooms` nothing that was answered can be reused.
    Idle {
        profile: Profile,
        rest: Duration,
        own_rooms: bool,
        events: u64,
        rest_after: Duration,
    },
    /// One event to all sessions.
    Fanout { pace: Pace, profile: Profile },
    /// Many rooms with few listeners each.
    Spread { rooms: u32, each: u32, pace: Pace },
    /// Every user listens to every user; `changing` of them change.
    Presence { changing: u32, rate: f64 },
    /// This many method calls on their way.
    Methods { in_flight: u32 },
    /// All open one room within this time, twice; every `revoked`-th loses the access in between.
    Room { within: Duration, revoked: u32 },
    /// All dropped, all back.
    Storm,
    /// No clients: a server's start.
    Start,
    /// Everything at once, again and again.
    Soak,
    /// `stalled` sessions stop reading, or read as many bytes a second as their link carries.
    Slow {
        stalled: u32,
        rate: f64,
        link: Option<u32>,
    },
}

impl Mode {
    /// Whether all that it asks of a server is one to publish to the channels that sessions listen to.
    fn is_for_channels(&self) -> bool {
        match self {
            Self::Fanout { profile, .. } => *profile == Profile::Rooms,
            Self::Idle {
                profile, own_rooms, ..
            } => *profile == Profile::Rooms && !own_rooms,
            Self::Spread { .. } => true,
            _ => false,
        }
    }
}

/// A checked command line.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) name: String,
    pub(crate) targets: Vec<Spec>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) servers: u32,
    pub(crate) rounds: u32,
    pub(crate) sessions: u32,
    pub(crate) seconds: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) patience: Duration,
    pub(crate) bytes: usize,
    pub(crate) framing: Framing,
    pub(crate) mixed: bool,
    pub(crate) resuming: Resuming,
    pub(crate) login: bool,
    pub(crate) threads: u32,
    pub(crate) ramp: usize,
    pub(crate) ramp_rate: Option<f64>,
    pub(crate) tries: u16,
    pub(crate) memberships: u32,
    pub(crate) server_cpu: Option<usize>,
    pub(crate) bench_cpu: Option<usize>,
    pub(crate) nats: Option<SocketAddr>,
    pub(crate) nats_server: PathBuf,
    pub(crate) namespace: String,
    pub(crate) core_delay: Duration,
    pub(crate) json: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
    pub(crate) keep_log: Option<PathBuf>,
}

/// Reads the process's arguments; clap itself answers `--help` and mistakes.
pub(crate) fn read() -> Result<Task, Error> {
    check(&command().get_matches())
}

fn check(matches: &ArgMatches) -> Result<Task, Error> {
    match matches.subcommand() {
        Some(("floor", matches)) => Ok(Task::Floor(floor::Settings {
            listen: loopback(text(matches, "listen"), 3000)?,
            nats: loopback(text(matches, "nats"), 4222)?,
            prefix: prefix(text(matches, "namespace")),
            node: text(matches, "node").to_owned(),
            lasting: seconds(matches, "seconds")?,
        })),
        Some((leash::NAME, matches)) => Ok(Task::Leash(
            matches
                .get_many("command")
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
        )),
        Some((name, matches)) => Ok(Task::Load(Box::new(options(name, matches)?))),
        None => Err(Error::Usage("a mode is needed".into())),
    }
}

fn options(name: &str, matches: &ArgMatches) -> Result<Options, Error> {
    let sessions: u32 = number(matches, "sessions")?;
    if sessions == 0 || sessions > MOST_SESSIONS {
        return Err(Error::Usage(format!(
            "--sessions {sessions}: 1 to {MOST_SESSIONS}"
        )));
    }
    let (mode, targets) = (mode(name, matches, sessions)?, targets(matches)?);
    if !mode.is_for_channels() && !targets.iter().all(Spec::is_in_mesh) {
        return Err(Error::Usage(
            "--against centrifugo: fanout or idle with --profile rooms (not --no-reuse), or spread"
                .into(),
        ));
    }
    let spawned = |spec: &Spec| matches!(spec, Spec::Spawn { tls: false, .. });
    if mode == Mode::Start && !targets.iter().all(spawned) {
        return Err(Error::Usage(
            "start: only servers that are spawned here, without TLS (--spawn)".into(),
        ));
    }
    let path = |name| matches.get_one::<String>(name).map(PathBuf::from);
    let environment = matches.get_many::<String>("env").into_iter().flatten();
    Ok(Options {
        mode,
        name: name.to_owned(),
        targets,
        environment: environment
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => Err(Error::Usage(format!("--env {pair}: NAME=VALUE"))),
            })
            .collect::<Result<_, _>>()?,
        servers: number::<u32>(matches, "servers")?.clamp(1, 16),
        rounds: number::<u32>(matches, "rounds")?.max(1),
        sessions,
        seconds: seconds(matches, "seconds")?.max(SHORTEST),
        warm_up: seconds(matches, "warm-up")?,
        patience: seconds(matches, "patience")?,
        bytes: number(matches, "bytes")?,
        framing: if matches.get_flag("raw") {
            Framing::Raw
        } else {
            Framing::SockJs
        },
        mixed: matches.get_flag("mixed"),
        resuming: if matches.get_flag("no-resumption") {
            Resuming::Never
        } else {
            Resuming::Tickets
        },
        login: !matches.get_flag("anonymous"),
        threads: number::<u32>(matches, "threads")?.clamp(1, sessions),
        ramp: number::<usize>(matches, "ramp")?.max(1),
        ramp_rate: optional(matches, "ramp-rate")?
            .map(positive("ramp-rate"))
            .transpose()?,
        tries: number::<u16>(matches, "tries")?.max(1),
        memberships: number(matches, "memberships")?,
        server_cpu: optional(matches, "server-cpu")?,
        bench_cpu: optional(matches, "bench-cpu")?,
        nats: matches
            .get_one::<String>("nats")
            .map(|url| loopback(url, 4222))
            .transpose()?,
        nats_server: PathBuf::from(text(matches, "nats-server")),
        namespace: text(matches, "namespace").to_owned(),
        core_delay: Duration::from_millis(number(matches, "core-delay")?),
        json: path("json"),
        report: path("report"),
        keep_log: path("server-log"),
    })
}

fn mode(name: &str, matches: &ArgMatches, sessions: u32) -> Result<Mode, Error> {
    let rate = || positive("rate")(number(matches, "rate")?);
    // As many on their way as given; at the rate otherwise.
    let pace = || match optional::<u32>(matches, "window")? {
        Some(window) => Ok(Pace::Window(window.max(1))),
        None => Ok(Pace::Rate(rate()?)),
    };
    let profile = || match text(matches, "profile") {
        "web" => Profile::Web,
        _ => Profile::Rooms,
    };
    Ok(match name {
        "idle" => {
            let (own_rooms, events) = (matches.get_flag("no-reuse"), number(matches, "events")?);
            if own_rooms && events > 0 {
                return Err(Error::Usage(
                    "--events reach nobody with --no-reuse: there is no common room".into(),
                ));
            }
            Mode::Idle {
                profile: profile(),
                rest: seconds(matches, "rest")?,
                own_rooms,
                events,
                rest_after: seconds(matches, "rest-after")?,
            }
        }
        "fanout" => Mode::Fanout {
            pace: pace()?,
            profile: profile(),
        },
        "spread" => Mode::Spread {
            rooms: number::<u32>(matches, "rooms")?.max(1),
            each: number::<u32>(matches, "rooms-each")?.max(1),
            pace: if text(matches, "rate") == MAX {
                Pace::Window(FLAT_OUT)
            } else {
                pace()?
            },
        },
        "presence" => Mode::Presence {
            changing: number::<u32>(matches, "changing")?.clamp(1, sessions),
            rate: rate()?,
        },
        "methods" => Mode::Methods {
            in_flight: number::<u32>(matches, "in-flight")?.max(1),
        },
        "room" => Mode::Room {
            within: seconds(matches, "within")?,
            revoked: number(matches, "revoked")?,
        },
        "storm" => Mode::Storm,
        "start" => Mode::Start,
        "soak" => Mode::Soak,
        _ => Mode::Slow {
            stalled: match number::<u32>(matches, "stalled")? {
                stalled if (1..sessions).contains(&stalled) => stalled,
                stalled => {
                    return Err(Error::Usage(format!(
                        "--stalled {stalled} of --sessions {sessions}: some must stop, and some not"
                    )));
                }
            },
            rate: rate()?,
            link: optional::<u32>(matches, "link")?.map(|link| link.max(1)),
        },
    })
}

fn targets(matches: &ArgMatches) -> Result<Vec<Spec>, Error> {
    let commands = matches.get_many::<String>("spawn").into_iter().flatten();
    let spawned: Vec<Spec> = commands
        .map(|command| {
            spawn(command).ok_or_else(|| Error::Usage("--spawn: a command is needed".into()))
        })
        .collect::<Result<_, _>>()?;
    let commands = matches.get_many::<String>("proxy").into_iter().flatten();
    let proxies: Vec<Spec> = commands
        .map(|command| {
            let behind = spawned.first();
            behind
                .and_then(|behind| proxy(command, behind))
                .ok_or_else(|| Error::Usage("--proxy: a command is needed, and a --spawn".into()))
        })
        .collect::<Result<_, _>>()?;
    let usual = match (proxies.is_empty(), spawned.is_empty()) {
        (false, _) => "proxy",
        (true, false) => "spawn",
        (true, true) => text(matches, "url"),
    };
    let list = matches
        .get_one::<String>("against")
        .map_or(usual, String::as_str);
    let pids = matches
        .get_one::<String>("server-pid")
        .map_or("", String::as_str);
    let mut pids = pids.split(',').filter(|pid| !pid.is_empty());
    let mut targets = Vec::new();
    for name in list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match name {
            "floor" => targets.push(Spec::Floor),
            "centrifugo" => targets.push(Spec::Centrifugo {
                program: PathBuf::from(text(matches, "centrifugo")),
            }),
            "spawn" if spawned.is_empty() => {
                return Err(Error::Usage("--against spawn needs --spawn".into()));
            }
            "spawn" => targets.extend(spawned.iter().cloned()),
            "spawn-tls" if spawned.is_empty() => {
                return Err(Error::Usage("--against spawn-tls needs --spawn".into()));
            }
            "spawn-tls" => targets.extend(spawned.iter().cloned().filter_map(Spec::with_tls)),
            "proxy" => targets.extend(proxies.iter().cloned()),
            url => targets.push(Spec::Running {
                address: loopback(url, 3000)?,
                pid: match pids.next() {
                    Some(pid) => Some(
                        pid.parse()
                            .map_err(|_| Error::Usage(format!("--server-pid {pid}: a number")))?,
                    ),
                    None => None,
                },
                tls: url.starts_with("https:") || url.starts_with("wss:"),
            }),
        }
    }
    Ok(targets)
}

fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

fn optional<T: FromStr>(matches: &ArgMatches, name: &str) -> Result<Option<T>, Error> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|_| Error::Usage(format!("--{name} {text}: a number")))
    };
    matches.get_one::<String>(name).map(parse).transpose()
}

fn number<T: FromStr>(matches: &ArgMatches, name: &str) -> Result<T, Error> {
    optional(matches, name)?.ok_or_else(|| Error::Usage(format!("--{name} is needed")))
}

/// A rate, which must be more than 0.
fn positive(name: &str) -> impl Fn(f64) -> Result<f64, Error> {
    move |rate| {
        if rate > 0.0 && rate.is_finite() {
            return Ok(rate);
        }
        Err(Error::Usage(format!("--{name} {rate}: more than 0")))
    }
}

fn seconds(matches: &ArgMatches, name: &str) -> Result<Duration, Error> {
    let seconds: f64 = number(matches, name)?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration <= Duration::from_secs(3600) => Ok(duration),
        _ => Err(Error::Usage(format!("--{name} {seconds}: 0 to 3600"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(line: &str) -> Result<Task, Error> {
        check(
            &command()
                .try_get_matches_from(line.split_whitespace())
                .unwrap(),
        )
    }

    fn options(line: &str) -> Options {
        match parse(line) {
            Ok(Task::Load(options)) => *options,
            _ => panic!("{line}"),
        }
    }

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn modes_have_their_defaults() {
        assert_eq!(
            options("ddp-bench fanout").mode,
            Mode::Fanout {
                pace: Pace::Rate(20.0),
                profile: Profile::Rooms
            }
        );
        assert_eq!(
            options("ddp-bench fanout --window 64 --profile web").mode,
            Mode::Fanout {
                pace: Pace::Window(64),
                profile: Profile::Web
            }
        );
        let slow = options("ddp-bench slow");
        assert_eq!((slow.sessions, slow.bytes), (200, 8000));
        assert_eq!(
            slow.mode,
            Mode::Slow {
                stalled: 2,
                rate: 100.0,
                link: None
            }
        );
    }

    #[test]
    fn several_servers_in_turn() {
        let options = options(
            "ddp-bench fanout --spawn a --spawn b --against floor,spawn,http://127.0.0.1:4000 --server-pid 12",
        );
        assert!(matches!(
            &options.targets[..],
            [
                Spec::Floor,
                Spec::Spawn { .. },
                Spec::Spawn { .. },
                Spec::Running { pid: Some(12), .. }
            ]
        ));
    }

    #[test]
    fn proxies_stand_in_front_of_what_is_spawned() {
        let options = options("ddp-bench fanout --spawn a --proxy b --proxy c");
        let [Spec::Proxy { name, behind, .. }, Spec::Proxy { .. }] = &options.targets[..] else {
            panic!("{:?}", options.targets)
        };
        assert_eq!((&**name, &behind[..]), ("b", &["a".to_owned()][..]));
        assert!(parse("ddp-bench fanout --proxy b").is_err());
    }

    #[test]
    fn centrifugo_is_asked_for_nothing_but_channels() {
        let both = options("ddp-bench fanout --spawn a --against spawn,centrifugo --centrifugo b");
        assert!(matches!(
            &both.targets[..],
            [Spec::Spawn { .. }, Spec::Centrifugo { program }] if program == Path::new("b")
        ));
        for load in ["spread", "idle --profile rooms"] {
            assert!(parse(&format!("ddp-bench {load} --against centrifugo")).is_ok());
        }
        for load in [
            "fanout --profile web",
            "idle",
            "idle --profile rooms --no-reuse",
            "methods",
            "storm",
            "slow",
        ] {
            let refused = parse(&format!("ddp-bench {load} --against centrifugo"));
            assert!(matches!(refused, Err(Error::Usage(_))), "{load}");
        }
    }

    #[test]
    fn only_what_is_spawned_is_started() {
        let spawned = options("ddp-bench start --spawn a --spawn b");
        assert_eq!((spawned.mode, spawned.targets.len()), (Mode::Start, 2));
        for others in [
            "",
            "--spawn a --against floor,spawn",
            "--spawn a --against spawn-tls",
            "--spawn a --proxy b",
            "--against centrifugo",
            "--url http://127.0.0.1:3000",
        ] {
            let refused = parse(&format!("ddp-bench start {others}"));
            assert!(matches!(refused, Err(Error::Usage(_))), "{others}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        assert!(parse("ddp-bench fanout --sessions 20000").is_err());
        assert!(parse("ddp-bench fanout --rate 0").is_err());
        for stalled in [0, 200] {
            assert!(parse(&format!("ddp-bench slow --stalled {stalled}")).is_err());
        }
        assert!(parse("ddp-bench idle --no-reuse --events 1").is_err());
    }
}
