//! `config`: every variable with its value and where that is from.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use clap::Command;
use ddp_streamer::config::{
    self, Broker, CONFIG_FILE, Loaded, MeshSettings, NoteLevel, Origin, VARIABLES,
};

/// In place of a value that nobody set and that has no default.
const NONE: &str = "-";
/// As text.
const UUID_LENGTH: usize = 36;

pub(super) fn command() -> Command {
    Command::new("config").about(
        "Prints every setting with its value, secrets hidden, and where it is from: default, file or environment",
    )
}

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let loaded = match config::load(config::process_environment()) {
        Ok(loaded) => loaded,
        Err(errors) => {
            writeln!(stderr().lock(), "{errors}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut out = stdout().lock();
    let rows = rows(&loaded);
    let width = |column: fn(&Row) -> &str| {
        let widths = rows.iter().map(|row| column(row).chars().count());
        widths.max().unwrap_or_default()
    };
    let (name, origin) = (width(|row| row.name), width(|row| row.origin));
    for row in &rows {
        writeln!(
            out,
            "{:name$}  {:origin$}  {}",
            row.name, row.origin, row.value
        )?;
    }
    let left_out = left_out(&loaded).count();
    if left_out > 0 {
        writeln!(
            out,
            "\n{left_out} variables of mesh and database are left out: they have no effect with DDP_SERVER_URL"
        )?;
    }
    for note in loaded
        .notes
        .iter()
        .filter(|note| note.level != NoteLevel::Debug)
    {
        let loud = if note.level == NoteLevel::Warn {
            "warning: "
        } else {
            ""
        };
        writeln!(out, "\n{loud}{}", note.text)?;
    }
    Ok(ExitCode::SUCCESS)
}

struct Row {
    name: &'static str,
    origin: &'static str,
    value: String,
}

/// What nobody set and has no effect: a default would look as if it had one.
fn left_out(loaded: &Loaded) -> impl Iterator<Item = &'static str> {
    let is_set = |name: &str| {
        let values = loaded.values.iter();
        let mut set = values.filter(|value| value.origin != Origin::Default);
        set.any(|value| value.variable.name == name)
    };
    let idle = loaded.idle.iter().copied();
    idle.filter(move |name| !is_set(name))
}

fn rows(loaded: &Loaded) -> Vec<Row> {
    let file = config::process_environment()
        .find(|(name, value)| name == CONFIG_FILE && !value.trim().is_empty())
        .map(|(_, path)| Row {
            name: CONFIG_FILE,
            origin: Origin::Environment.word(),
            value: path,
        });
    let left_out: Vec<_> = left_out(loaded).collect();
    let there = VARIABLES
        .iter()
        .filter(|variable| !left_out.contains(&variable.name));
    let variables = there.map(|variable| {
        let set = loaded
            .values
            .iter()
            .find(|value| value.variable.name == variable.name);
        Row {
            name: variable.name,
            origin: set.map_or(Origin::Default, |value| value.origin).word(),
            value: set.map_or_else(
                || unset(variable.name, loaded),
                // A value may be anything, and this is a terminal.
                |value| {
                    value
                        .shown
                        .chars()
                        .map(|c| if c.is_control() { ' ' } else { c })
                        .collect()
                },
            ),
        }
    });
    file.into_iter().chain(variables).collect()
}

/// The value of a variable that has one.
fn shown<'l>(loaded: &'l Loaded, name: &str) -> Option<&'l str> {
    let mut values = loaded.values.iter();
    let value = values.find(|value| value.variable.name == name)?;
    Some(&value.shown)
}

/// What holds where nobody set anything and the default depends on the host or on other variables.
fn unset(name: &str, loaded: &Loaded) -> String {
    let config = &loaded.config;
    match name {
        "BIND_IP" => config.gateway.address().ip().to_string(),
        "HEARTBEAT_INTERVAL" if config.relay.is_some() => {
            config.session.heartbeat_interval.as_secs().to_string()
        }
        "HEARTBEAT_INTERVAL" => format!("{} (mesh)", config.mesh.node.heartbeat_interval.as_secs()),
        "HEARTBEAT_TIMEOUT" => config.mesh.node.heartbeat_timeout.as_secs().to_string(),
        "DDP_HEARTBEAT_INTERVAL" => config.session.heartbeat_interval.as_secs().to_string(),
        "LOG_LEVEL" => config.logs.level.to_string(),
        "LOG_FORMAT" => match config.logs.format {
            config::LogFormat::Json => "json".to_owned(),
            config::LogFormat::Pretty => "pretty".to_owned(),
        },
        "TOKIO_WORKER_THREADS" => std::thread::available_parallelism()
            .map_or_else(|_| NONE.to_owned(), |cores| cores.to_string()),
        "MULTIPLE_INSTANCES_EXPIRE" => (config.store.expire.as_secs() / 60).to_string(),
        "NODE_ID" => node_id(&config.mesh),
        "DDP_MAX_BUFFERED_TOTAL" => config.session.max_buffered_total.to_string(),
        "NATS_URL" if config.mesh.broker == Broker::Nats => shown(loaded, "TRANSPORTER")
            .map_or_else(|| config.mesh.transporter.servers.join(","), str::to_owned),
        // The one for traces alone wins over it.
        "OTEL_EXPORTER_OTLP_ENDPOINT"
            if shown(loaded, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").is_none() =>
        {
            loaded.traces.endpoint_of_all().to_owned()
        }
        "OTEL_SERVICE_NAME" => loaded.traces.service_name.clone(),
        _ => NONE.to_owned(),
    }
}

/// The end of it, a process id or a random UUID, is that of this command.
fn node_id(mesh: &MeshSettings) -> String {
    let (end, shown) = match mesh.broker {
        Broker::Moleculer => (std::process::id().to_string().len(), "<pid>"),
        Broker::Nats => (UUID_LENGTH, "<random>"),
    };
    let host = mesh.node_id.len().saturating_sub(end);
    format!("{}{shown}", mesh.node_id.get(..host).unwrap_or_default())
}
