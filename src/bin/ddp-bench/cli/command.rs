//! The arguments as clap knows them.

use clap::{Arg, ArgAction, Command};

use crate::target::leash;

struct Defaults {
    sessions: &'static str,
    seconds: &'static str,
    bytes: &'static str,
    ramp: &'static str,
}

const USUAL: Defaults = Defaults {
    sessions: "1000",
    seconds: "10",
    bytes: "300",
    ramp: "200",
};

fn value(name: &'static str, place: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(place).help(help)
}

fn profile(usual: &'static str) -> Arg {
    let help = "What sessions subscribe to: the messages of a room (rooms), or a web client's 37 publications (web)";
    value("profile", "NAME", help)
        .default_value(usual)
        .value_parser(["rooms", "web"])
}

pub(super) fn command() -> Command {
    let rate =
        |default| value("rate", "EVENTS/S", "Open loop: events a second").default_value(default);
    Command::new("ddp-bench")
        .about("Loads DDP servers of Rocket.Chat's dialect and plays the mesh they live in; loopback only")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([
            load("idle", "N logged-in sessions at rest: memory and set-up CPU each", &USUAL)
                .arg(profile("web"))
                .arg(value("rest", "SECONDS", "Rest before the memory is read").default_value("10"))
                .arg(value("no-reuse", "", "Each room publication of each session is of another room of its own, so that no answer of the core or the database can be reused").action(ArgAction::SetTrue))
                .arg(value("events", "COUNT", "Then send this many events to all, and read the memory again").default_value("0"))
                .arg(value("rest-after", "SECONDS", "Rest after those").default_value("30")),
            load("fanout", "One event to all N sessions", &USUAL)
                .arg(rate("20"))
                .arg(value("window", "EVENTS", "Saturated instead: keep this many events on their way"))
                .arg(profile("rooms")),
            load("spread", "Many rooms, few listeners each", &USUAL)
                .arg(value("rooms", "COUNT", "Rooms").default_value("500"))
                .arg(value("rooms-each", "COUNT", "Rooms that a session listens to").default_value("2"))
                .arg(rate("200"))
                .arg(value("window", "EVENTS", "Saturated instead: keep this many events on their way; --rate max is the same with 8192")),
            load("presence", "Every user listens to every user", &Defaults { bytes: "0", ..USUAL })
                .arg(value("changing", "USERS", "Users that change, in turn").default_value("100"))
                .arg(rate("10")),
            load("methods", "Method calls through the mesh", &USUAL)
                .arg(value("in-flight", "CALLS", "Calls on their way at any time").default_value("200")),
            load("room", "All users open one room at once; some lose their access, and all open it again", &USUAL)
                .arg(value("within", "SECONDS", "From the first visit to the last").default_value("1"))
                .arg(value("revoked", "N", "Every N-th user loses the access (0: nobody)").default_value("10")),
            load("storm", "All connections dropped and back: connect, login, subscribe", &Defaults { ramp: "1000", ..USUAL }),
            load("start", "A spawned server's time until it is ready, NATS and core there already (a database too, by --env MONGO_URL=…)", &USUAL),
            load(
                "soak",
                "Everything at once, lap after lap, until --seconds have passed: does anything stay when all have left?",
                &Defaults { sessions: "4000", seconds: "300", ramp: "1000", ..USUAL },
            ),
            load(
                "slow",
                "Some clients stop reading",
                &Defaults {
                    sessions: "200",
                    seconds: "20",
                    bytes: "8000",
                    ..USUAL
                },
            )
            .arg(value("stalled", "SESSIONS", "How many stop").default_value("2"))
            .arg(value("link", "BYTES/S", "They read this much, instead of nothing"))
            .arg(rate("100")),
            Command::new(leash::NAME).hide(true).arg(Arg::new("command").num_args(1..).last(true).required(true)),
            Command::new("floor")
                .about("Be the theoretical server: one thread, one epoll, one write of the ready frame per listener")
                .arg(value("listen", "ADDRESS", "Loopback address and port").default_value("127.0.0.1:3000"))
                .arg(value("nats", "URL", "The mesh").default_value("nats://127.0.0.1:4222"))
                .arg(value("namespace", "NAME", "Of the mesh").default_value(""))
                .arg(value("node", "ID", "Node id").default_value("ddp-floor"))
                .arg(value("seconds", "SECONDS", "End after").default_value("600")),
        ])
}

fn load(name: &'static str, about: &'static str, defaults: &Defaults) -> Command {
    Command::new(name).about(about).args([
        value("url", "URL", "The server under test, already running")
            .default_value("http://127.0.0.1:3000"),
        value(
            "server-pid",
            "PID,…",
            "Its process, for CPU time and memory (one for each URL)",
        ),
        value("spawn", "[NAME=]COMMAND", "Start the server under test with the right environment, and end it; may be given several times").action(ArgAction::Append),
        value("proxy", "[NAME=]COMMAND", "Start a proxy in front of the first --spawn, which then runs where the bench does; {port}, {server}, {certificate} and {key} in it are replaced. It is what is measured; one that is called …-tls is met with TLS; may be given several times").action(ArgAction::Append),
        value("env", "NAME=VALUE", "More environment for --spawn").action(ArgAction::Append),
        value(
            "against",
            "LIST",
            "Several servers in turn: URLs (wss: with TLS), `spawn`, `spawn-tls` (the spawned ones with TLS), `proxy`, `floor`, `centrifugo` (fanout and idle with --profile rooms, spread), separated by commas",
        ),
        value("centrifugo", "FILE", "The centrifugo to start: memory engine, JSON, events through its HTTP API, GOMAXPROCS 1 where --server-cpu pins it; `scripts/fixtures centrifugo` builds it")
            .default_value(".cache/bin/centrifugo"),
        value("servers", "COUNT", "Spawned servers at the same time, the sessions spread over them").default_value("1"),
        value(
            "rounds",
            "COUNT",
            "Rounds through that list; medians are printed",
        )
        .default_value("1"),
        value("sessions", "COUNT", "Sessions").default_value(defaults.sessions),
        value("seconds", "SECONDS", "How long to measure").default_value(defaults.seconds),
        value("warm-up", "SECONDS", "Load that is not measured").default_value("2"),
        value(
            "patience",
            "SECONDS",
            "For set-up, and for the last deliveries",
        )
        .default_value("60"),
        value("bytes", "BYTES", "JSON size of an event's message").default_value(defaults.bytes),
        value("raw", "", "Raw framing instead of SockJS").action(ArgAction::SetTrue),
        value("mixed", "", "The other framing for every second group of sessions").action(ArgAction::SetTrue),
        value("no-resumption", "", "Over TLS, each connection begins with a handshake of its own").action(ArgAction::SetTrue),
        value("anonymous", "", "No login").action(ArgAction::SetTrue),
        value("threads", "COUNT", "Threads that hold the clients").default_value("1"),
        value("ramp", "COUNT", "Sessions in set-up at a time, each thread")
            .default_value(defaults.ramp),
        value("ramp-rate", "SESSIONS/S", "Sessions that begin a second; without it as --ramp allows"),
        value("tries", "COUNT", "Tries before a session gives up").default_value("20"),
        value(
            "memberships",
            "COUNT",
            "Rooms that each user is a member of, in the seed of --spawn",
        )
        .default_value("10"),
        value("server-cpu", "CPU", "Pin a spawned server to this core"),
        value("bench-cpu", "CPU", "Pin everything else to this core"),
        value(
            "nats",
            "URL",
            "The mesh's NATS; without it a nats-server is started",
        ),
        value("nats-server", "FILE", "The nats-server to start")
            .default_value(".cache/venv/bin/nats-server"),
        value("namespace", "NAME", "Of the mesh").default_value(""),
        value("core-delay", "MS", "How long the core takes to answer").default_value("0"),
        value("json", "FILE", "Figures for machines"),
        value("report", "FILE.html", "A page with charts"),
        value("server-log", "FILE", "Where a spawned server's output goes"),
    ])
}
