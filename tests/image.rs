//! The image itself, by `make image-test`: it must have been built, so these tests are not of `make test`.

mod contents;
mod runs;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// What `scripts/image-test` says it tries.
fn named(variable: &str) -> PathBuf {
    std::env::var_os(variable).expect("make image-test").into()
}

/// A file of the OCI archive.
fn blob(path: &str) -> Vec<u8> {
    let output = Command::new("tar")
        .arg("-xOf")
        .arg(named("IMAGE_ARCHIVE"))
        .arg(format!("./{path}"))
        .output()
        .expect("tar");
    assert!(output.status.success(), "{path} of the archive");
    output.stdout
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&blob(path)).expect("JSON")
}

fn digest(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().expect("a digest");
    format!(
        "blobs/sha256/{}",
        digest.strip_prefix("sha256:").expect("SHA-256")
    )
}

fn manifest() -> Value {
    json(&digest(&json("index.json")["manifests"][0]))
}
