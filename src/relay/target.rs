//! Where the server is, and a connection to it.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rand::Rng;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::ServerUrl;

/// How long a name's addresses are believed: a container that is made anew has another, and a thousand clients that come
/// back are not to ask a thousand times.
const BELIEVED: Duration = Duration::from_secs(5);
/// How long an address may take while there is another to try.
const EACH: Duration = Duration::from_secs(2);
/// How long the last one may take: time for a first packet that is lost twice.
const LAST: Duration = Duration::from_secs(5);

/// The server, as it is reached.
pub(super) struct Target {
    pub(super) url: ServerUrl,
    /// With `wss://`.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Held while somebody asks, so that the others wait for the answer.
    known: Mutex<Option<(Instant, Arc<[SocketAddr]>)>>,
}

/// A connection to the server.
pub(super) enum Stream {
    Plain(TcpStream),
    // Boxed: it is by far larger.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Target {
    /// `trusted` is what servers are believed by, with `wss://`.
    pub(super) fn new(url: ServerUrl, trusted: Option<Arc<ClientConfig>>) -> Self {
        // The host was checked: it is a name or an address.
        let name = ServerName::try_from(url.host.clone()).ok();
        Self {
            tls: trusted.map(TlsConnector::from).zip(name),
            url,
            known: Mutex::default(),
        }
    }

    /// Connects, to any one of its addresses that answers.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        let addresses = self.addresses().await?;
        let stream = match first_of(&addresses, TcpStream::connect).await {
            Ok(stream) => stream,
            Err(error) => {
                // It may have moved.
                *self.known.lock().await = None;
                return Err(error);
            }
        };
        // Small frames are to leave at once. On failure they leave a little later.
        let _best_effort = stream.set_nodelay(true);
        match &self.tls {
            None if self.url.tls => Err(io::Error::other("no name for TLS")),
            None => Ok(Stream::Plain(stream)),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                Ok(Stream::Tls(Box::new(stream)))
            }
        }
    }

    async fn addresses(&self) -> io::Result<Arc<[SocketAddr]>> {
        if let Ok(address) = self.url.host.parse::<IpAddr>() {
            return Ok([SocketAddr::new(address, self.url.port)].into());
        }
        let mut known = self.known.lock().await;
        if let Some((since, addresses)) = &*known
            && since.elapsed() < BELIEVED
        {
            return Ok(addresses.clone());
        }
        let asked = tokio::net::lookup_host((&*self.url.host, self.url.port)).await?;
        let addresses: Arc<[SocketAddr]> = asked.collect();
        *known = Some((Instant::now(), addresses.clone()));
        Ok(addresses)
    }
}

/// Tries all, beginning anywhere: a name with several addresses has several servers behind it, and one of them may never say
/// a word.
async fn first_of<T>(
    addresses: &[SocketAddr],
    connect: impl AsyncFn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let first = rand::rng().random_range(0..addresses.len().max(1));
    let (before, after) = addresses.split_at(first.min(addresses.len()));
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (others, address) in (0..addresses.len()).rev().zip(after.iter().chain(before)) {
        let within = if others > 0 { EACH } else { LAST };
        match tokio::time::timeout(within, connect(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => {
                let why = format!("no answer within {within:?}");
                last = io::Error::new(io::ErrorKind::TimedOut, why);
            }
        }
    }
    Err(last)
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: relay/away
    #[tokio::test(start_paused = true)]
    async fn an_address_that_says_nothing_is_passed_over() {
        let addresses = [1, 2, 3].map(|last| SocketAddr::from(([192, 0, 2, last], 3000)));
        let good = addresses[1];
        for _ in 0..50 {
            let began = Instant::now();
            let connect = async |address| match address == good {
                true => Ok(address),
                false => std::future::pending().await,
            };
            assert_eq!(first_of(&addresses, connect).await.unwrap(), good);
            assert!(began.elapsed() <= EACH * 2 + Duration::from_millis(5));
        }
        let silent = async |_| std::future::pending::<io::Result<()>>().await;
        for (addresses, kind) in [
            (&addresses[..1], io::ErrorKind::TimedOut),
            (&addresses, io::ErrorKind::TimedOut),
            (&[], io::ErrorKind::NotFound),
        ] {
            let error = first_of(addresses, silent).await.unwrap_err();
            assert_eq!(error.kind(), kind);
        }
        let refused = async |_| Err::<(), _>(io::ErrorKind::ConnectionRefused.into());
        let error = first_of(&addresses, refused).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
