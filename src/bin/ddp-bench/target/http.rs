//! Pages that the processes under test show of themselves: metrics, NATS's own figures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Both sides are on this machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// The body of an answer 200; HTTP/1.0, so that it comes in one piece and ends with the connection.
pub(super) fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?;
    (status == "200").then(|| body.to_owned())
}

/// A counter of a page in Prometheus's text format: 0 when nothing was counted yet with these labels, `None` when there is no
/// such metric.
pub(super) fn counter(page: &str, series: &str) -> Option<f64> {
    let value = |line: &str| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok();
    let metric = series.split('{').next().unwrap_or_default();
    let typed = |line: &str| {
        line.strip_prefix("# TYPE ")?
            .strip_prefix(metric)?
            .strip_prefix(' ')
            .map(|_| 0.0)
    };
    page.lines()
        .find_map(value)
        .or_else(|| page.lines().find_map(typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_its_whole_name() {
        let page = "# TYPE a_total counter\na_total{what=\"room\"} 7\na_total{what=\"rooms\"} 9\nb_total 2\n";
        assert_eq!(counter(page, "a_total{what=\"room\"}"), Some(7.0));
        assert_eq!(counter(page, "b_total"), Some(2.0));
        assert_eq!(counter(page, "a_total{what=\"users\"}"), Some(0.0));
        assert_eq!(counter(page, "a"), None);
        assert_eq!(counter(page, "c_total{what=\"room\"}"), None);
    }
}
