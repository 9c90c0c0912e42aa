//! The listening socket, and what becomes of a connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, FusedFuture};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address;
use super::admission::{Admission, Permit};
use super::beyond::{self, Beyond};
use super::certificate::CertificateError;
use super::head::{Head, HeadNotes, Next};
use super::health::{Liveness, Readiness};
use super::origin::Origins;
use super::tls::{Shown, Spoken, Tls};
use crate::config::GatewayConfig;
use crate::port::{Visitor, Visitors, Watched};
use crate::session::{Arrival, Sessions, Wire};
use crate::telemetry::limit::Limited;
use crate::telemetry::metrics::{self, Refusal};

/// How many connections may wait to be accepted; the kernel takes less if `somaxconn` says so.
const BACKLOG: i32 = 4096;
/// The longest head of a request: single sign-on proxies add large headers.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// More fields than fit into such a head: their number is no limit of its own. A field is a name, a colon, the line's end.
/// Room for all of them is more than a megabyte for each request: a session's ([`Head::first`]) costs that only if needed.
const MAX_FIELDS: usize = MAX_HEAD_BYTES / 3;
/// The answer to a target that is longer than a head may be (RFC 9112, section 3): hyper would say 431.
const TOO_LONG: &[u8] =
    b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// So many connections that are no sessions are held at least; with a larger `MAX_CONCURRENT_CONNECTIONS` as many as that:
/// all clients may come at once.
const MIN_VISITORS: usize = 1024;
/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
/// How long a connection may be idle between requests where they are passed on: longer than browsers and proxies keep theirs,
/// which then end them.
const IDLE: Duration = Duration::from_secs(75);
/// How often the accept loop turns when nobody comes.
const TURN: Duration = Duration::from_secs(1);

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address cannot be listened on.
    #[error("{variable}: cannot listen on {address}: {source}")]
    Bind {
        /// The variable to change.
        variable: &'static str,
        /// The address that was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate cannot be served.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// The open door: listening, not yet accepting.
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    door: Arc<Door>,
    visitors: Arc<Visitors>,
}

/// What every connection needs.
pub(super) struct Door {
    pub(super) sessions: Arc<Sessions>,
    pub(super) readiness: Arc<dyn Readiness>,
    pub(super) liveness: Arc<Liveness>,
    pub(super) admission: Arc<Admission>,
    pub(super) origins: Origins,
    pub(super) beyond: Option<Arc<dyn Beyond>>,
    /// Cancelled when nobody is accepted any more.
    ending: CancellationToken,
    tls: Option<Tls>,
    config: GatewayConfig,
    accept_errors: Limited,
}

/// The other end of a connection.
#[derive(Debug)]
pub(super) struct Comer {
    address: IpAddr,
    pub(super) speaks: Speaks,
    notes: Arc<HeadNotes>,
    /// Its first request is an upgrade: there is no second one.
    pub(super) upgrades: bool,
    /// The session that the connection becomes: its upgrade was answered with `101`.
    let_in: Mutex<Option<(Arrival, Permit)>>,
}

/// How the other end speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Plain HTTP, as this port does.
    Plain,
    /// TLS, as this port does.
    Tls,
    /// Plain HTTP, where this port speaks TLS.
    PlainToTls,
}

impl Comer {
    /// Whether the request whose head came last was of HTTP/1.0.
    pub(super) fn is_http_10(&self) -> bool {
        self.notes.is_http_10()
    }

    /// Once its request is answered with `101`, the connection is a session.
    pub(super) fn let_in(&self, arrival: Arrival, permit: Permit) {
        *self.let_in.lock() = Some((arrival, permit));
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Listens; nobody is let in before [`Gateway::run`]. Called inside of the runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on, naming the variable to change.
    pub fn bind(
        config: GatewayConfig,
        sessions: Arc<Sessions>,
        readiness: Arc<dyn Readiness>,
        liveness: Arc<Liveness>,
        beyond: Option<Arc<dyn Beyond>>,
    ) -> Result<Self, GatewayError> {
        let tls = config.tls.as_ref().map(Tls::new).transpose()?;
        let (listener, address) = listen(config.address())?;
        let visitors = Visitors::new(config.max_connections.max(MIN_VISITORS));
        let door = Arc::new(Door {
            sessions,
            readiness,
            liveness,
            admission: Admission::new(config.max_connections, config.max_connections_per_address),
            origins: Origins::new(&config.allowed_origins),
            beyond,
            ending: CancellationToken::new(),
            tls,
            config,
            accept_errors: Limited::default(),
        });
        Ok(Self {
            listener,
            address,
            door,
            visitors,
        })
    }

    /// The certificate that clients are shown, where the door speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<Shown> {
        self.door.tls.as_ref().map(Tls::shown)
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The connections that are no sessions.
    #[must_use]
    pub fn visitors(&self) -> Arc<Visitors> {
        self.visitors.clone()
    }

    /// Accepts until `cancel`. What a connection does before its upgrade runs in `tracker`; its session in the tracker of
    /// [`Sessions`], and `cancel` does not touch it. Of the others those end then that have no request under way; whoever
    /// waits for `tracker` ends the rest ([`Visitors::end`]) when it has waited enough.
    pub async fn run(self, tracker: TaskTracker, cancel: CancellationToken) {
        let beat = self.door.liveness.watch("accept");
        if self.door.tls.is_some() {
            let (door, cancel) = (self.door.clone(), cancel.clone());
            tracker.spawn(async move {
                if let Some(tls) = &door.tls {
                    cancel.run_until_cancelled(tls.follow()).await;
                }
            });
        }
        let mut turn = tokio::time::interval(TURN);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return self.door.ending.cancel(),
                _ = turn.tick() => beat.turned(),
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, peer)) => {
                        let door = self.door.clone();
                        let gave_way = self.visitors.spawn(&tracker, |visitor| door.serve(socket, peer.ip(), visitor));
                        if gave_way {
                            metrics::connection_refused(Refusal::Idle);
                        }
                    }
                    Err(error) if of_one_connection(&error) => {}
                    Err(error) => {
                        self.door.cannot_accept(&error);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }
}

impl Door {
    fn cannot_accept(&self, error: &io::Error) {
        metrics::accept_failed();
        self.accept_errors.log(|left_out| {
            tracing::error!(%error, left_out, "connections cannot be accepted; is the limit of open files too low?");
        });
    }

    /// Serves a connection until it ends or is upgraded.
    async fn serve(self: Arc<Self>, socket: TcpStream, peer: IpAddr, visitor: Visitor) {
        // Small frames are to leave at once. On failure they leave a little later.
        let _best_effort = socket.set_nodelay(true);
        match &self.tls {
            None => self.http(socket, peer, Speaks::Plain, visitor).await,
            // Elsewhere, so that connections without TLS need no room for it.
            Some(tls) => Box::pin(self.greet(tls, socket, peer, visitor)).await,
        }
    }

    /// What a connection does before its first request: it has so long for it, and not beyond the end.
    async fn awaited<T>(&self, what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let within = tokio::time::timeout(self.config.handshake_timeout, what);
        let awaited = self.ending.run_until_cancelled(within).await;
        let awaited = awaited.ok_or(io::ErrorKind::ConnectionAborted)?;
        awaited.map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn greet(&self, tls: &Tls, socket: TcpStream, peer: IpAddr, visitor: Visitor) {
        match self.awaited(tls.greet(socket)).await {
            Ok(Spoken::Tls(secure)) => {
                self.http(Wire::from(secure), peer, Speaks::Tls, visitor)
                    .await;
            }
            Ok(Spoken::Plain(socket)) => self.http(socket, peer, Speaks::PlainToTls, visitor).await,
            Err(error) => {
                metrics::connection_refused(Refusal::Tls);
                tracing::debug!(%error, "a TLS handshake failed");
            }
        }
    }

    /// Serves HTTP until the connection ends or is upgraded.
    async fn http<S: AsyncRead + AsyncWrite + Into<Wire> + Send + Unpin + 'static>(
        &self,
        socket: S,
        address: IpAddr,
        speaks: Speaks,
        visitor: Visitor,
    ) {
        let timeout = self.config.handshake_timeout;
        // Answers of a server behind may be long, and more requests follow them.
        let (patience, idle) = match &self.beyond {
            Some(beyond) => (beyond.patience(), IDLE),
            None => (timeout, timeout),
        };
        let mut ending = pin!(self.ending.cancelled().fuse());
        let notes = Arc::new(HeadNotes::default());
        let mut socket = Head::new(Watched::new(socket, visitor, patience), notes.clone());
        let Ok(upgrades) = self.awaited(socket.first(MAX_HEAD_BYTES)).await else {
            tracing::debug!("an HTTP connection ended before its first request");
            return;
        };
        if socket.is_all_target(MAX_HEAD_BYTES) {
            metrics::connection_refused(Refusal::Malformed);
            let _gone_either_way = socket.write_all(TOO_LONG).await;
            let _the_end_either_way = socket.shutdown().await;
            return;
        }
        let comer = Comer {
            address,
            speaks,
            notes,
            upgrades,
            let_in: Mutex::default(),
        };
        let service = service_fn(|request: Request<Incoming>| {
            let body = request.body().size_hint().exact();
            let behind = body.map_or(Next::Other, Next::Head);
            if let Some(beyond) = self.beyond_of(&request, &comer) {
                comer.notes.next_is(behind);
                let answer = self.pass(beyond, request, &comer).map(Ok);
                return Either::Right(answer.boxed());
            }
            let answer = self.answer(&request, &comer);
            let upgraded = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
            comer
                .notes
                .next_is(if upgraded { Next::Other } else { behind });
            let answer = answer.map(http_body_util::Either::Left);
            Either::Left(std::future::ready(Ok::<_, Infallible>(answer)))
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(idle)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_header_size(MAX_HEAD_BYTES);
        if !upgrades {
            http.max_headers(MAX_FIELDS);
        }
        let mut connection = http.serve_connection(TokioIo::new(&mut socket), &service);
        let ended = poll_fn(|cx| {
            // What was asked is answered; nothing more is.
            if !ending.is_terminated() && ending.as_mut().poll(cx).is_ready() {
                Pin::new(&mut connection).graceful_shutdown();
            }
            connection.poll_without_shutdown(cx)
        })
        .await;
        let leftover = connection.into_parts().read_buf;
        if let Err(error) = ended {
            tracing::debug!(%error, "an HTTP connection ended");
        } else if let Some((arrival, permit)) = comer.let_in.into_inner() {
            self.begin(socket, &leftover, arrival, permit);
        } else {
            let _the_end_either_way = socket.shutdown().await;
        }
    }

    /// The request was answered with `101`: what follows is a session, in a task of its own.
    fn begin<S: Into<Wire> + Send + 'static>(
        &self,
        socket: Head<Watched<S>>,
        leftover: &[u8],
        arrival: Arrival,
        permit: Permit,
    ) {
        let (socket, behind) = socket.into_inner();
        // Copied, so that hyper's own buffer does not live as long as the session.
        let leftover = [leftover, &behind].concat();
        let session = self
            .sessions
            .wire_session(socket.into_inner().into(), leftover, arrival);
        // No block around it: a task would have room for the session twice.
        let session = session.map(|()| drop(permit));
        self.sessions.tracker().spawn(session);
    }

    /// Who asks, for a server behind the door.
    pub(super) fn visitor<B>(&self, request: &Request<B>, comer: &Comer) -> beyond::Visitor {
        beyond::Visitor {
            address: self.address(request, comer),
            tls: comer.speaks == Speaks::Tls,
            proxied: self.config.forwarded_count > 0,
        }
    }

    /// Where a client comes from; absent when the trusted proxies do not say.
    pub(super) fn address<B>(&self, request: &Request<B>, comer: &Comer) -> Option<Box<str>> {
        let trusted = self.config.forwarded_count;
        address::client_address(comer.address, request.headers(), trusted)
    }
}

/// Whether the error is of the one connection that was about to be accepted, rather than of the listener.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), GatewayError> {
    try_listen(address).map_err(|source| GatewayError::Bind {
        variable: match source.kind() {
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => "PORT",
            _ => "BIND_IP",
        },
        address,
        source,
    })
}

fn try_listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
