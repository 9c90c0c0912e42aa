//! `deploy/helm/`: rendered and linted by helm, its objects checked against Kubernetes' schemas.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{run, starts_the_service};
use crate::support::root;
use crate::support::service::Env;

const CHART: &str = "deploy/helm/ddp-streamer";
/// A helm that was not built by its own Makefile takes every cluster for 1.20.
const CLUSTER: &str = "--kube-version=1.34.0";
/// What each set of values in `ci/` renders, in order of kind.
const SETS: [(&str, &[&str]); 3] = [
    (
        "least",
        &["Deployment", "PodDisruptionBudget", "Secret", "Service"],
    ),
    (
        "beside-the-official-chart",
        &["Deployment", "Secret", "Service"],
    ),
    (
        "everything",
        &[
            "ConfigMap",
            "Deployment",
            "HorizontalPodAutoscaler",
            "NetworkPolicy",
            "PodDisruptionBudget",
            "PodMonitor",
            "PrometheusRule",
            "Service",
        ],
    ),
];

fn helm(arguments: &[&str]) -> Result<String, String> {
    run(CHART, root().join(".cache/bin/helm"), arguments)
}

fn values(set: &str) -> String {
    format!("ci/{set}-values.yaml")
}

/// Runs a program of the virtual environment on this text.
fn python(program: &str, arguments: &[&str], text: &str) -> Result<String, String> {
    let mut child = Command::new(root().join(".cache/venv/bin").join(program))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts (make fixtures)");
    let written = child
        .stdin
        .take()
        .expect("stdin")
        .write_all(text.as_bytes());
    written.expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    if output.status.success() {
        Ok(said)
    } else {
        Err(said)
    }
}

/// The documents of a YAML text.
fn documents(yaml: &str) -> Vec<Value> {
    let script = "import json, sys, yaml; json.dump([d for d in yaml.safe_load_all(sys.stdin) if d], sys.stdout)";
    serde_json::from_str(&python("python", &["-c", script], yaml).expect("YAML")).expect("JSON")
}

fn rendered(set: &str) -> Vec<Value> {
    let yaml = helm(&[
        "template",
        CLUSTER,
        "chat",
        ".",
        "--namespace",
        "chat",
        "--values",
        &values(set),
    ]);
    let mut objects = documents(&yaml.unwrap_or_else(|error| panic!("{set}: {error}")));
    objects.sort_by_key(|object| object["kind"].as_str().map(str::to_owned));
    objects
}

fn object<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects
        .iter()
        .find(|object| object["kind"] == kind)
        .unwrap_or_else(|| panic!("no {kind}"))
}

fn pod(objects: &[Value]) -> &Value {
    &object(objects, "Deployment")["spec"]["template"]["spec"]
}

/// The plain variables of the container; what comes from Secrets and fields is not there.
fn environment(objects: &[Value]) -> Env {
    let list = pod(objects)["containers"][0]["env"]
        .as_array()
        .expect("env");
    list.iter()
        .filter_map(|variable| {
            Some((
                variable["name"].as_str()?.to_owned(),
                variable["value"].as_str()?.to_owned(),
            ))
        })
        .collect()
}

/// Helm reads every number of a values file as a float.
#[test]
fn numbers_of_the_environment_keep_their_digits() {
    let env = environment(&rendered("everything"));
    let of = |name: &str| env.get(name).map(String::as_str);
    assert_eq!(
        (
            of("DDP_MAX_BUFFERED_BYTES"),
            of("TRACING_ENABLED"),
            of("LOG_LEVEL")
        ),
        (Some("8388608"), Some("true"), Some("warn"))
    );
}

/// A client's own header is its address where somebody is believed who does not stand in front.
#[test]
fn the_ingress_alone_is_believed_unless_said_otherwise() {
    let forwarded = |more: &[&str]| {
        let arguments = [
            "template",
            CLUSTER,
            "chat",
            ".",
            "--values",
            "ci/least-values.yaml",
        ];
        let objects = documents(&helm(&[&arguments[..], more].concat()).expect("it renders"));
        environment(&objects)["HTTP_FORWARDED_COUNT"].clone()
    };
    assert_eq!(forwarded(&[]), "1");
    let balanced = "service.type=LoadBalancer,forwardedCount=0";
    assert_eq!(forwarded(&["--set", balanced]), "0");
    assert_eq!(forwarded(&["--set", "forwardedCount=3"]), "3");
}

/// Whatever the chart renders, `env` cannot contradict: the last of two would win.
#[test]
fn what_the_chart_renders_is_refused_in_env() {
    // What its own env and extraEnv say.
    let given = ["LOG_LEVEL", "DDP_MAX_BUFFERED_BYTES", "TRACING_ENABLED"];
    let of_values = |name: &str| name.starts_with("OTEL_") || given.contains(&name);
    let objects = rendered("everything");
    let all = pod(&objects)["containers"][0]["env"].as_array();
    let names = all.expect("env").iter();
    let names = names.map(|variable| variable["name"].as_str().expect("a name"));
    let own: Vec<_> = names.filter(|name| !of_values(name)).collect();
    assert!(
        own.contains(&"PORT") && own.contains(&"TLS_KEY_PATH"),
        "{own:?}"
    );
    for name in own.into_iter().chain(["MS_METRICS_PORT"]) {
        let (env, extra) = (
            format!("env.{name}=1"),
            format!("extraEnv[0].name={name},extraEnv[0].value=x"),
        );
        for wrong in [env, extra] {
            let arguments = [
                "template",
                CLUSTER,
                "chat",
                ".",
                "--values",
                "ci/least-values.yaml",
            ];
            let refused = helm(&[&arguments[..], &["--set", &wrong]].concat());
            let error = refused.expect_err(&wrong);
            let says = format!("{name} cannot stand in env or extraEnv: the chart sets it");
            assert!(error.contains(&says), "{wrong}: {error}");
        }
    }
}

#[test]
fn every_set_of_values_renders_what_it_should() {
    for (set, kinds) in SETS {
        let objects = rendered(set);
        let found: Vec<_> = objects
            .iter()
            .map(|object| object["kind"].as_str().expect("a kind"))
            .collect();
        assert_eq!(found, kinds, "{set}");
        let linted = helm(&["lint", CLUSTER, ".", "--strict", "--values", &values(set)]);
        assert!(linted.is_ok(), "{set}: {linted:?}");
    }
}

#[test]
fn kubernetes_takes_its_own_objects() {
    for (set, _) in SETS {
        for object in rendered(set) {
            if object["apiVersion"] != "monitoring.coreos.com/v1" {
                let checked = python(
                    "kubernetes-validate",
                    &["--strict", "-"],
                    &object.to_string(),
                );
                assert!(checked.is_ok(), "{set}: {checked:?}\n{object:#}");
            }
        }
    }
}

/// The operator's objects are in no schema here: what the operator reads of them.
#[test]
fn the_operators_objects_have_their_shape() {
    let objects = rendered("everything");
    let monitor = object(&objects, "PodMonitor");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(
        monitor["spec"]["podMetricsEndpoints"],
        json!([{ "port": "metrics", "interval": "15s" }])
    );
    // The operator names the job <namespace>/<name>: DdpStreamerDown looks for it by a part of it.
    for release in ["chat", "ddp-streamer"] {
        let template = [
            "template",
            CLUSTER,
            release,
            ".",
            "--values",
            "ci/everything-values.yaml",
        ];
        let objects = documents(&helm(&template).expect("it renders"));
        let name = &object(&objects, "PodMonitor")["metadata"]["name"];
        assert!(
            name.as_str().expect("a name").contains("ddp-streamer"),
            "{name}"
        );
    }
    let labels = &object(&objects, "Deployment")["spec"]["template"]["metadata"]["labels"];
    for (name, value) in monitor["spec"]["selector"]["matchLabels"]
        .as_object()
        .expect("labels")
    {
        assert_eq!(&labels[name], value);
    }
    let ports = pod(&objects)["containers"][0]["ports"]
        .as_array()
        .expect("ports");
    assert!(
        ports.contains(&json!({ "name": "metrics", "containerPort": 9458 })),
        "{ports:?}"
    );
}

#[test]
fn the_rules_and_the_dashboard_are_those_of_deploy() {
    let of = |file: &str| std::fs::read_to_string(root().join("deploy").join(file)).expect(file);
    let objects = rendered("everything");
    let rules = &object(&objects, "PrometheusRule")["spec"];
    assert_eq!(rules, &documents(&of("prometheus/alerts.yml"))[0]);
    let dashboard = &object(&objects, "ConfigMap")["data"]["ddp-streamer.json"];
    assert_eq!(dashboard, of("grafana/ddp-streamer.json").trim_end());
}

#[test]
fn a_pod_has_the_time_that_its_stop_takes() {
    for (set, _) in SETS {
        let objects = rendered(set);
        let grace: u64 = environment(&objects)["SHUTDOWN_GRACE"]
            .parse()
            .expect("seconds");
        let pod = pod(&objects);
        assert!(
            pod["terminationGracePeriodSeconds"].as_u64() > Some(grace + 5),
            "{set}"
        );
        let probe = &pod["containers"][0]["readinessProbe"];
        let noticed = probe["periodSeconds"].as_u64().expect("s")
            * probe["failureThreshold"].as_u64().expect("times");
        assert!(
            noticed <= grace / 4,
            "{set}: not ready is noticed while new clients are still taken"
        );
    }
}

#[test]
fn nothing_runs_as_root_or_writes() {
    for (set, _) in SETS {
        let objects = rendered(set);
        let pod = pod(&objects);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{set}");
        assert_eq!(pod["securityContext"]["runAsUser"], 65533, "{set}");
        assert_eq!(
            pod["containers"][0]["securityContext"],
            json!({ "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } }),
            "{set}"
        );
        assert_eq!(pod["automountServiceAccountToken"], false, "{set}");
    }
}

#[test]
fn addresses_with_passwords_stand_in_secrets_only() {
    let objects = rendered("least");
    for object in &objects {
        let told = object.to_string().contains("mongodb://");
        assert_eq!(told, object["kind"] == "Secret", "{object:#}");
    }
}

#[test]
fn values_that_cannot_work_are_refused() {
    for (set, wrong, says) in [
        ("least", "nats.url=", "nats.url or nats.existingSecret"),
        (
            "least",
            "mongodb.url=",
            "mongodb.url or mongodb.existingSecret",
        ),
        (
            "everything",
            "metrics.enabled=false",
            "autoscaling.enabled needs metrics.enabled",
        ),
        ("least", "maxConnections=10", "maxConnections"),
        ("least", "replica=3", "replica"),
        (
            "least",
            "image.repository=",
            "image.repository: push the image",
        ),
        (
            "least",
            "service.type=LoadBalancer",
            "forwardedCount: how many proxies",
        ),
        (
            "least",
            "service.type=NodePort",
            "forwardedCount: how many proxies",
        ),
    ] {
        let refused = helm(&[
            "template",
            CLUSTER,
            "chat",
            ".",
            "--values",
            &values(set),
            "--set",
            wrong,
        ]);
        let error = refused.expect_err(wrong);
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[tokio::test]
async fn every_set_of_values_starts_the_service() {
    for (set, _) in SETS {
        let mut env = environment(&rendered(set));
        // Files and collectors of the cluster.
        for name in [
            "ENABLE_TLS",
            "TLS_CERT_PATH",
            "TLS_KEY_PATH",
            "TRACING_ENABLED",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ] {
            env.remove(name);
        }
        starts_the_service(env).await;
    }
}

/// The values that the official chart reads for this service, as its templates name them; it is not to be had here.
#[test]
fn the_overlay_sets_what_the_official_chart_reads() {
    let overlay = std::fs::read_to_string(root().join("deploy/helm/rocketchat-values.yaml"))
        .expect("the overlay");
    let overlay = &documents(&overlay)[0];
    let keys = |value: &Value| {
        value
            .as_object()
            .expect("a map")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(overlay), ["microservices"]);
    assert_eq!(keys(&overlay["microservices"]), ["ddpStreamer", "enabled"]);
    for key in keys(&overlay["microservices"]["ddpStreamer"]) {
        assert!(
            [
                "image",
                "replicas",
                "resources",
                "securityContext",
                "tolerations"
            ]
            .contains(&key.as_str()),
            "{key}"
        );
    }
    // It appends the workspace's tag.
    let repository = overlay["microservices"]["ddpStreamer"]["image"]["repository"]
        .as_str()
        .expect("a name");
    assert!(
        !repository.contains('@')
            && !repository
                .rsplit('/')
                .next()
                .is_some_and(|last| last.contains(':'))
    );
}
