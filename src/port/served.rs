//! A port with few visitors: bound, accepting, each connection within its bounds.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::visitors::{Visitor, Visitors};
use super::watched::Watched;

/// A pause after `accept` failed, so that a lack of file descriptors does not become a loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// What a port's connections are held to.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many there are at once. One more ends the one that has been idle longest.
    pub visitors: usize,
    /// How long a request's head may take, and how long a connection may stay without one.
    pub silence: Duration,
    /// How long a visitor may take nothing of its answer.
    pub unread: Duration,
}

/// An open port.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
    bounds: Bounds,
}

/// Ends the connections of a port with the port.
struct Ends(Arc<Visitors>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Port {
    /// Listens; nobody is let in before [`Port::serve`].
    ///
    /// # Errors
    /// The address is taken, or not allowed.
    pub async fn bind(address: SocketAddr, bounds: Bounds) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, bounds })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until it is dropped, and everything it began ends with it. `answer` is told which of our addresses was
    /// reached.
    pub async fn serve<A, F, B>(&self, answer: A)
    where
        A: Fn(Request<Incoming>, IpAddr) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let tracker = TaskTracker::new();
        let ends = Ends(Visitors::new(self.bounds.visitors));
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let (answer, bounds) = (answer.clone(), self.bounds);
                    ends.0
                        .spawn(&tracker, |visitor| visit(stream, visitor, bounds, answer));
                }
                Err(error) => {
                    debug!(%error, "a connection of operators cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn visit<A, F, B>(stream: TcpStream, visitor: Visitor, bounds: Bounds, answer: A)
where
    A: Fn(Request<Incoming>, IpAddr) -> F,
    F: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Ok(reached) = stream.local_addr() else {
        return;
    };
    let service = service_fn(|request| {
        let response = answer(request, reached.ip());
        async move { Ok::<_, Infallible>(response.await) }
    });
    let stream = Watched::new(stream, visitor, bounds.unread);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.silence)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        debug!(%error, "a connection of operators ended");
    }
}
