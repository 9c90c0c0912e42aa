//! Every command on the pages for operators is run as it stands, and what the pages list is what there is.
//!
//! There is no engine and no cluster here: `docker`, `helm` and `kubectl` are stand-ins that read the same files by their
//! real readers, run the same binary, and know the official chart's names. `ddp-bench` runs with few sessions.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::process::TempDir;
use crate::support::service::binary;
use crate::support::{Workspace, free_port, root};

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).expect("a page")
}

/// The `sh` blocks of a page.
fn blocks(text: &str) -> Vec<String> {
    let parts = text.split("```sh\n").skip(1);
    parts
        .map(|part| part.split("```").next().expect("its end").to_owned())
        .collect()
}

/// The cells of the rows of the table under this heading.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text
        .split(&format!("\n## {heading}\n"))
        .nth(1)
        .unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        row.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// A folder in which the commands run: the files that they name, and programs of these names.
struct Place(TempDir);

impl Place {
    fn new(env: &str) -> Self {
        let place = Self(TempDir::new("page"));
        for name in ["compose", "deploy", "Makefile", ".cache"] {
            symlink(root().join(name), place.0.path().join(name)).expect("a link");
        }
        std::fs::write(place.0.path().join("ddp-streamer.env"), env).expect("a file");
        std::fs::create_dir(place.0.path().join("programs")).expect("a folder");
        place.program(
            "ddp-streamer",
            &format!("exec '{}' \"$@\"", binary().display()),
        );
        for name in ["docker", "helm", "kubectl", "make", "ddp-bench"] {
            let body =
                std::fs::read_to_string(root().join("tests/pages").join(name)).expect("a stand-in");
            place.program(name, &body);
        }
        place
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.0.path().join("programs").join(name);
        std::fs::write(&path, format!("#!/bin/bash\nset -euo pipefail\n{body}")).expect("a script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
    }

    async fn run(&self, block: &str) {
        let path = std::env::var("PATH").expect("PATH");
        let ended = tokio::process::Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(self.0.path())
            .env(
                "PATH",
                format!("{}:{path}", self.0.path().join("programs").display()),
            )
            .env("DDP_BENCH", env!("CARGO_BIN_EXE_ddp-bench"))
            .output();
        let ended = tokio::time::timeout(std::time::Duration::from_secs(120), ended).await;
        let output = ended.expect("it ends").expect("bash");
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{block}{}",
            String::from_utf8_lossy(&said)
        );
    }
}

#[tokio::test]
async fn every_command_for_operators_works() {
    let metrics = free_port();
    let workspace = Workspace::with()
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &metrics.to_string())
        .start()
        .await;
    let lines: Vec<_> = workspace
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    let place = Place::new(&lines.concat());
    let blocks = blocks(&page("operate.md"));
    assert!(blocks.len() >= 7, "{blocks:?}");
    for block in blocks {
        let here = block
            .replace(
                "localhost:3000",
                &format!("127.0.0.1:{}", workspace.service.port),
            )
            .replace("localhost:9458", &format!("127.0.0.1:{metrics}"))
            .replace("--for 60s", "--for 1s");
        place.run(&here).await;
    }
}

#[tokio::test]
async fn every_command_of_the_comparison_works() {
    let place = Place::new("");
    let blocks = blocks(&page("compare.md"));
    assert_eq!(blocks.len(), 2);
    for line in blocks.concat().lines() {
        place.run(line).await;
    }
}

#[test]
fn every_close_code_is_on_the_page() {
    let source =
        std::fs::read_to_string(root().join("src/ddp/close.rs")).expect("the table of closes");
    let rows = table(&page("operate.md"), "Close codes");
    let known: Vec<_> = source
        .lines()
        .filter_map(|line| line.split("Some((").nth(1))
        .collect();
    assert!(known.len() > 5, "{known:?}");
    for close in known {
        let (code, reason) = close.split_once(", \"").expect("a code and a reason");
        let reason = reason.split('"').next().expect("a reason");
        assert!(
            rows.iter()
                .any(|row| row[0] == code && row[1] == format!("`{reason}`")),
            "{code} {reason}"
        );
    }
}

/// What the service can say at these levels, and what the page has.
#[test]
fn every_warning_and_error_is_on_the_page() {
    let mut said = Vec::new();
    sources(&root().join("src"), &mut said);
    said.sort();
    said.dedup();
    let page: Vec<_> = table(&page("operate.md"), "Log lines")
        .into_iter()
        .filter(|row| row[0] != "fatal")
        .map(|row| (row[0].clone(), row[1].trim_matches('`').to_owned()))
        .collect();
    let missing: Vec<_> = said.iter().filter(|line| !page.contains(line)).collect();
    let gone: Vec<_> = page.iter().filter(|line| !said.contains(line)).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not on the page: {missing:#?}\nnot in the source: {gone:#?}"
    );
}

/// The messages of `warn!` and `error!` in the rooms that serve.
fn sources(folder: &Path, said: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("text");
        if path.is_dir() {
            if !["tests", "sandbox", "bin", "check", "commands"].contains(&name) {
                sources(&path, said);
            }
        } else if !["tests.rs", "limit.rs", "layer.rs"].contains(&name) {
            let text = std::fs::read_to_string(&path).expect("text");
            let text = text.split("mod tests {").next().expect("a part");
            let code = |line: &&str| !line.trim_start().starts_with("//");
            let text: String = text.split_inclusive('\n').filter(code).collect();
            for level in ["warn", "error"] {
                for call in text.split(&format!("{level}!(")).skip(1) {
                    // The message is the last string of the call; values alone are somebody else's words.
                    let call = call.split(");").next().expect("its end");
                    let message = unbroken(call.rsplit('"').nth(1).unwrap_or_default());
                    let own = message
                        .split('{')
                        .map(|part| part.rsplit('}').next().unwrap_or_default());
                    if own.collect::<String>().chars().any(char::is_alphabetic) {
                        said.push((level.to_owned(), message.replace("{NEAR_PERCENT}", "80")));
                    }
                }
            }
        }
    }
}

/// A string of the source that is broken over lines.
fn unbroken(text: &str) -> String {
    let lines: Vec<_> = text.split("\\\n").map(str::trim_start).collect();
    lines.concat()
}

#[test]
fn the_stand_ins_refuse_what_is_not_there() {
    let place = Place::new("");
    for wrong in [
        "docker compose -f compose/nothing.yml up -d",
        "docker compose -f compose/microservices.yml up -d nobody",
        "helm upgrade --install x deploy/helm/nothing",
        "kubectl rollout status deployment/nobody",
        "make nothing",
    ] {
        let path = std::env::var("PATH").expect("PATH");
        let status = Command::new("bash")
            .args(["-c", wrong])
            .current_dir(place.0.path())
            .env(
                "PATH",
                format!("{}:{path}", place.0.path().join("programs").display()),
            )
            .output()
            .expect("bash");
        assert!(!status.status.success(), "{wrong}");
    }
}
