//! What is in the image, and nothing else.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{blob, digest, json, manifest, named};

/// Mode, owner and name of everything.
const FILES: [&str; 15] = [
    "drwxr-xr-x 0/0 etc/",
    "-rw-r--r-- 0/0 etc/group",
    "-rw-r--r-- 0/0 etc/passwd",
    "drwxr-xr-x 0/0 etc/ssl/",
    "-rw-r--r-- 0/0 etc/ssl/cert.pem",
    "drwxr-xr-x 0/0 etc/ssl/certs/",
    "lrwxrwxrwx 0/0 etc/ssl/certs/ca-certificates.crt -> ../cert.pem",
    "drwxr-xr-x 0/0 usr/",
    "drwxr-xr-x 0/0 usr/bin/",
    "-rwxr-xr-x 0/0 usr/bin/ddp-streamer",
    "drwxr-xr-x 0/0 usr/share/",
    "-rw-r--r-- 0/0 usr/share/licences.txt",
    "drwxr-xr-x 0/0 var/",
    "drwxr-xr-x 0/0 var/log/",
    "drwxr-xr-x 65533/65533 var/log/ddp-streamer/",
];

#[test]
#[ignore = "make image-test"]
fn the_files_are_just_these() {
    let manifest = manifest();
    let layers = manifest["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 1);
    let mut tar = Command::new("tar")
        .args(["--numeric-owner", "-tvzf", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tar");
    let layer = blob(&digest(&layers[0]));
    let mut stdin = tar.stdin.take().expect("stdin");
    let feeding = std::thread::spawn(move || stdin.write_all(&layer));
    let listed = tar.wait_with_output().expect("it ends");
    feeding.join().expect("no panic").expect("it reads");
    let listed = String::from_utf8(listed.stdout).expect("text");
    let mut files: Vec<String> = listed
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            format!("{} {} {}", words[0], words[1], words[5..].join(" "))
        })
        .collect();
    let name = |line: &str| line.split(' ').nth(2).map(str::to_owned);
    files.sort_by_key(|line| name(line));
    assert_eq!(files, FILES);
}

#[test]
#[ignore = "make image-test"]
fn the_layer_is_small() {
    let size = manifest()["layers"][0]["size"].as_u64().expect("bytes");
    assert!(size <= 9 * 1024 * 1024, "{size} bytes");
}

#[test]
#[ignore = "make image-test"]
fn engines_are_told_how_to_run_it() {
    let image = json(&digest(&manifest()["config"]));
    let arch = if named("IMAGE_BUNDLE").ends_with("bundle-arm64") {
        "arm64"
    } else {
        "amd64"
    };
    assert_eq!(
        (&image["architecture"], &image["os"]),
        (&json!(arch), &json!("linux"))
    );
    let config = &image["config"];
    assert_eq!(config["User"], "65533:65533");
    assert_eq!(config["Entrypoint"], json!(["/usr/bin/ddp-streamer"]));
    assert_eq!(config["Cmd"], json!(null));
    assert_eq!(
        config["Env"],
        json!(["PATH=/usr/bin", "NODE_ENV=production", "PORT=3000"])
    );
    assert_eq!(
        config["ExposedPorts"],
        json!({ "3000/tcp": {}, "9458/tcp": {} })
    );
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(
        config["Healthcheck"]["Test"],
        json!(["CMD", "/usr/bin/ddp-streamer", "health"])
    );
    let labels = &config["Labels"];
    assert_eq!(
        labels["org.opencontainers.image.version"],
        env!("CARGO_PKG_VERSION")
    );
    let revision = labels["org.opencontainers.image.revision"]
        .as_str()
        .expect("a commit");
    assert_eq!(revision.len(), 40, "{revision}");
}

#[test]
#[ignore = "make image-test"]
fn old_dockers_can_load_it_as_well() {
    let manifest = manifest();
    assert_eq!(
        json("manifest.json"),
        json!([{
            "Config": digest(&manifest["config"]),
            "RepoTags": [concat!("ddp-streamer:", env!("CARGO_PKG_VERSION"))],
            "Layers": [digest(&manifest["layers"][0])],
        }])
    );
}

/// What the image is made of, as it lies beside it.
fn sbom() -> Vec<u8> {
    let beside = named("IMAGE_ARCHIVE");
    let beside = beside.parent().expect("a folder");
    let file = beside.join(concat!(
        "ddp-streamer-",
        env!("CARGO_PKG_VERSION"),
        ".cdx.json"
    ));
    std::fs::read(file).expect("the SBOM")
}

#[test]
#[ignore = "make image-test"]
fn every_component_has_its_licence() {
    let bom: serde_json::Value = serde_json::from_slice(&sbom()).expect("JSON");
    assert_eq!(bom["bomFormat"], "CycloneDX");
    let components = bom["components"].as_array().expect("components");
    assert!(
        components
            .iter()
            .any(|component| component["name"] == "tokio")
    );
    for component in components {
        assert!(component["licenses"][0].is_object(), "{component:#}");
    }
}

/// Nothing in the image, or in what is said of it, tells of the machine that built it.
#[test]
#[ignore = "make image-test"]
fn no_path_of_the_building_machine_is_in_it() {
    let binary = std::fs::read(named("IMAGE_BUNDLE").join("rootfs/usr/bin/ddp-streamer"))
        .expect("the binary");
    let root = crate::support::root();
    for file in [binary, sbom()] {
        for path in [
            root.to_str().expect("text"),
            "/root/",
            "/home/",
            ".cargo/registry",
        ] {
            let found = file
                .windows(path.len())
                .position(|bytes| bytes == path.as_bytes());
            let around = found.map(|at| {
                String::from_utf8_lossy(&file[at.saturating_sub(40)..at + 80]).into_owned()
            });
            assert_eq!(around, None, "{path}");
        }
    }
}
