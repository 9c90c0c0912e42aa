//! Every row against its shape, then the rules between rows. Nothing stops at the first problem.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::error::Problem;
use super::mesh::Broker;
use super::mongo;
use super::nats::NatsServers;
use super::origin::Origin;
use super::parse;
use super::raw::Raw;
use super::secret::shown_secret;
use super::server_url::ServerUrl;
use super::shape::{Parsed, Shape};
use super::variables::{BROKER, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, VARIABLES, Variable, find};

/// The longest value that an error line repeats, in characters.
const SHOWN_LENGTH: usize = 200;

/// Checked values. A getter answers its type's empty value for what failed its check: a problem was recorded for it, so no configuration is made of it.
#[derive(Debug, Default)]
pub(super) struct Checked {
    values: HashMap<&'static str, Parsed>,
}

/// Checks every row that has a value.
pub(super) fn check(raw: &Raw, problems: &mut Vec<Problem>) -> Checked {
    let mut checked = Checked::default();
    for variable in VARIABLES {
        let Some(entry) = raw.entries.get(variable.name) else {
            continue;
        };
        let shape = shape_of(variable, raw);
        match shape.parse(&entry.text) {
            Some(value) => {
                checked.values.insert(variable.name, value);
            }
            None => problems.push(Problem::NotAccepted {
                variable: variable.name,
                value: shown(variable, &entry.text),
                origin: entry.origin,
                accepts: accepts(shape, &entry.text),
            }),
        }
    }
    checked
}

/// What is accepted, in words; and what is wrong, where that is easily overlooked.
fn accepts(shape: Shape, text: &str) -> String {
    let of_urls = matches!(shape, Shape::Nats | Shape::Mongo | Shape::Url(_));
    if of_urls && parse::has_bare_percent(text) {
        return format!("{shape}; write %25 for the % in a user name or password");
    }
    if matches!(shape, Shape::Mongo)
        && let Some(refusal) = mongo::refusal(text)
    {
        return format!("{shape}; {refusal}");
    }
    shape.to_string()
}

/// `HEARTBEAT_INTERVAL` alone is the client's, and then has the client's bounds.
fn shape_of(variable: &Variable, raw: &Raw) -> Shape {
    let clients_own =
        variable.name == HEARTBEAT_INTERVAL && !raw.entries.contains_key(HEARTBEAT_TIMEOUT);
    if clients_own {
        Shape::Seconds(10, 60)
    } else {
        variable.shape
    }
}

/// A value as it may be shown: secrets hidden, user information cut out of URLs, on one line.
pub(super) fn shown(variable: &Variable, value: &str) -> String {
    if variable.secret {
        return shown_secret(value);
    }
    if matches!(variable.shape, Shape::Url(_) | Shape::Server) && value.contains('@') {
        return shown_secret(value);
    }
    let mut text = String::new();
    for c in value.chars().take(SHOWN_LENGTH) {
        if c.is_control() {
            text.extend(c.escape_default())
        } else {
            text.push(c)
        }
    }
    if value.chars().nth(SHOWN_LENGTH).is_some() {
        text.push('…');
    }
    text
}

impl Raw {
    /// The value as it may be shown, of a variable that has one.
    pub(super) fn shown(&self, name: &str) -> String {
        match (find(name), self.entries.get(name)) {
            (Some(variable), Some(entry)) => shown(variable, &entry.text),
            _ => String::new(),
        }
    }

    /// Somebody set this variable.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.entries
            .get(name)
            .is_some_and(|entry| entry.origin != Origin::Default)
    }
}

impl Checked {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.values.get(name) {
            Some(Parsed::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn switch(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(Parsed::Switch(true)))
    }

    pub(super) fn whole(&self, name: &str) -> Option<u64> {
        match self.values.get(name) {
            Some(Parsed::Whole(number)) => Some(*number),
            _ => None,
        }
    }

    /// A number as the type that its place needs; the row's bounds keep it within.
    pub(super) fn number<T: TryFrom<u64> + Default>(&self, name: &str) -> T {
        self.whole(name)
            .and_then(|number| number.try_into().ok())
            .unwrap_or_default()
    }

    pub(super) fn time(&self, name: &str) -> Option<Duration> {
        match self.values.get(name) {
            Some(Parsed::Time(time)) => Some(*time),
            _ => None,
        }
    }

    /// A duration that has a default.
    pub(super) fn span(&self, name: &str) -> Duration {
        self.time(name).unwrap_or_default()
    }

    pub(super) fn factor(&self, name: &str) -> f64 {
        match self.values.get(name) {
            Some(Parsed::Factor(factor)) => *factor,
            _ => 0.0,
        }
    }

    pub(super) fn word(&self, name: &str) -> &'static str {
        match self.values.get(name) {
            Some(Parsed::Word(word)) => word,
            _ => "",
        }
    }

    pub(super) fn ip(&self, name: &str) -> Option<IpAddr> {
        match self.values.get(name) {
            Some(Parsed::Ip(ip)) => Some(*ip),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Parsed::List(list)) => list.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        match self.values.get(name) {
            Some(Parsed::Pairs(pairs)) => pairs.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn networks(&self, name: &str) -> Vec<IpNet> {
        match self.values.get(name) {
            Some(Parsed::Networks(networks)) => networks.clone(),
            _ => Vec::new(),
        }
    }

    /// This variable has a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(super) fn rate(&self, name: &str) -> Option<(usize, Duration)> {
        match self.values.get(name) {
            Some(Parsed::Rate(count, time)) => Some((*count, *time)),
            _ => None,
        }
    }

    pub(super) fn nats(&self, name: &str) -> Option<NatsServers> {
        match self.values.get(name) {
            Some(Parsed::Nats(servers)) => Some(servers.clone()),
            _ => None,
        }
    }

    pub(super) fn server(&self, name: &str) -> Option<ServerUrl> {
        match self.values.get(name) {
            Some(Parsed::Server(server)) => Some(server.clone()),
            _ => None,
        }
    }

    pub(super) fn broker(&self) -> Broker {
        if self.word(BROKER) == "nats" {
            Broker::Nats
        } else {
            Broker::Moleculer
        }
    }
}
