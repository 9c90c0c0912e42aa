//! `scripts/release`, in a clone with a `make` that only says what it was asked for.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::process::TempDir;
use crate::support::root;

struct Clone(TempDir);

impl Clone {
    fn new() -> Self {
        let clone = Self(TempDir::new("release"));
        let from = root();
        clone.git(&[
            "clone",
            "--quiet",
            "--no-hardlinks",
            "--depth",
            "1",
            &format!("file://{}", from.display()),
            ".",
        ]);
        for (name, value) in [
            ("user.name", "A Maintainer"),
            ("user.email", "maintainer@example.org"),
        ] {
            clone.git(&["config", name, value]);
        }
        let make = clone.0.path().join("bin-of-the-test/make");
        std::fs::create_dir(make.parent().expect("a folder")).expect("a folder");
        std::fs::write(&make, "#!/bin/sh\necho \"$*\" >> \"${0%/*}/asked\"\n").expect("make");
        std::fs::set_permissions(&make, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
        std::fs::write(
            clone.0.path().join(".git/info/exclude"),
            "/bin-of-the-test\n",
        )
        .expect("a file");
        clone
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("git");
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    fn release(&self, version: &str) -> (bool, String) {
        let path = std::env::var("PATH").expect("PATH");
        let output = Command::new("scripts/release")
            .arg(version)
            .current_dir(self.0.path())
            .env(
                "PATH",
                format!("{}:{path}", self.0.path().join("bin-of-the-test").display()),
            )
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8(said).expect("text"),
        )
    }

    /// Something to release: there is nothing on the commit of a release itself.
    fn commit_an_entry(&self) {
        let file = self.0.path().join("CHANGELOG.md");
        let before = std::fs::read_to_string(&file).expect("the changelog");
        let after = before.replacen("## Unreleased\n", "## Unreleased\n\n- An entry.\n", 1);
        assert_ne!(after, before);
        std::fs::write(&file, after).expect("written");
        self.git(&["commit", "-qam", "An entry"]);
    }

    fn read(&self, file: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.0.path().join(file)).expect("a file")
    }
}

#[test]
fn a_release_is_a_commit_a_tag_and_images() {
    let clone = Clone::new();
    clone.commit_an_entry();
    let (done, said) = clone.release("98.7.6");
    assert!(done, "{said}");
    assert!(said.contains("Left to do by hand"), "{said}");
    assert_eq!(
        clone.read("bin-of-the-test/asked"),
        "--no-print-directory lint\n--no-print-directory image\n"
    );
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
    assert_eq!(clone.git(&["tag", "--points-at", "HEAD"]), "v98.7.6\n");
    assert!(
        clone
            .read("CHANGELOG.md")
            .contains("## Unreleased\n\n## 98.7.6, 2")
    );
    for file in [
        "Cargo.toml",
        "Cargo.lock",
        "deploy/helm/ddp-streamer/Chart.yaml",
        "compose/single.yml",
    ] {
        assert!(clone.read(file).contains("98.7.6"), "{file}");
    }
    for file in [
        "compose/single.yml",
        "compose/microservices.yml",
        "compose/sandbox.yml",
        "docs/operate.md",
    ] {
        let left = concat!("ddp-streamer:", env!("CARGO_PKG_VERSION"));
        assert!(!clone.read(file).contains(left), "{file}");
    }
}

#[test]
fn what_is_not_ready_is_not_released() {
    let clone = Clone::new();
    for (version, says) in [("1.2", "three numbers"), ("0.0.1", "is older than")] {
        let (done, said) = clone.release(version);
        assert!(!done && said.contains(says), "{version}: {said}");
    }
    std::fs::write(clone.0.path().join("stray"), "").expect("a file");
    let (done, said) = clone.release("98.7.6");
    assert!(!done && said.contains("not committed"), "{said}");
    std::fs::remove_file(clone.0.path().join("stray")).expect("removed");
    let nothing = "# Changelog\n\n## Unreleased\n\n## 0.0.1, 2026-01-01\n\n- All of it.\n";
    std::fs::write(clone.0.path().join("CHANGELOG.md"), nothing).expect("written");
    clone.git(&["commit", "-qam", "Nothing new"]);
    let (done, said) = clone.release("98.7.6");
    assert!(!done && said.contains("nothing under Unreleased"), "{said}");
    assert_eq!(clone.git(&["tag"]), "");
}
