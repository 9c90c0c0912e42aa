#!/usr/bin/env bash
# A Rust program that compiles, and does not compile optimised.
#
# The length of an array type is taken from a constant slice whose elements a `const fn` makes; an async function returns
# such an array and has an async closure in it. rustc 1.95.0 takes it with -C opt-level=0 and reports a cycle (E0391)
# from opt-level 1 on: to know whether the `const fn`'s arguments can be passed more cheaply it looks at all bodies of
# the crate, the closure's among them, whose type needs the array's length. So `cargo test` and `cargo clippy` are green
# and `cargo build --release` fails; `cargo check --release` sees it.
#
# Seen with rustc 1.95.0 (59807616e 2026-04-14):
#   opt-level 0: compiles
#   opt-level 1: error[E0391]
#   opt-level 3: error[E0391]
#   opt-level 3, the length written as a number: compiles
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Where it is not there, it is installed into the directory that goes with this.
rustup toolchain list | grep -q '^1\.95\.0' || {
	export RUSTUP_HOME=$dir/rustup
	rustup --quiet toolchain install 1.95.0 --profile minimal
}
cat >slice.rs <<'RS'
#![crate_type = "lib"]
pub struct Limit { pub name: &'static str }
const LIMITS: &[Limit; 2] = &[limit("a"), limit("b")];
const fn limit(name: &'static str) -> Limit { Limit { name } }
type Values = [Option<u32>; LIMITS.len()];
pub async fn read() -> Values {
    let number = async |what: &str| what.len();
    let _length = number("x").await;
    Values::default()
}
RS
sed 's/LIMITS.len()/2/' slice.rs >number.rs
try() { # FILE LEVEL
	if rustup run 1.95.0 rustc --edition 2024 -C "opt-level=$2" --emit metadata -o out "$1" 2>said; then
		echo compiles
	else
		grep -o -m 1 'error\[E[0-9]*\]' said
	fi
}
rustup run 1.95.0 rustc --version
{
	for level in 0 1 3; do echo "opt-level $level: $(try slice.rs $level)"; done
	echo "opt-level 3, the length written as a number: $(try number.rs 3)"
} | tee seen
diff seen - <<'SEEN'
opt-level 0: compiles
opt-level 1: error[E0391]
opt-level 3: error[E0391]
opt-level 3, the length written as a number: compiles
SEEN
