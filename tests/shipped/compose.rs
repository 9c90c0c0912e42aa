//! `compose/`: by Debian's docker-compose 1.29, and as today's Compose reads it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{run, starts_the_service};
use crate::support::sandbox::Sandbox;
use crate::support::service::{Env, Service};
use crate::support::{eventually, free_port, http, root};

/// Each line that the files document.
const WAYS: [&[&str]; 5] = [
    &["single.yml"],
    &["microservices.yml"],
    &["sandbox.yml"],
    &["single.yml", "observe.yml"],
    &["microservices.yml", "observe.yml"],
];

/// Their images have nothing in them that could ask.
const WITHOUT_HEALTH_CHECK: [&str; 2] = ["collector", "jaeger"];

fn project(files: &[&str]) -> Value {
    let read = run("compose", root().join(".cache/bin/compose-config"), files);
    serde_json::from_str(&read.unwrap_or_else(|error| panic!("{files:?}: {error}"))).expect("JSON")
}

fn services(project: &Value) -> impl Iterator<Item = (&String, &Value)> {
    project["services"].as_object().expect("services").iter()
}

fn environment(service: &Value) -> Env {
    let pairs = service["environment"].as_object().expect("an environment");
    pairs
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
        .collect()
}

#[test]
fn debians_compose_reads_every_file() {
    for files in WAYS {
        let mut arguments = vec![];
        for file in files {
            arguments.extend(["-f", file]);
        }
        arguments.extend(["config", "--quiet"]);
        assert_eq!(
            run("compose", "docker-compose", &arguments),
            Ok(String::new()),
            "{files:?}"
        );
    }
}

#[test]
fn every_service_is_bounded_and_comes_back() {
    for files in WAYS {
        let project = project(files);
        for (name, service) in services(&project) {
            let at = format!("{name} of {files:?}: {service:#}");
            let user = service["user"].as_str().unwrap_or_default();
            assert!(
                !user.is_empty() && !user.starts_with('0') && user != "root",
                "user of {at}"
            );
            assert!(
                service["mem_limit"].is_string() && service["cpus"].is_number(),
                "limits of {at}"
            );
            assert_eq!(service["logging"]["options"]["max-size"], "10m", "{at}");
            assert_eq!(service["logging"]["options"]["max-file"], "3", "{at}");
            let restart = if name == "sandbox" {
                "no"
            } else {
                "unless-stopped"
            };
            assert_eq!(service["restart"], restart, "{at}");
            let asked = service["healthcheck"]["test"].is_array();
            assert_eq!(
                asked,
                !WITHOUT_HEALTH_CHECK.contains(&name.as_str()),
                "health check of {at}"
            );
        }
    }
}

#[test]
fn this_service_needs_nothing_of_its_container() {
    for files in WAYS {
        let project = project(files);
        let ours = services(&project)
            .filter(|(name, _)| matches!(name.as_str(), "ddp-streamer" | "sandbox"));
        let ours: Vec<_> = ours.collect();
        assert_eq!(ours.len(), 1, "{files:?}");
        let (_, service) = ours[0];
        assert_eq!(service["user"], "65533:65533");
        assert_eq!(service["read_only"], true);
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]));
        assert_eq!(service["stop_grace_period"], "10s", "SHUTDOWN_GRACE is 8 s");
        assert_eq!(
            service["healthcheck"]["test"],
            serde_json::json!(["CMD", "/usr/bin/ddp-streamer", "health"])
        );
        if files != ["sandbox.yml"] {
            let limit: u64 = environment(service)["MAX_CONCURRENT_CONNECTIONS"]
                .parse()
                .expect("a number");
            let files_open = service["ulimits"]["nofile"]
                .as_u64()
                .or(service["ulimits"]["nofile"]["hard"].as_u64());
            assert!(files_open > Some(2 * limit), "{limit} clients: {service:#}");
        }
    }
}

/// One name stands for all containers of the service: a check of it would take all away for one that stops.
#[test]
fn no_container_s_health_is_taken_for_that_of_all() {
    let routes = root().join("compose/traefik/routes.yml");
    let routes = std::fs::read_to_string(routes).expect("the routes");
    assert_eq!(routes.matches("url: http://ddp-streamer:").count(), 1);
    assert!(!routes.contains("healthCheck"), "{routes}");
}

#[test]
fn what_is_mounted_is_there() {
    for files in WAYS {
        let project = project(files);
        for (name, service) in services(&project) {
            for mount in service["volumes"].as_array().into_iter().flatten() {
                if mount["type"] == "bind" {
                    let source = mount["source"].as_str().expect("a path");
                    assert!(
                        std::path::Path::new(source).is_file(),
                        "{source} of {name}, {files:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_file_is_one_of_the_ways() {
    let named: BTreeSet<_> = WAYS.concat().into_iter().map(str::to_owned).collect();
    let there = std::fs::read_dir(root().join("compose"))
        .expect("compose/")
        .map(|entry| entry.expect("an entry"));
    let there: BTreeSet<_> = there
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().into_string().expect("text"))
        .collect();
    assert_eq!(there, named);
}

#[tokio::test]
async fn the_microservices_environment_starts_it() {
    let project = project(&["microservices.yml"]);
    starts_the_service(environment(&project["services"]["ddp-streamer"])).await;
}

/// But for its ports: the usual ones may be others' on this machine.
#[tokio::test]
async fn the_sandboxes_command_starts_it() {
    let project = project(&["sandbox.yml"]);
    let command = project["services"]["sandbox"]["command"].as_array();
    let command = command.expect("a command").iter();
    let mut words: Vec<_> = command.map(|word| word.as_str().expect("text")).collect();
    assert_eq!(words.remove(0), "sandbox");
    let (port, page) = (free_port().to_string(), free_port().to_string());
    words.extend(["--port", &port, "--page-port", &page]);
    let sandbox = Sandbox::start(&words).await;
    let first = sandbox.said.lock().expect("lines").first().cloned();
    assert_eq!(
        first.as_deref(),
        Some("The sandbox is ready: a workspace in this process, as Rocket.Chat 9.x.")
    );
    // The page puts the name by which it was opened in the place of this one.
    assert_eq!(sandbox.service, format!("ws://127.0.0.1:{port}/websocket"));
    assert_eq!(sandbox.page_port().to_string(), page);
}

/// But for its address: the server is one of this machine, and need not be there for the start.
#[tokio::test]
async fn the_single_servers_environment_starts_it() {
    let project = project(&["single.yml"]);
    let mut env = environment(&project["services"]["ddp-streamer"]);
    assert_eq!(env["DDP_SERVER_URL"], "ws://rocketchat:3000/websocket");
    let (port, server) = (free_port(), free_port());
    env.insert("PORT".into(), port.to_string());
    env.insert(
        "DDP_SERVER_URL".into(),
        format!("ws://127.0.0.1:{server}/websocket"),
    );
    let _service = Service::spawn(&env);
    eventually("it is alive", || async move {
        http::get(port, "/livez")
            .await
            .ok()
            .filter(|answer| answer.status == 200)
    })
    .await;
}
