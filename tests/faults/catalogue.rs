//! The table itself: every row has a test that is there, every test of this folder has a row. `make faults` runs them.

use std::collections::HashSet;
use std::process::Command;

/// So many faults at least.
const ROWS: usize = 50;

#[test]
fn every_row_has_its_test_and_every_test_its_row() {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    let listed = command.args(["--list", "--format", "terse"]).output();
    let listed = String::from_utf8(listed.expect("the list").stdout).expect("text");
    let tests: HashSet<&str> = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();

    let (mut names, mut proofs) = (HashSet::new(), HashSet::new());
    for row in include_str!("catalogue.txt").lines() {
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        let columns: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [name, fault, bound, test] = columns[..] else {
            panic!("not four columns: {row}");
        };
        assert!(!fault.is_empty() && !bound.is_empty(), "{row}");
        assert!(names.insert(name), "{name} twice");
        assert!(tests.contains(test), "{name}: no test {test}");
        proofs.insert(test);
    }
    assert!(names.len() >= ROWS, "{} rows", names.len());
    let own = |test: &&str| test.starts_with("faults::") && !test.starts_with("faults::catalogue");
    for test in tests.into_iter().filter(own) {
        assert!(proofs.contains(test), "{test} has no row");
    }
}
