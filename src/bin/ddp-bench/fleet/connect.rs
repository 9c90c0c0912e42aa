//! A non-blocking connection from one of the loopback's many addresses.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections from one source address before the next one is taken: less than half of the ephemeral ports.
const PER_ADDRESS: u32 = 10_000;

/// Addresses that are used in turn, 127.0.0.2 and up.
const ADDRESSES: u32 = 200;

/// Connections of this process so far. A port that was closed stays in TIME_WAIT for a minute, and where most of an
/// address's ports do, the kernel looks for a free one so long that seconds are lost in a storm: hence no round begins
/// at the addresses of the one before, nor, mostly, a process at those of the last.
static CONNECTIONS: AtomicU32 = AtomicU32::new(0);

/// The receive buffer of a client that will stop reading: the loopback's own would hide that for many megabytes.
const SMALL: usize = 64 << 10;

/// Begins a connection, with a small receive buffer or the usual one.
pub(super) fn connect(server: SocketAddr, small: bool) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(server),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    if small {
        socket.set_recv_buffer_size(SMALL)?;
    }
    if server.is_ipv4() {
        let count = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        socket.bind(&SocketAddr::from((source(count), 0)).into())?;
    }
    match socket.connect(&server.into()) {
        Ok(()) => {}
        // EINPROGRESS: the socket becomes writable when it is connected.
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

fn source(count: u32) -> Ipv4Addr {
    let first = std::process::id().wrapping_mul(73);
    let at = first.wrapping_add(count / PER_ADDRESS) % ADDRESSES;
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 2)) + at)
}
