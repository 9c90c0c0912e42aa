//! What is said at the start: everything that somebody who has read nothing needs next.

use std::io::{self, Write};
use std::net::SocketAddr;

use super::options::Options;

/// Says where everything is.
pub(super) fn ready(
    out: &mut impl Write,
    options: &Options,
    page: SocketAddr,
    service: &str,
    server: Option<&str>,
) -> io::Result<()> {
    let what = match (&options.on_mesh, server) {
        (None, None) => "a workspace in this process",
        (None, Some(_)) => "a single server in this process, with the service relaying to it",
        (Some(_), _) => "a core on the mesh; the service is yours",
    };
    writeln!(
        out,
        "The sandbox is ready: {what}, as Rocket.Chat {}.x.\n",
        options.release.number()
    )?;
    writeln!(out, "  Page      http://{page}/    open it in a browser")?;
    writeln!(out, "  Service   {service}")?;
    if let Some(server) = server {
        writeln!(
            out,
            "  Server    {server}    every session is relayed to it"
        )?;
    }
    if let Some(collector) = &options.otlp {
        let collector = without_credentials(collector);
        writeln!(
            out,
            "  Traces    {collector}    the page shows the trace of each event"
        )?;
    }
    if let Some(on_mesh) = &options.on_mesh {
        writeln!(
            out,
            "  Mesh      {}",
            without_credentials(&on_mesh.transporter)
        )?;
        if let Some(seed) = &on_mesh.seed_file {
            writeln!(
                out,
                "  Database  MONGO_URL=memory:{}    for the service",
                seed.display()
            )?;
        }
    }
    writeln!(
        out,
        "  People    alice, bob, carol, admin, agent, bot    token <name>-token, password <name>-password\n"
    )?;
    writeln!(
        out,
        "  ddp-streamer watch {service} --token alice-token --sub room-messages:GENERAL"
    )?;
    writeln!(
        out,
        "  ddp-streamer call {service} sendMessage '{{\"rid\":\"GENERAL\",\"msg\":\"hello\"}}' --token bob-token\n"
    )?;
    writeln!(out, "Ctrl-C stops it.")?;
    out.flush()
}

/// User and password never reach a terminal.
fn without_credentials(servers: &str) -> String {
    let shown = servers.split(',').map(|server| {
        match (server.split_once("://"), server.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, address))) => format!("{scheme}://{address}"),
            (None, Some((_, address))) => address.to_owned(),
            (_, None) => server.to_owned(),
        }
    });
    shown.collect::<Vec<_>>().join(",")
}
