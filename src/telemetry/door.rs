//! A small HTTP door for operators: few visitors, one answer a path, nothing of the clients' own port.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::debug;

/// Visitors are few; more connections than this are not accepted until one ends.
const MAX_CONNECTIONS: usize = 16;
/// A visitor that sends no request for so long is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// A pause after `accept` failed, so that a lack of file descriptors does not become a loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// What a path answers: its type and its text; `None` when there is no such path.
pub(super) type Answer = Arc<dyn Fn(&str) -> Option<(HeaderValue, String)> + Send + Sync>;

/// The open door.
#[derive(Debug)]
pub(super) struct Door(TcpListener);

impl Door {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or not allowed.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers until it is dropped, and everything it begins ends with it. Other paths are told to see `home`.
    pub(super) async fn serve(&self, home: &'static str, answer: Answer) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = connections.join_next() => {}
                accepted = self.0.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(visit(stream, home, answer.clone()));
                    }
                    Err(error) => {
                        debug!(%error, home, "an operator's connection cannot be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }
}

async fn visit(stream: TcpStream, home: &'static str, answer: Answer) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let response = match answer(request.uri().path()) {
            Some((kind, text)) => {
                let mut response = Response::new(Full::<Bytes>::from(text));
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            None => {
                let mut response = Response::new(Full::from(format!("see {home}\n")));
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        };
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        debug!(%error, home, "an operator's connection failed");
    }
}
