//! How the image is made, as far as that can be told without making it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::process::TempDir;
use crate::support::root;

/// `/etc/group` of Alpine: what `addgroup` refuses.
const GROUPS: &[(&str, u32)] = &[
    ("root", 0),
    ("bin", 1),
    ("daemon", 2),
    ("sys", 3),
    ("adm", 4),
    ("tty", 5),
    ("disk", 6),
    ("lp", 7),
    ("kmem", 9),
    ("wheel", 10),
    ("floppy", 11),
    ("mail", 12),
    ("news", 13),
    ("uucp", 14),
    ("cron", 16),
    ("audio", 18),
    ("cdrom", 19),
    ("dialout", 20),
    ("ftp", 21),
    ("sshd", 22),
    ("input", 23),
    ("tape", 26),
    ("video", 27),
    ("netdev", 28),
    ("kvm", 34),
    ("games", 35),
    ("shadow", 42),
    ("www-data", 82),
    ("users", 100),
    ("ntp", 123),
    ("abuild", 300),
    ("utmp", 406),
    ("ping", 999),
    ("nogroup", 65533),
    ("nobody", 65534),
];

/// The instructions of a stage, each a line.
fn stage(name: &str) -> Vec<String> {
    let file = std::fs::read_to_string(root().join("docker/Dockerfile")).expect("the Dockerfile");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let file = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let begins = |line: &&str| line.starts_with("FROM ");
    let lines = file
        .lines()
        .skip_while(|line| !(begins(line) && line.ends_with(&format!(" AS {name}"))));
    let mut lines = lines.map(str::to_owned);
    let from = lines.next().expect("the stage");
    std::iter::once(from)
        .chain(lines.take_while(|line| !begins(&line.as_str())))
        .collect()
}

/// The commands that a stage runs, as words.
fn commands(stage: &[String]) -> Vec<Vec<&str>> {
    let runs = stage.iter().filter_map(|line| line.strip_prefix("RUN "));
    runs.flat_map(|line| line.split("&&"))
        .map(|command| command.split_whitespace().collect())
        .collect()
}

fn option<'a>(command: &[&'a str], name: &str) -> Option<&'a str> {
    let at = command.iter().position(|word| *word == name)?;
    command.get(at + 1).copied()
}

/// busybox makes no group whose id another has, and no user in a group that is not there.
#[test]
fn alpine_takes_its_user_and_group() {
    let alpine = stage("alpine");
    let mut groups: Vec<(&str, u32)> = GROUPS.to_vec();
    let mut users = Vec::new();
    for command in commands(&alpine) {
        match *command.first().expect("a command") {
            "addgroup" => {
                let id: u32 = option(&command, "-g")
                    .expect("an id")
                    .parse()
                    .expect("a number");
                assert!(groups.iter().all(|(_, taken)| *taken != id), "{command:?}");
                groups.push((command.last().expect("a name"), id));
            }
            "sed" => {
                let change = command
                    .iter()
                    .find_map(|word| word.strip_prefix("'s/^"))
                    .expect("a change");
                let (from, to) = change.split_once(":/").expect("a name");
                let to = to.strip_suffix(":/'").expect("another name");
                let group = groups.iter_mut().find(|(name, _)| *name == from);
                group.expect("a group to rename").0 = to;
            }
            "adduser" => {
                let id: u32 = option(&command, "-u")
                    .expect("an id")
                    .parse()
                    .expect("a number");
                let group = option(&command, "-G").expect("a group");
                let group = groups.iter().find(|(name, _)| *name == group);
                users.push((*command.last().expect("a name"), id, group.copied()));
            }
            _ => {}
        }
    }
    let name = "ddp-streamer";
    assert_eq!(users, [(name, 65533, Some((name, 65533)))]);
    assert!(
        alpine.contains(&"USER 65533:65533".to_owned()),
        "{alpine:#?}"
    );
    let licences = "COPY --from=build /out/usr/share/licences.txt /usr/share/licences.txt";
    assert!(alpine.contains(&licences.to_owned()), "{alpine:#?}");
}

fn gzip(arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip");
    let mut stdin = gzip.stdin.take().expect("stdin");
    stdin.write_all(bytes).expect("it reads");
    drop(stdin);
    gzip.wait_with_output().expect("it ends").stdout
}

fn digest(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    format!("sha256:{digits}")
}

/// The blob that a descriptor names, which is what it says.
fn blob(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let named = descriptor["digest"].as_str().expect("a digest");
    let bytes = std::fs::read(layout.join("blobs").join(named.replace(':', "/"))).expect(named);
    assert_eq!(
        (digest(&bytes).as_str(), json!(bytes.len())),
        (named, descriptor["size"].clone())
    );
    bytes
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

/// buildah leaves the health check out of OCI's images: what it packs gets that of the Dockerfile.
#[test]
fn the_layout_has_the_health_check_of_the_dockerfile() {
    let folder = TempDir::new("layout");
    let layout = folder.path();
    std::fs::create_dir_all(layout.join("blobs/sha256")).expect("folders");
    let put = |bytes: &[u8], kind: &str| {
        let digest = digest(bytes);
        std::fs::write(layout.join("blobs").join(digest.replace(':', "/")), bytes).expect("a blob");
        json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": bytes.len() })
    };
    let content = b"what is in the layer".repeat(100);
    let layer = put(&gzip(&["-1"], &content), "layer.v1.tar+gzip");
    let config = json!({ "os": "linux", "config": { "User": "65533:65533" } });
    let config = put(config.to_string().as_bytes(), "config.v1+json");
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
    let manifest = put(manifest.to_string().as_bytes(), "manifest.v1+json");
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    std::fs::write(layout.join("index.json"), index.to_string()).expect("the index");

    let made = Command::new(root().join("scripts/image-layout"))
        .arg(layout)
        .arg("ddp-streamer:1.2.3")
        .output()
        .expect("it runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let index = read(&std::fs::read(layout.join("index.json")).expect("the index"));
    let manifest = read(&blob(layout, &index["manifests"][0]));
    let [layer] = &manifest["layers"].as_array().expect("layers")[..] else {
        panic!("one layer: {manifest}");
    };
    assert_eq!(gzip(&["-d"], &blob(layout, layer)), content);
    assert_eq!(
        read(&blob(layout, &manifest["config"])),
        json!({ "os": "linux", "config": {
            "User": "65533:65533",
            "Healthcheck": {
                "Test": ["CMD", "/usr/bin/ddp-streamer", "health"],
                "Interval": 10_000_000_000_u64,
                "Timeout": 5_000_000_000_u64,
                "StartPeriod": 30_000_000_000_u64,
                "Retries": 3,
            },
        }})
    );
    let blobs = std::fs::read_dir(layout.join("blobs/sha256")).expect("blobs");
    assert_eq!(blobs.count(), 3, "nothing else is left");
    let path = |descriptor: &Value| {
        format!(
            "blobs/{}",
            descriptor["digest"]
                .as_str()
                .expect("a digest")
                .replace(':', "/")
        )
    };
    assert_eq!(
        read(&std::fs::read(layout.join("manifest.json")).expect("Docker's list")),
        json!([{
            "Config": path(&manifest["config"]),
            "RepoTags": ["ddp-streamer:1.2.3"],
            "Layers": [path(layer)],
        }])
    );
    // Both stages that are to be run are asked in the same way.
    let asked = |name| {
        stage(name)
            .into_iter()
            .find(|line| line.starts_with("HEALTHCHECK "))
    };
    assert_eq!(asked("alpine"), asked("image"));
}

/// The root file system as `docker/build.sh` puts it together around a binary, by a cargo that has built it already.
// contract: relay/image-page
#[test]
fn a_folder_mounted_on_certs_hides_no_authorities() {
    let folder = TempDir::new("root");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    };
    write("tools/bin/cargo", "#!/bin/sh\n");
    write(
        "tools/lib/python3.11/site-packages/certifi/cacert.pem",
        "authorities",
    );
    write(
        "target/x86_64-unknown-linux-musl/release/ddp-streamer",
        "binary",
    );
    write("docker/licences", "#!/bin/sh\necho licences\n");
    let made = Command::new(root().join("docker/build.sh"))
        .args(["root", "amd64", "out"])
        .current_dir(folder.path())
        .env("TOOLS", folder.path().join("tools"))
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .output()
        .expect("it runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let ssl = folder.path().join("out/etc/ssl");
    let read = |path: &str| std::fs::read_to_string(ssl.join(path)).ok();
    assert_eq!(
        read("certs/ca-certificates.crt").as_deref(),
        Some("authorities")
    );
    std::fs::rename(ssl.join("certs"), ssl.join("hidden")).expect("out of sight");
    assert_eq!(read("cert.pem").as_deref(), Some("authorities"));

    // Alpine has it the other way round.
    let alpine = stage("alpine");
    let moved = [
        "mv",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/cert.pem",
    ];
    assert!(commands(&alpine).contains(&moved.to_vec()), "{alpine:#?}");
}
