//! The capability ring: the binary as users run it, against real parts (make fixtures), and the shape of the house.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    clippy::disallowed_methods,
    unreachable_pub,
    dead_code,
    reason = "tests"
)]

mod support;

mod architecture;
mod bad_input;
mod basics;
mod commands;
mod contract;
mod dashboards;
mod database;
mod door;
mod ejson;
mod ends;
mod faults;
mod fresh_machine;
mod image;
mod limits;
mod load;
mod logs;
mod markup;
mod mesh_node;
mod metrics;
mod other_clients;
mod outage;
mod pages;
mod plain_broker;
mod ports;
mod real_clients;
mod relay;
mod release;
mod releases;
mod sandbox;
mod serializers;
mod several;
mod shipped;
mod shutdown;
mod start;
mod status_page;
mod thrown_out;
mod tls;
mod traces;
mod visibility;
