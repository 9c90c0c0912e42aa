//! What is said at the start: everything that somebody who has read nothing needs next.

use std::io::{self, Write};
use std::net::SocketAddr;

use super::options::{OnMesh, Options};

/// Says where everything is. `program` is how this one is called where it was started.
pub(super) fn ready(
    out: &mut impl Write,
    options: &Options,
    page: SocketAddr,
    service: &str,
    server: Option<&str>,
    program: &str,
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
        database(out, on_mesh)?;
    }
    writeln!(
        out,
        "  People    alice, bob, carol, admin, agent, bot    token <name>-token, password <name>-password\n"
    )?;
    writeln!(
        out,
        "  {program} watch {service} --token alice-token --sub room-messages:GENERAL"
    )?;
    writeln!(
        out,
        "  {program} call {service} sendMessage '{{\"rid\":\"GENERAL\",\"msg\":\"hello\"}}' --token bob-token\n"
    )?;
    writeln!(out, "Ctrl-C stops it.")?;
    out.flush()
}

/// Where the service finds the rooms: without them nobody is let in anywhere, and nothing says why.
fn database(out: &mut impl Write, on_mesh: &OnMesh) -> io::Result<()> {
    if let Some(url) = &on_mesh.mongo_url {
        let shown = without_credentials(url);
        writeln!(out, "  Database  MONGO_URL={shown}    for the service")?;
    }
    if let Some(seed) = &on_mesh.seed_file {
        writeln!(
            out,
            "  Database  MONGO_URL=memory:{}    for the service: as it is now; rooms made later are not in it",
            seed.display()
        )?;
    }
    if on_mesh.mongo_url.is_none() && on_mesh.seed_file.is_none() {
        writeln!(
            out,
            "  Database  none: the service will find no rooms; give --mongo-url or --seed-file"
        )?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::CoreRelease;

    fn on_mesh(mongo_url: Option<&str>, seed_file: Option<&str>) -> Options {
        Options {
            bind: [127, 0, 0, 1].into(),
            port: 3000,
            page_port: 3001,
            release: CoreRelease::V9,
            relay: false,
            otlp: None,
            on_mesh: Some(OnMesh {
                transporter: "nats://me:hunter2@nats:4222".to_owned(),
                namespace: String::new(),
                whoever_is_there: false,
                mongo_url: mongo_url.map(str::to_owned),
                seed_file: seed_file.map(Into::into),
                service: "ws://127.0.0.1:3000/websocket".to_owned(),
            }),
        }
    }

    fn said(options: &Options) -> String {
        let mut out = Vec::new();
        let page = ([127, 0, 0, 1], 3001).into();
        let service = "ws://127.0.0.1:3000/websocket";
        ready(
            &mut out,
            options,
            page,
            service,
            None,
            "target/release/ddp-streamer",
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn on_a_mesh_it_says_where_the_service_finds_the_rooms() {
        let mongo = Some("mongodb://me:hunter2@mongo:27017/sandbox");
        let rows = [
            (
                on_mesh(mongo, None),
                "MONGO_URL=mongodb://mongo:27017/sandbox    for the service",
            ),
            (
                on_mesh(None, Some("seed.json")),
                "MONGO_URL=memory:seed.json    for the service: as it is now; rooms made later are not in it",
            ),
            (
                on_mesh(None, None),
                "none: the service will find no rooms; give --mongo-url or --seed-file",
            ),
        ];
        for (options, database) in rows {
            let expected = format!(
                "\
The sandbox is ready: a core on the mesh; the service is yours, as Rocket.Chat 9.x.

  Page      http://127.0.0.1:3001/    open it in a browser
  Service   ws://127.0.0.1:3000/websocket
  Mesh      nats://nats:4222
  Database  {database}
  People    alice, bob, carol, admin, agent, bot    token <name>-token, password <name>-password

  target/release/ddp-streamer watch ws://127.0.0.1:3000/websocket --token alice-token --sub room-messages:GENERAL
  target/release/ddp-streamer call ws://127.0.0.1:3000/websocket sendMessage '{{\"rid\":\"GENERAL\",\"msg\":\"hello\"}}' --token bob-token

Ctrl-C stops it.
"
            );
            assert_eq!(said(&options), expected);
        }
    }
}
