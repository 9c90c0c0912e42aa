//! `health`: the container's health command. Images of this service have no curl.

use std::io::{Write, stdout};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Command;
use ddp_streamer::config::{self, Listening};
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::process;

/// For everything: connection, question, answer. A service that needs longer is not well.
const DEADLINE: Duration = Duration::from_secs(2);

pub(super) fn command() -> Command {
    Command::new("health").about(
        "Asks the service of this environment (PORT, BIND_IP) on this host whether it is well; exit code 0 or 1",
    )
}

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut out = stdout().lock();
    let told = match config::listening(config::process_environment()) {
        Ok(told) => told,
        Err(errors) => {
            let problems = errors.to_string().replace('\n', "; ");
            writeln!(out, "not healthy: {problems}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let address = address(&told);
    let runtime = process::small_runtime()?;
    let asked = runtime.block_on(async {
        let asked = timeout(DEADLINE, ask(address)).await;
        asked.unwrap_or_else(|_| bail!("no answer within {DEADLINE:?}"))
    });
    match &asked {
        Ok(()) => writeln!(out, "healthy: {address}")?,
        Err(why) => {
            write!(out, "not healthy: {address}: {}", process::said(why))?;
            // That is where another port may stand.
            if let Some(problem) = &told.unread {
                write!(out, "; {problem}")?;
            }
            writeln!(out)?;
        }
    }
    Ok(process::code(asked.is_ok()))
}

/// Where this host reaches the service.
fn address(told: &Listening) -> SocketAddr {
    let ip = match told.bind {
        // Both families listen where there are two.
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(IpAddr::V4(ip)) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(IpAddr::V6(ip)) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        Some(ip) => ip,
    };
    SocketAddr::new(ip, told.port)
}

async fn ask(address: SocketAddr) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address)
        .await
        .context("nobody listens")?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let question = Request::get("/health")
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    let answer = async {
        // Neither the sender nor the body outlives this: the connection ends without them.
        let answer = sender.send_request(question).await;
        drop(sender);
        answer.map(|answer| answer.status())
    };
    let (answer, _) = tokio::join!(answer, connection);
    match answer? {
        StatusCode::OK => Ok(()),
        status => bail!("it answers {status}"),
    }
}
