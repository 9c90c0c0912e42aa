//! `MONGO_URL` as Node.js's driver takes it: an environment of the original must keep working, and the driver here refuses
//! some of what that one takes.

use futures_util::FutureExt;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, ConnectionString, HostInfo, ServerAddress};

/// What the driver here is given.
///
/// # Errors
/// It is no connection string.
pub(crate) fn connection_string(text: &str) -> Result<ConnectionString, Error> {
    let mut url = ConnectionString::parse(text)?;
    // Refused by the driver, whatever it says. An operation has a time-out of its own.
    *socket_timeout(&mut url) = None;
    // No limit, there.
    if url.max_pool_size == Some(0) {
        url.max_pool_size = Some(u32::MAX);
    }
    Ok(url)
}

/// A `socketTimeoutMS` stands in it, which is left out.
pub(super) fn has_socket_timeout(text: &str) -> bool {
    ConnectionString::parse(text).is_ok_and(|mut url| socket_timeout(&mut url).is_some())
}

/// What the driver has against the options of a connection string, or `None`. It speaks of options and numbers, never of
/// what else stands there. Nobody is asked: where DNS has the hosts, they are taken for one.
pub(super) fn refusal(text: &str) -> Option<String> {
    let mut url = connection_string(text).ok()?;
    if matches!(url.host_info, HostInfo::DnsRecord(_)) {
        url.host_info = HostInfo::HostIdentifiers(vec![ServerAddress::default()]);
    }
    let read = ClientOptions::parse(url).into_future().now_or_never()?;
    Some(match *read.err()?.kind {
        ErrorKind::InvalidArgument { message, .. } => message,
        _ => "the driver refuses its options".to_owned(),
    })
}

#[expect(deprecated, reason = "to leave it out, one must name it")]
fn socket_timeout(url: &mut ConnectionString) -> &mut Option<std::time::Duration> {
    &mut url.socket_timeout
}
