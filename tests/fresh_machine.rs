//! What `scripts/prerequisites` does on machines that lack something. `make fresh` tries a whole bare one.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::support::process::TempDir;
use crate::support::root;

/// A Debian machine with all that is needed; only what is here is on its `PATH`.
struct Machine(TempDir);

impl Machine {
    fn new(user: u32) -> Self {
        let machine = Self(TempDir::new("machine"));
        for name in ["bash", "cut", "dirname", "env", "grep", "sed", "sort"] {
            let found = ["/bin", "/usr/bin"].map(|folder| std::path::Path::new(folder).join(name));
            let found = found.iter().find(|path| path.exists()).expect(name);
            symlink(found, machine.0.path().join(name)).expect("a link");
        }
        machine.has("id", &format!("echo {user}"));
        machine.has("apt-get", "echo \"$*\" >> \"${0%/*}/apt.log\"");
        machine.has("apt-cache", "echo '  Candidate: 2:1.19~1'");
        machine.has("cargo", "echo cargo 99.0.0");
        machine.has("go", "echo go version go99.0 linux/amd64");
        machine.has("node", "echo v99.0.0");
        for name in [
            "npm",
            "cc",
            "c++",
            "make",
            "git",
            "kill",
            "flock",
            "python3",
            "nginx",
            "docker-compose",
            "curl",
            "faketime",
            "chromium",
        ] {
            machine.has(name, "exit 0");
        }
        machine
    }

    fn has(&self, name: &str, body: &str) {
        let path = self.0.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
    }

    fn lacks(&self, name: &str) {
        std::fs::remove_file(self.0.path().join(name)).expect("it was there");
    }

    /// The exit code, and the lines on standard error.
    fn prerequisites(&self) -> (Option<i32>, Vec<String>) {
        let ended = Command::new(root().join("scripts/prerequisites"))
            .env("PATH", self.0.path())
            .output()
            .expect("it runs");
        let errors = String::from_utf8(ended.stderr).expect("text");
        (
            ended.status.code(),
            errors.lines().map(str::to_owned).collect(),
        )
    }

    /// What `apt-get` was told to do.
    fn installed(&self) -> String {
        std::fs::read_to_string(self.0.path().join("apt.log")).unwrap_or_default()
    }
}

#[test]
fn where_all_is_there_nothing_is_said_or_done() {
    let machine = Machine::new(0);
    assert_eq!(machine.prerequisites(), (Some(0), vec![]));
    assert_eq!(machine.installed(), "");
}

#[test]
fn one_line_names_all_that_is_missing_or_too_old() {
    let machine = Machine::new(1000);
    machine.has("go", "echo go version go1.19.8 linux/amd64");
    machine.has("node", "echo v18.20.4");
    machine.has("cargo", "echo cargo 1.63.0");
    machine.lacks("chromium");
    let (code, errors) = machine.prerequisites();
    assert_eq!(code, Some(1));
    let [line] = &errors[..] else {
        panic!("one line: {errors:?}");
    };
    for name in [
        "Rust 1.",
        "Go 1.",
        "Node.js 2",
        "chromium (Debian: chromium ",
    ] {
        assert!(line.contains(name), "{name} in {line}");
    }
    assert!(!line.contains("python3"), "{line}");
}

#[test]
fn root_on_debian_installs_what_debian_has() {
    let machine = Machine::new(0);
    machine.lacks("chromium");
    machine.lacks("cc");
    assert_eq!(machine.prerequisites(), (Some(0), vec![]));
    let installed = machine.installed();
    assert!(
        installed.ends_with("build-essential chromium fonts-noto-color-emoji\n"),
        "{installed}"
    );
}

/// What only some tests need is asked for before any of them is built.
#[test]
fn a_compiler_for_c_alone_is_not_enough() {
    let machine = Machine::new(0);
    for name in ["c++", "git", "kill"] {
        machine.lacks(name);
    }
    assert_eq!(machine.prerequisites(), (Some(0), vec![]));
    let installed = machine.installed();
    assert!(
        installed.ends_with("--no-install-recommends build-essential git procps\n"),
        "{installed}"
    );
    let machine = Machine::new(1000);
    machine.lacks("c++");
    let line = "missing, or too old: c++ (Debian: build-essential)";
    assert_eq!(machine.prerequisites(), (Some(1), vec![line.to_owned()]));
}

#[test]
fn where_debian_has_only_an_older_one_nothing_is_installed() {
    let machine = Machine::new(0);
    machine.lacks("chromium");
    machine.lacks("go");
    let (code, errors) = machine.prerequisites();
    assert_eq!(code, Some(1));
    let [line] = &errors[..] else {
        panic!("one line: {errors:?}");
    };
    assert!(
        line.contains("Go 1.") && !line.contains("chromium"),
        "{line}"
    );
    assert!(
        !machine.installed().contains("install"),
        "{}",
        machine.installed()
    );
}

/// A shell answers for its own functions, aliases and builtins before it looks for a file.
#[test]
fn scripts_look_for_files_and_not_for_names() {
    for folder in ["scripts", ".ci"] {
        for file in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let path = file.expect("an entry").path();
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            for asks in ["command -v", "type -t", "hash -t", "$(which "] {
                assert!(
                    !text.contains(asks),
                    "{} asks {asks}: use type -P",
                    path.display()
                );
            }
        }
    }
}
