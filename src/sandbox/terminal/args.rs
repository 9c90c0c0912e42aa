//! The command lines of `ddp-streamer watch` and `ddp-streamer call`.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::{Listen, Login};

/// What to watch, and as whom.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The server.
    pub url: String,
    /// Who to be.
    pub login: Login,
    /// What to hear.
    pub listen: Vec<Listen>,
}

/// What to call, and as whom.
#[derive(Debug, Clone)]
pub struct Call {
    /// The server.
    pub url: String,
    /// Who to be.
    pub login: Login,
    /// The method.
    pub method: String,
    /// Its arguments.
    pub params: Vec<Value>,
}

fn shared(command: Command) -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    command
        .arg(
            Arg::new("url")
                .value_name("URL")
                .required(true)
                .help("The server, such as ws://localhost:3000/websocket"),
        )
        .arg(
            text("token", "TOKEN", "Log in with this login token")
                .conflicts_with_all(["user", "password"]),
        )
        .arg(text("user", "NAME", "Log in with a password").requires("password"))
        .arg(text("password", "PASSWORD", "The password of --user").requires("user"))
}

/// `watch`.
pub fn watch_command() -> Command {
    shared(Command::new("watch"))
        .about("Prints the events of streams as they come")
        .after_help("Such as: --sub room-messages:GENERAL --sub notify-user:me/notification --sub room-messages:__my_messages__")
        .arg(
            Arg::new("sub")
                .long("sub")
                .value_name("STREAM:EVENT")
                .required(true)
                .action(ArgAction::Append)
                .value_parser(listen)
                .help("An event name of a stream; me/… is the own id's. May be given several times"),
        )
}

/// `call`.
pub fn call_command() -> Command {
    shared(Command::new("call"))
        .about("Calls a method and prints its result")
        .arg(
            Arg::new("method")
                .value_name("METHOD")
                .required(true)
                .help("Such as sendMessage"),
        )
        .arg(
            Arg::new("params")
                .value_name("PARAMS")
                .num_args(0..)
                .help("JSON, one each; what is no JSON is text"),
        )
}

fn listen(text: &str) -> Result<Listen, String> {
    match text.split_once(':') {
        Some((stream, event)) if !stream.is_empty() && !event.is_empty() => {
            let stream = stream.strip_prefix("stream-").unwrap_or(stream);
            Ok(Listen {
                stream: stream.to_owned(),
                event: event.to_owned(),
            })
        }
        _ => Err("expected STREAM:EVENT, such as room-messages:GENERAL".to_owned()),
    }
}

fn login(matches: &ArgMatches) -> Login {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    match (text("token"), text("user"), text("password")) {
        (Some(token), ..) => Login::Token(token),
        (None, Some(username), Some(password)) => Login::Password { username, password },
        _ => Login::Anonymous,
    }
}

fn url(matches: &ArgMatches) -> String {
    matches
        .get_one::<String>("url")
        .cloned()
        .unwrap_or_default()
}

/// Reads what [`watch_command`] matched.
pub fn read_watch(matches: &ArgMatches) -> Watch {
    let listen = matches
        .get_many::<Listen>("sub")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    Watch {
        url: url(matches),
        login: login(matches),
        listen,
    }
}

/// Reads what [`call_command`] matched.
pub fn read_call(matches: &ArgMatches) -> Call {
    let params = matches.get_many::<String>("params").into_iter().flatten();
    let params = params
        .map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())));
    let method = matches
        .get_one::<String>("method")
        .cloned()
        .unwrap_or_default();
    Call {
        url: url(matches),
        login: login(matches),
        method,
        params: params.collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn streams_are_named_with_their_events() {
        let matches = watch_command().try_get_matches_from(
            "watch ws://a --token t --sub room-messages:GENERAL --sub stream-notify-user:me/x"
                .split(' '),
        );
        let watch = read_watch(&matches.unwrap());
        let pairs: Vec<(&str, &str)> = watch
            .listen
            .iter()
            .map(|one| (one.stream.as_str(), one.event.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [("room-messages", "GENERAL"), ("notify-user", "me/x")]
        );
        assert!(matches!(watch.login, Login::Token(token) if token == "t"));
        assert!(
            watch_command()
                .try_get_matches_from(["watch", "ws://a", "--sub", "room-messages"])
                .is_err()
        );
    }

    #[test]
    fn arguments_are_json_or_text() {
        let matches = call_command().try_get_matches_from([
            "call",
            "ws://a",
            "m",
            "{\"a\":1}",
            "GENERAL",
            "7",
            "null",
        ]);
        assert_eq!(
            read_call(&matches.unwrap()).params,
            [json!({ "a": 1 }), json!("GENERAL"), json!(7), json!(null)]
        );
    }

    #[test]
    fn the_commands_are_sound() {
        watch_command().debug_assert();
        call_command().debug_assert();
    }
}
