//! NATS, the nodes, and the services that the streamer calls.

use std::collections::BTreeSet;

use super::clock::Reading;
use super::report::{Finding, Verdict, millis};
use crate::app;
use crate::config::{Broker, MeshSettings};
use crate::mesh::{NodeSeen, Release, ServerSeen, ServerTrouble, Survey, survey};

/// A service that clients cannot do without: what fails, and who has it.
type Needed = (&'static str, &'static str, &'static str);

const NEEDED: &[Needed] = &[
    (
        "accounts",
        "nobody can log in",
        "start Rocket.Chat's account service",
    ),
    (
        "authorization",
        "no room can be opened",
        "start Rocket.Chat's authorization service",
    ),
    (
        "presence",
        "everybody looks offline",
        "start Rocket.Chat's presence service",
    ),
    (
        "meteor",
        "no method can be called and nothing is broadcast",
        "start Rocket.Chat itself on this mesh (TRANSPORTER in its environment)",
    ),
    (
        "license",
        "every service of the workspace stops after a while",
        "start Rocket.Chat itself, with an enterprise licence",
    ),
];

/// Services that are not in every workspace, and what they are for.
type Optional = (&'static str, &'static str);

const OPTIONAL: &[Optional] = &[
    ("video-conference", "conferences"),
    ("media-call", "calls of 8.x"),
    ("status-visibility", "hidden statuses, since 8.8"),
    ("ee-settings", "enterprise settings"),
];

/// Below what NATS takes unless told otherwise, large messages and INFO packets are lost.
const USUAL_MAX_PAYLOAD: usize = 1024 * 1024;

/// For nodes of Moleculer 0.15.
const TAKE_PROTOCOL_5: &str = "set MOLECULER_PROTOCOL=5";

/// What was seen, or why nobody could look.
pub(super) type Seen = Result<Survey, String>;

pub(super) async fn look(settings: &MeshSettings) -> Seen {
    let config = app::mesh_config(settings).map_err(|error| error.to_string())?;
    let enough =
        |services: &BTreeSet<String>| NEEDED.iter().all(|(name, ..)| services.contains(*name));
    survey(&config, enough)
        .await
        .map_err(|error| error.to_string())
}

pub(super) fn judge(
    seen: Seen,
    settings: &MeshSettings,
    findings: &mut Vec<Finding>,
    clocks: &mut Vec<Reading>,
) {
    let survey = match seen {
        Ok(survey) => survey,
        Err(problem) => {
            let advice = "correct the setting";
            return findings.push(Finding::wrong("NATS", problem, advice));
        }
    };
    let reached = survey.servers.iter().any(|server| server.told.is_ok());
    findings.extend(
        survey
            .servers
            .iter()
            .map(|server| about_server(server, settings.transporter_from, reached)),
    );
    if !reached {
        return;
    }
    findings.extend(survey.nodes.iter().map(about_node));
    let counted = survey.nodes.iter().filter_map(|node| {
        Some(Reading {
            whose: node.id.to_string(),
            round_trip: node.round_trip?,
            ahead_ms: node.ahead_ms?,
        })
    });
    clocks.extend(counted);
    if survey.nodes.is_empty() {
        return findings.push(nobody(&survey, settings));
    }
    for node in &survey.mute {
        findings.push(
            Finding::warning(
                "node",
                format!("{node}: it beats and does not tell what it offers"),
            )
            .advised(
                "see whether it is overloaded, and whether its SERIALIZER is the same as here",
            ),
        );
    }
    if survey.unreadable > 0 {
        let found = format!("{} packets of the mesh cannot be read", survey.unreadable);
        findings
            .push(Finding::warning("nodes", found).advised("every node needs the same SERIALIZER"));
    }
    if survey.of_protocol_5 > 0 {
        let found = format!(
            "{} packets of the mesh are of protocol 5, which is not taken",
            survey.of_protocol_5
        );
        findings.push(Finding::warning("nodes", found).advised(TAKE_PROTOCOL_5));
    }
    findings.extend(about_release(survey.release));
    about_services(&survey.nodes, findings);
}

/// `variable` names the servers.
fn about_server(server: &ServerSeen, variable: &str, another_is_there: bool) -> Finding {
    let ServerSeen { name, told } = server;
    let facts = match told {
        Ok(facts) => facts,
        Err(trouble) => {
            let advice = match trouble {
                ServerTrouble::Refused => {
                    format!("correct user and password, or the token, in {variable}")
                }
                ServerTrouble::Tls(_) => {
                    format!("see TLS_CA_PATH, and whether {variable} should say tls:// or nats://")
                }
                ServerTrouble::Silent => {
                    "see whether nats-server is frozen, or a firewall swallows the packets"
                        .to_owned()
                }
                ServerTrouble::Unreachable(_) => {
                    format!("start nats-server, or correct {variable}")
                }
            };
            let mut finding = Finding::wrong("NATS", format!("{name}: {trouble}"), advice);
            if another_is_there {
                finding.verdict = Verdict::Warning;
            }
            return finding;
        }
    };
    let round_trip = facts
        .round_trip
        .map_or("does not deliver".to_owned(), |took| {
            format!("answers in {}", millis(took))
        });
    let found = format!(
        "{name}: version {}, connected in {}, {round_trip}, max_payload {}",
        facts.version,
        millis(facts.connected_in),
        bytes(facts.max_payload)
    );
    if facts.round_trip.is_none() {
        return Finding::wrong(
            "NATS",
            found,
            "see the server's log, and this user's permissions",
        );
    }
    if facts.max_payload < USUAL_MAX_PAYLOAD {
        let advice = "larger messages are lost: raise max_payload in nats-server's configuration to 1MB or more";
        return Finding::warning("NATS", found).advised(advice);
    }
    Finding::ok("NATS", found)
}

fn bytes(count: usize) -> String {
    const KIB: usize = 1024;
    match count {
        count if count >= KIB * KIB && count % (KIB * KIB) == 0 => {
            format!("{} MiB", count / (KIB * KIB))
        }
        count if count >= KIB && count % KIB == 0 => format!("{} KiB", count / KIB),
        count => format!("{count} bytes"),
    }
}

fn about_node(node: &NodeSeen) -> Finding {
    let services = if node.services.is_empty() {
        "no services".to_owned()
    } else {
        node.services.join(", ")
    };
    let host = node
        .hostname
        .as_deref()
        .map(|host| format!(" on {host}"))
        .unwrap_or_default();
    let Some(took) = node.round_trip else {
        let found = format!(
            "{}: {}{host}, does not answer pings: {services}",
            node.id, node.client
        );
        return Finding::warning("node", found).advised("see whether it is overloaded");
    };
    let found = format!(
        "{}: {}{host}, answers in {}: {services}",
        node.id,
        node.client,
        millis(took)
    );
    Finding::ok("node", found)
}

fn nobody(survey: &Survey, settings: &MeshSettings) -> Finding {
    if settings.broker == Broker::Nats {
        let advice = "start Rocket.Chat 8.x with its plain broker on this server, or unset BROKER if the workspace runs Moleculer";
        return Finding::wrong("nodes", "nobody answers with BROKER=nats", advice);
    }
    let here = named(&settings.node.namespace);
    if survey.of_protocol_5 > 0 {
        let found = format!("all nodes in {here} speak protocol 5, which is not taken");
        return Finding::wrong("nodes", found, TAKE_PROTOCOL_5);
    }
    if !survey.mute.is_empty() || survey.unreadable > 0 {
        let found = format!("nobody tells of itself in {here}, and somebody beats");
        let advice = "set SERIALIZER to what the other services have";
        return Finding::wrong("nodes", found, advice);
    }
    if survey.strangers.is_empty() {
        let advice = "start Rocket.Chat and its services with this TRANSPORTER, or set BROKER=nats if that is what they run";
        return Finding::wrong(
            "nodes",
            format!("nobody is there, in {here} or elsewhere"),
            advice,
        );
    }
    let others: Vec<_> = survey.strangers.iter().map(|other| named(other)).collect();
    let found = format!(
        "nobody is there in {here}; there are nodes in {}",
        others.join(", ")
    );
    Finding::wrong(
        "nodes",
        found,
        "set MS_NAMESPACE to what the other services have",
    )
}

fn named(namespace: &str) -> String {
    if namespace.is_empty() {
        "no namespace".to_owned()
    } else {
        format!("namespace '{namespace}'")
    }
}

fn about_release(release: Release) -> Option<Finding> {
    match release {
        // That no core is there is told with the services.
        Release::Unknown => None,
        Release::V6 => Some(Finding::ok("release", "Rocket.Chat 6.x or 7.x")),
        Release::V8 => Some(Finding::ok("release", "Rocket.Chat 8.x or 9.x")),
        Release::Mixed => Some(
            Finding::warning(
                "release",
                "Rocket.Chat 8.x or 9.x beside an older one: the stricter rules of the two hold",
            )
            .advised("finish the upgrade"),
        ),
    }
}

fn about_services(nodes: &[NodeSeen], findings: &mut Vec<Finding>) {
    let there = |name: &str| {
        nodes
            .iter()
            .any(|node| node.services.iter().any(|service| service == name))
    };
    let (found, missing): (Vec<&Needed>, Vec<&Needed>) =
        NEEDED.iter().partition(|(name, ..)| there(name));
    if !found.is_empty() {
        let names: Vec<_> = found.iter().map(|(name, ..)| *name).collect();
        findings.push(Finding::ok("services", names.join(", ")));
    }
    for (name, fails, advice) in missing {
        let found = format!("{name}: nobody offers it, and {fails}");
        findings.push(Finding::wrong("services", found, *advice));
    }
    let (found, missing): (Vec<&Optional>, Vec<&Optional>) =
        OPTIONAL.iter().partition(|(name, _)| there(name));
    let mut parts: Vec<String> = found.iter().map(|(name, _)| (*name).to_owned()).collect();
    if !missing.is_empty() {
        let absent: Vec<_> = missing
            .iter()
            .map(|(name, what)| format!("{name} ({what})"))
            .collect();
        parts.push(format!("not there: {}", absent.join(", ")));
    }
    findings.push(Finding::ok("optional", parts.join(", ")));
}
