//! A non-blocking connection from one of the loopback's many addresses.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections from one source address before the next one is taken: less than half of the ephemeral ports.
const PER_ADDRESS: u64 = 10_000;

/// Addresses that are used in turn, 127.1.0.0 and up: all of 127.0.0.0/8 is this machine.
const ADDRESSES: u64 = 1 << 16;

/// How many addresses further a process begins that starts a second later: more than connections can use up in a second.
const A_SECOND: u64 = 3;

/// Connections of this process so far. A port that was closed stays in TIME_WAIT for a minute, and where most of an
/// address's ports do, the kernel looks for a free one so long that seconds are lost in a storm: hence no round begins
/// at the addresses of the one before, nor a process at those of the last.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// Where this process began.
static FIRST: LazyLock<u64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() * A_SECOND)
});

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

fn source(count: u64) -> Ipv4Addr {
    let at = (*FIRST + count / PER_ADDRESS) % ADDRESSES;
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + at as u32)
}
