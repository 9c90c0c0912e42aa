//! URLs of NATS servers: what is taken from the environment is taken by the client that connects.
#![no_main]

use std::net::Ipv6Addr;

use ddp_streamer::internals::nats_servers;
use ddp_streamer::mesh::NatsTarget;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Some(found) = nats_servers(text) else {
        return;
    };
    assert!(!found.servers.is_empty());
    let tls = found
        .servers
        .iter()
        .any(|server| server.starts_with("tls://"));
    assert_eq!(found.tls, tls);
    let target = NatsTarget::parse(&found.servers.join(",")).unwrap();
    let found: Vec<_> = found
        .servers
        .iter()
        .map(|server| shortest(server))
        .collect();
    assert_eq!(target.names(), found);
    assert_eq!(target.user, None, "credentials go another way");
});

/// A server whose IPv6 address is written as it is told.
fn shortest(server: &str) -> String {
    let address = server
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    match address {
        Some((address, _)) => {
            let short: Ipv6Addr = address.parse().unwrap();
            server.replace(address, &short.to_string())
        }
        None => server.to_owned(),
    }
}
