//! What a variable's text must look like: one place that reads it, and says in words what it takes.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;

use super::nats::{NatsServers, host_and_port};
use super::server_url::ServerUrl;
use super::{mongo, parse};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// The longest time over which something is counted, in seconds.
const DAY: u64 = 86_400;
const MINUTE: Duration = Duration::from_secs(60);

/// The start of a `MONGO_URL` that means the store in memory.
pub(crate) const MEMORY: &str = "memory:";

/// What is accepted as a variable's value. Bounds are inclusive.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any text.
    Text,
    /// Accepted and of no effect here: other services of the workspace read it.
    Ignored,
    /// `true`/`false` and its kin.
    Switch,
    /// A TCP port; 0 lets the system choose.
    Port,
    /// A TCP port, or a switch that is off.
    PortOrOff,
    /// A whole number.
    Whole(u64, u64),
    /// A whole number, or a switch that is off.
    WholeOrOff(u64, u64),
    /// Bytes, `KiB` and `MiB` understood.
    Bytes(u64, u64),
    /// A duration in seconds, fractions allowed.
    Seconds(u64, u64),
    /// A duration in milliseconds.
    Millis(u64, u64),
    /// A duration in minutes.
    Minutes(u64, u64),
    /// A number that is no duration, fractions allowed.
    Factor(u64, u64),
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// An IP address.
    Ip,
    /// A path, whatever is there.
    Path,
    /// The path of a file that can be read now.
    File,
    /// Globs, separated by commas.
    Origins,
    /// Several of these words, separated by commas, in any case.
    Words(&'static [&'static str]),
    /// HTTP headers, as OpenTelemetry writes them.
    Headers,
    /// Names with their values, as OpenTelemetry writes them.
    Attributes,
    /// Host names and addresses without a port, separated by commas.
    Hosts,
    /// Networks in CIDR form and single addresses, separated by commas.
    Networks,
    /// `<count>/<seconds>`, or a switch that is off.
    RateOrOff,
    /// A secret that fits into a header, at least so many characters of it.
    Token(usize),
    /// Text that can stand in a NATS subject.
    Subject,
    /// NATS servers.
    Nats,
    /// A URL of one of these schemes.
    Url(&'static [&'static str]),
    /// A DDP server.
    Server,
    /// A MongoDB connection string, or `memory:`.
    Mongo,
    /// Filters of `tracing-subscriber`.
    LogFilter,
}

/// A value that has passed its shape.
#[derive(Debug, Clone)]
pub(super) enum Parsed {
    Text(String),
    Switch(bool),
    Whole(u64),
    Time(Duration),
    Factor(f64),
    Word(&'static str),
    Ip(IpAddr),
    List(Vec<String>),
    Pairs(Vec<(String, String)>),
    Networks(Vec<IpNet>),
    Rate(usize, Duration),
    Nats(NatsServers),
    Server(ServerUrl),
    /// A variable that is there and switched off.
    Off,
}

impl Shape {
    /// Reads `text`; `None` when it is not acceptable.
    pub(super) fn parse(self, text: &str) -> Option<Parsed> {
        let own = || Parsed::Text(text.to_owned());
        match self {
            Self::Text | Self::Ignored | Self::Path => Some(own()),
            Self::Switch => parse::switch(text).map(Parsed::Switch),
            Self::Port => within(parse::whole(text)?, 0, u16::MAX.into()).map(Parsed::Whole),
            Self::PortOrOff | Self::WholeOrOff(..) | Self::RateOrOff
                if parse::switch(text) == Some(false) =>
            {
                Some(Parsed::Off)
            }
            Self::PortOrOff => Self::Port.parse(text),
            Self::Whole(min, max) | Self::WholeOrOff(min, max) => {
                within(parse::whole(text)?, min, max).map(Parsed::Whole)
            }
            Self::Networks => {
                let list = text.split(',').map(str::trim).filter(|one| !one.is_empty());
                let network = |one: &str| {
                    let address = || one.parse::<IpAddr>().map(IpNet::from);
                    one.parse().or_else(|_| address()).ok()
                };
                let list = list.map(network).collect::<Option<Vec<_>>>();
                list.map(Parsed::Networks)
            }
            Self::RateOrOff => {
                let (count, seconds) = text.split_once('/')?;
                let count = within(parse::whole(count.trim())?, 1, 1000)?;
                let seconds = within(parse::whole(seconds.trim())?, 1, DAY)?;
                Some(Parsed::Rate(
                    usize::try_from(count).ok()?,
                    Duration::from_secs(seconds),
                ))
            }
            Self::Bytes(min, max) => within(parse::bytes(text)?, min, max).map(Parsed::Whole),
            Self::Seconds(min, max) => time(text, SECOND, min, max),
            Self::Millis(min, max) => time(text, MILLISECOND, min, max),
            Self::Minutes(min, max) => time(text, MINUTE, min, max),
            Self::Factor(min, max) => {
                let factor = parse::decimal(text)?;
                (factor >= min as f64 && factor <= max as f64).then_some(Parsed::Factor(factor))
            }
            Self::OneOf(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .map(|word| Parsed::Word(word)),
            Self::Ip => text.parse().ok().map(Parsed::Ip),
            Self::File => std::fs::File::open(Path::new(text))
                .and_then(|file| file.metadata())
                .is_ok_and(|about| about.is_file())
                .then(own),
            Self::Origins => {
                let list: Vec<_> = list(text).map(str::to_owned).collect();
                list.iter()
                    .all(|one| !one.contains(char::is_whitespace))
                    .then_some(Parsed::List(list))
            }
            Self::Words(words) => list(text)
                .map(|one| {
                    let known = words.iter().find(|word| word.eq_ignore_ascii_case(one));
                    known.map(|word| (*word).to_owned())
                })
                .collect::<Option<_>>()
                .map(Parsed::List),
            Self::Headers => parse::pairs(text)
                .filter(|pairs| pairs.iter().all(|(_, value)| value.is_ascii()))
                .map(Parsed::Pairs),
            Self::Attributes => parse::pairs(text).map(Parsed::Pairs),
            Self::Hosts => {
                let list = text.split(',').map(str::trim).filter(|one| !one.is_empty());
                let list = list.map(|one| {
                    let bare = one.parse::<IpAddr>().is_ok()
                        || matches!(host_and_port(one), Some((_, None)));
                    bare.then(|| one.trim_matches(['[', ']']).to_owned())
                });
                list.collect::<Option<Vec<_>>>().map(Parsed::List)
            }
            Self::Token(least) => {
                let fits = text.bytes().all(|byte| byte.is_ascii_graphic());
                (fits && text.len() >= least).then(own)
            }
            Self::Subject => subject(text).then(own),
            Self::Nats => NatsServers::parse(text).map(Parsed::Nats),
            Self::Server => ServerUrl::parse(text).map(Parsed::Server),
            Self::Url(schemes) => url(text, schemes).then(own),
            Self::Mongo => (text.starts_with(MEMORY)
                || (mongo::connection_string(text).is_ok() && mongo::refusal(text).is_none()))
            .then(own),
            Self::LogFilter => tracing_subscriber::EnvFilter::builder()
                .parse(text)
                .is_ok()
                .then(own),
        }
    }
}

/// What stands between commas, if anything does.
fn list(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(',').map(str::trim);
    parts.filter(|one| !one.is_empty())
}

fn within(value: u64, min: u64, max: u64) -> Option<u64> {
    (min..=max).contains(&value).then_some(value)
}

fn time(text: &str, unit: Duration, min: u64, max: u64) -> Option<Parsed> {
    let time = parse::duration(text, unit)?;
    let bound = |units: u64| unit.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX));
    (bound(min) <= time && time <= bound(max)).then_some(Parsed::Time(time))
}

/// No wildcard, no white space, and no empty token between dots: a subject that holds it stays one subject.
fn subject(text: &str) -> bool {
    let good = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '*' | '>');
    text.split('.').all(|token| !token.is_empty()) && text.chars().all(good)
}

fn url(text: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address = authority
        .rsplit_once('@')
        .map_or(authority, |(_, address)| address);
    let clean = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    clean
        && schemes
            .iter()
            .any(|known| known.eq_ignore_ascii_case(scheme))
        && host_and_port(address).is_some()
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Text | Self::Ignored => f.write_str("any text"),
            Self::Switch => f.write_str("true or false (also yes/no, on/off, 1/0)"),
            Self::Port => f.write_str("a port, 1024–65535"),
            Self::PortOrOff => f.write_str("off, or a port, 1024–65535"),
            Self::Whole(min, max) => write!(f, "a whole number, {min}–{max}"),
            Self::WholeOrOff(min, max) => write!(f, "off, or a whole number, {min}–{max}"),
            Self::Networks => {
                f.write_str("networks such as 10.0.0.0/8 and addresses, separated by commas")
            }
            Self::RateOrOff => f.write_str("off, or <failures>/<seconds> such as 10/60"),
            Self::Bytes(min, max) => write!(f, "bytes, {min}–{max} (KiB and MiB understood)"),
            Self::Seconds(min, max) => write!(f, "seconds, {min}–{max}"),
            Self::Millis(min, max) => write!(f, "milliseconds, {min}–{max}"),
            Self::Minutes(min, max) => write!(f, "minutes, {min}–{max}"),
            Self::Factor(min, max) => write!(f, "a number, {min}–{max}"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::Ip => f.write_str("an IP address"),
            Self::Path => f.write_str("a path"),
            Self::File => f.write_str("the path of a file that can be read"),
            Self::Origins => f.write_str("origins separated by commas, * and ? as globs"),
            Self::Words(words) => {
                write!(f, "some of {}, separated by commas", words.join(", "))
            }
            Self::Headers => {
                f.write_str("name=value, separated by commas, values in ASCII or percent-encoded")
            }
            Self::Attributes => {
                f.write_str("name=value, separated by commas, values percent-encoded")
            }
            Self::Hosts => f.write_str("host names without a port, separated by commas"),
            Self::Token(least) => write!(f, "at least {least} letters, digits or signs, no blanks"),
            Self::Subject => {
                f.write_str("text without white space, *, > or an empty part between dots")
            }
            Self::Nats => f.write_str("nats://[user:pass@]host:port[,…] or tls://…"),
            Self::Url(schemes) => write!(f, "a URL, {}://host[:port]", schemes.join(":// or ")),
            Self::Server => {
                f.write_str("ws://host[:port][/path] or wss://…, without user or password")
            }
            Self::Mongo => {
                f.write_str("mongodb://…, mongodb+srv://…, memory: or memory:<seed file>")
            }
            Self::LogFilter => f.write_str("filters such as info,ddp_streamer::mesh=debug"),
        }
    }
}
