//! A run: the same load on each server in turn, round by round; what came of it is told and kept.

mod bench;
mod fanout;
mod idle;
mod methods;
mod outcome;
mod room;
mod slow;
mod soak;
mod start;
mod storm;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use self::bench::Bench;
pub(crate) use self::outcome::{Outcome, number};
use crate::cli::{Mode, Options, prefix};
use crate::error::{Error, Tried};
use crate::fleet::{self, Fleet};
use crate::mesh::{self, Mesh, Topic};
use crate::output::say;
use crate::shared::{Note, Shared};
use crate::target::{Nats, Server, Spawning, Spec, Workspace, pin, raise_open_files};
use crate::wire::script::{Profile, WEB_ROOMS};

/// How long a node may take to join the mesh.
const JOIN: Duration = Duration::from_secs(20);

/// In a soak every so many-th session does not read for a while.
const SOAK_STALLING: u32 = 50;

/// Runs all rounds.
pub(crate) fn all(options: &Options) -> Result<Vec<Outcome>, Error> {
    raise_open_files();
    pin(options.bench_cpu)?;
    let workspace = Workspace::new()?;
    let nats = Nats::at(options.nats, &options.nats_server)?;
    let mut outcomes = Vec::new();
    for round in 1..=options.rounds {
        for (at, spec) in options.targets.iter().enumerate() {
            let round = Round {
                options,
                workspace: &workspace,
                nats: &nats,
                spec,
                number: round,
                at,
            };
            let outcome = match options.mode {
                Mode::Start => start::run(&round)?,
                _ => one(&round)?,
            };
            say(&outcome.text());
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// One turn of one server.
struct Round<'a> {
    options: &'a Options,
    workspace: &'a Workspace,
    nats: &'a Nats,
    spec: &'a Spec,
    number: u32,
    /// The server's place in the list.
    at: usize,
}

impl Round<'_> {
    /// The core, on its way into the mesh.
    fn mesh(&self, shared: &Arc<Shared>, notes: &SyncSender<Note>) -> Result<Mesh, Error> {
        let (process, round, at) = (std::process::id(), self.number, self.at);
        let settings = mesh::Settings {
            nats: self.nats.address,
            prefix: prefix(&self.options.namespace),
            node: format!("bench-core-{process}-{round}-{at}"),
            delay: self.options.core_delay,
        };
        Mesh::start(settings, shared.clone(), notes.clone()).tried("the mesh's thread")
    }

    /// How the `copy`-th of the same servers is started.
    fn spawning(&self, copy: u32) -> Spawning<'_> {
        let (process, round, at) = (std::process::id(), self.number, self.at);
        let options = self.options;
        let (rooms, rooms_each) = rooms(options);
        Spawning {
            nats: self.nats.address,
            namespace: &options.namespace,
            node: format!("bench-{process}-{round}-{at}-{copy}"),
            cpu: options.server_cpu,
            bench_cpu: options.bench_cpu,
            environment: &options.environment,
            directory: self.workspace.path(),
            log: options.keep_log.as_deref(),
            seed: (
                options.sessions,
                rooms.max(options.memberships),
                rooms_each.max(options.memberships),
            ),
            lasting: Duration::from_secs(3600),
            counted: matches!(
                options.mode,
                Mode::Room { .. } | Mode::Slow { .. } | Mode::Soak
            ),
        }
    }
}

fn one(round: &Round<'_>) -> Result<Outcome, Error> {
    let Round {
        options,
        nats,
        spec,
        ..
    } = *round;
    let shared = Arc::new(Shared::default());
    let (notes, inbox) = sync_channel(1024);
    let mesh = round.mesh(&shared, &notes)?;
    let (rooms, rooms_each) = rooms(options);
    let servers = (0..spec.copies(options.servers))
        .map(|copy| Server::start(spec, &round.spawning(copy)))
        .collect::<Result<Vec<_>, _>>()?;
    let clients = fleet::Settings {
        servers: servers.iter().map(|server| server.address).collect(),
        dialect: spec.dialect(options.framing),
        mixed: options.mixed,
        tls: spec.tls().then_some(options.resuming),
        profile: profile(options),
        login: options.login,
        rooms,
        rooms_each,
        users_changing: match options.mode {
            Mode::Presence { changing, .. } => changing,
            _ => 0,
        },
        stalling: match options.mode {
            Mode::Slow { stalled, .. } => stalled,
            Mode::Soak => options.sessions.div_ceil(SOAK_STALLING),
            _ => 0,
        },
        sessions: options.sessions,
        link: match options.mode {
            Mode::Slow { link, .. } => link,
            _ => None,
        },
        ramp: options.ramp,
        ramp_rate: options
            .ramp_rate
            .map(|rate| rate / f64::from(options.threads)),
        tries: options.tries,
    };
    let api = match servers.first() {
        Some(server) if !spec.is_in_mesh() => Some(server.address),
        _ => None,
    };
    let fleet = Fleet::start(&clients, options.sessions, options.threads, &shared, &notes)
        .tried("the clients' threads")?;
    let mut bench = Bench {
        options,
        clients,
        servers,
        mesh,
        nats,
        api,
        fleet,
        notes: inbox,
        shared,
    };
    bench.await_start(JOIN)?;
    let mut outcome = Outcome::new(spec.name(), round.number);
    match &options.mode {
        Mode::Idle {
            rest,
            own_rooms,
            events,
            rest_after,
            ..
        } => {
            idle::run(&mut bench, &mut outcome, *rest, *events, *rest_after)?;
            if *own_rooms {
                idle::nothing_reused(&bench, &mut outcome);
            }
        }
        Mode::Fanout { pace, .. } => fanout::run(&mut bench, &mut outcome, Topic::Rooms(1), *pace)?,
        Mode::Spread { rooms, pace, .. } => {
            fanout::run(&mut bench, &mut outcome, Topic::Rooms(*rooms), *pace)?;
        }
        Mode::Presence { changing, rate } => fanout::run(
            &mut bench,
            &mut outcome,
            Topic::Users(*changing),
            mesh::Pace::Rate(*rate),
        )?,
        Mode::Methods { in_flight } => methods::run(&mut bench, &mut outcome, *in_flight)?,
        Mode::Room { within, revoked } => room::run(&mut bench, &mut outcome, *within, *revoked)?,
        Mode::Storm => storm::run(&mut bench, &mut outcome)?,
        Mode::Soak => soak::run(&mut bench, &mut outcome)?,
        Mode::Slow { stalled, rate, .. } => {
            slow::run(&mut bench, &mut outcome, *stalled, *rate)?;
        }
        // It has no clients, and a run of its own.
        Mode::Start => {}
    }
    bench.mesh_notes(&mut outcome);
    if matches!(spec, Spec::Floor) {
        // It is what others are measured by; its promises count, but goals are not its.
        outcome.missed.clear();
    }
    Ok(outcome)
}

/// How many rooms there are, and how many each session opens.
fn rooms(options: &Options) -> (u32, u32) {
    match options.mode {
        Mode::Spread { rooms, each, .. } => (rooms, each),
        Mode::Idle {
            own_rooms: true, ..
        } => (options.sessions.saturating_mul(WEB_ROOMS), WEB_ROOMS),
        _ => (1, 1),
    }
}

fn profile(options: &Options) -> Profile {
    match options.mode {
        Mode::Idle { profile, .. } | Mode::Fanout { profile, .. } => profile,
        Mode::Storm | Mode::Soak => Profile::Web,
        Mode::Presence { .. } => Profile::Presence(options.sessions),
        Mode::Methods { .. } | Mode::Room { .. } | Mode::Start => Profile::Nothing,
        Mode::Spread { .. } | Mode::Slow { .. } => Profile::Rooms,
    }
}
