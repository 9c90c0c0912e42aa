//! Every row of the contract is named by a test (`make contract` prints them).

use std::process::Command;

use crate::support::root;

#[test]
fn every_row_is_named_and_every_name_is_a_row() {
    let checked = Command::new(root().join("scripts/contract"))
        .arg("-q")
        .output()
        .expect("python3");
    let wrong = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{wrong}");
}
