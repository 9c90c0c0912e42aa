//! Makes Rust types of the packets in `proto/`, without an installed protoc.

use std::error::Error;

const PACKETS: &str = "proto/packets.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PACKETS}");
    let packets = protox::compile([PACKETS], ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(packets)?;
    Ok(())
}
