//! The command line of `ddp-streamer sandbox`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::options::from_here;
use super::{CoreRelease, OnMesh, Options, Target};

const PORT: &str = "3000";
const PAGE_PORT: &str = "3001";
const SERVICE: &str = "ws://127.0.0.1:3000/websocket";

/// What `ddp-streamer sandbox` was told to do.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Run a sandbox.
    Run(Options),
    /// Broadcast one event and end: target, event, arguments.
    Broadcast(Target, String, String),
}

/// The subcommand.
pub fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("sandbox")
        .about("A whole small workspace and a page to try it, with nothing installed")
        .after_help("Without --transporter everything runs in this process. With it the core alone joins that mesh, and you bring the service. A mesh on which somebody else offers what the core offers, as every workspace's does, is refused.")
        .arg(text("port", "PORT", "Port of the service").default_value(PORT).value_parser(value_parser!(u16)).conflicts_with("transporter"))
        .arg(text("page-port", "PORT", "Port of the page").default_value(PAGE_PORT).value_parser(value_parser!(u16)))
        .arg(text("bind", "ADDRESS", "Address of both; not meant for networks you do not trust").default_value("127.0.0.1").value_parser(value_parser!(IpAddr)))
        .arg(text("release", "RELEASE", "The Rocket.Chat release the core plays").default_value("9").value_parser(["6", "7", "8", "9"]))
        .arg(Arg::new("relay").long("relay").action(ArgAction::SetTrue).conflicts_with("transporter").help("The deployment without a mesh: the workspace is a single server, and the service relays each session to it (DDP_SERVER_URL)"))
        .arg(text("otlp", "URL", "Send the traces of everything that the service does to this OpenTelemetry collector, such as http://localhost:4317 (gRPC) or http://localhost:4318 (HTTP); the page then shows the trace of each event").conflicts_with("transporter"))
        .arg(text("transporter", "URL", "Join this mesh, such as nats://localhost:4222"))
        .arg(text("namespace", "NAME", "MS_NAMESPACE of that mesh").default_value("").requires("transporter"))
        .arg(Arg::new("yes-into-this-mesh").long("yes-into-this-mesh").action(ArgAction::SetTrue).requires("transporter").help("Even if another core is at work there: calls go to either, and people may be logged out"))
        .arg(text("mongo-url", "URL", "Write the workspace into this MongoDB database, which must be empty or an earlier sandbox's").requires("transporter"))
        .arg(text("seed-file", "FILE", "Write the workspace here, for a service with MONGO_URL=memory:FILE").value_parser(value_parser!(PathBuf)).requires("transporter"))
        .arg(text("service", "URL", "Where the page finds the service").default_value(SERVICE).requires("transporter"))
        .arg(
            Arg::new("broadcast")
                .long("broadcast")
                .num_args(2)
                .value_names(["EVENT", "ARGS"])
                .action(ArgAction::Set)
                .help("Only broadcast this event, with a JSON array of arguments: through the sandbox that runs on --page-port, or onto the mesh of --transporter. It fails where no node lists the event"),
        )
}

/// Reads what [`command`] matched.
pub fn read(matches: &ArgMatches) -> Asked {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let namespace = text("namespace").unwrap_or_default();
    let bind = matches
        .get_one::<IpAddr>("bind")
        .copied()
        .unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let page_port = matches
        .get_one::<u16>("page-port")
        .copied()
        .unwrap_or_default();
    if let Some([event, args]) = matches
        .get_many::<String>("broadcast")
        .map(Iterator::collect::<Vec<_>>)
        .as_deref()
    {
        let target = match text("transporter") {
            Some(transporter) => Target::Mesh {
                transporter,
                namespace,
            },
            None => Target::Sandbox(from_here(SocketAddr::new(bind, page_port)).to_string()),
        };
        return Asked::Broadcast(target, (*event).clone(), (*args).clone());
    }
    let named = |release: &CoreRelease| text("release") == Some(release.number().to_string());
    let release = CoreRelease::ALL.into_iter().find(named);
    let release = release.unwrap_or(CoreRelease::V9);
    let on_mesh = text("transporter").map(|transporter| OnMesh {
        transporter,
        namespace,
        whoever_is_there: matches.get_flag("yes-into-this-mesh"),
        mongo_url: text("mongo-url"),
        seed_file: matches.get_one::<PathBuf>("seed-file").cloned(),
        service: text("service").unwrap_or_else(|| SERVICE.to_owned()),
    });
    let port = matches.get_one::<u16>("port").copied().unwrap_or_default();
    Asked::Run(Options {
        bind,
        port,
        page_port,
        release,
        relay: matches.get_flag("relay"),
        otlp: text("otlp"),
        on_mesh,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Asked {
        let words = std::iter::once("sandbox").chain(line.split_whitespace());
        read(&command().try_get_matches_from(words).unwrap())
    }

    #[test]
    fn alone_it_is_a_workspace_of_the_newest_release_in_this_process() {
        let Asked::Run(options) = asked("") else {
            panic!("nothing to broadcast")
        };
        assert_eq!(
            (options.port, options.page_port, options.release),
            (3000, 3001, CoreRelease::V9)
        );
        assert!(options.bind.is_loopback() && options.on_mesh.is_none() && !options.relay);
        assert_eq!(options.otlp, None);
        let Asked::Run(options) = asked("--otlp http://localhost:4317") else {
            panic!("nothing to broadcast")
        };
        assert_eq!(options.otlp.as_deref(), Some("http://localhost:4317"));
        let Asked::Run(options) = asked("--relay") else {
            panic!("nothing to broadcast")
        };
        assert!(options.relay);
    }

    #[test]
    fn every_release_can_be_played() {
        for release in CoreRelease::ALL {
            let Asked::Run(options) = asked(&format!("--release {}", release.number())) else {
                panic!("nothing to broadcast")
            };
            assert_eq!(options.release, release);
        }
    }

    #[test]
    fn with_a_transporter_it_is_a_core_on_that_mesh() {
        let Asked::Run(options) = asked("--transporter nats://a:1 --release 6 --seed-file x.json")
        else {
            panic!("nothing to broadcast")
        };
        let on_mesh = options.on_mesh.unwrap();
        assert_eq!(
            (on_mesh.transporter.as_str(), on_mesh.service.as_str()),
            ("nats://a:1", SERVICE)
        );
        assert!(!on_mesh.whoever_is_there);
        assert_eq!(
            (options.release, on_mesh.seed_file),
            (CoreRelease::V6, Some("x.json".into()))
        );
    }

    #[test]
    fn an_event_goes_through_the_sandbox_that_runs_or_onto_the_mesh() {
        let Asked::Broadcast(Target::Sandbox(address), event, args) =
            asked("--broadcast license.sync []")
        else {
            panic!("not a broadcast")
        };
        assert_eq!(
            (address.as_str(), event.as_str(), args.as_str()),
            ("127.0.0.1:3001", "license.sync", "[]")
        );
        let Asked::Broadcast(target, ..) =
            asked("--transporter nats://a:1 --broadcast license.sync []")
        else {
            panic!("not a broadcast")
        };
        assert!(matches!(target, Target::Mesh { .. }));
    }

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }
}
