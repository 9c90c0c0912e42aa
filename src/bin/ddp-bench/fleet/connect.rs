//! A non-blocking connection from one of the loopback's many addresses.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections from one source address before the next one is taken: less than half of the ephemeral ports, since ports
/// of an earlier round may still be in TIME_WAIT.
const PER_ADDRESS: u32 = 10_000;

/// Addresses that are used in turn, 127.0.0.2 and up.
const ADDRESSES: u32 = 200;

/// The receive buffer of a client that will stop reading: the loopback's own would hide that for many megabytes.
const SMALL: usize = 64 << 10;

/// Begins the `count`-th connection of this shard, with a small receive buffer or the usual one.
pub(super) fn connect(server: SocketAddr, count: u32, small: bool) -> io::Result<TcpStream> {
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
        let last = u8::try_from(2 + count / PER_ADDRESS % ADDRESSES).unwrap_or(2);
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into())?;
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
