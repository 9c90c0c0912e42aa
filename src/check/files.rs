//! How many files this process may open: every client is one, or two where it is relayed.

use super::report::Finding;
use crate::app::FILES_BESIDE_CLIENTS;

pub(super) fn judge(limit: Option<u64>, clients: usize, files_each: u64) -> Finding {
    let clients = u64::try_from(clients).unwrap_or(u64::MAX);
    let files = clients.saturating_mul(files_each);
    let enough = files.saturating_add(FILES_BESIDE_CLIENTS);
    let Some(limit) = limit else {
        return Finding::ok(
            "open files",
            format!("no limit, for MAX_CONCURRENT_CONNECTIONS={clients}"),
        );
    };
    let found = format!("at most {limit}, for MAX_CONCURRENT_CONNECTIONS={clients}");
    let advice = format!(
        "allow {enough} or more (ulimit -n, docker run --ulimit nofile={enough}, LimitNOFILE={enough}), or lower MAX_CONCURRENT_CONNECTIONS"
    );
    if limit < files {
        Finding::wrong("open files", found, advice)
    } else if limit < enough {
        Finding::warning("open files", found).advised(advice)
    } else {
        Finding::ok("open files", found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn clients_and_the_rest_must_fit() {
        let rows = [
            (None, Verdict::Ok),
            (Some(1200), Verdict::Ok),
            (Some(1199), Verdict::Warning),
            (Some(999), Verdict::Wrong),
        ];
        for (limit, verdict) in rows {
            assert_eq!(judge(limit, 1000, 1).verdict, verdict, "{limit:?}");
            // Relayed, each has two.
            let of_relay = limit.map(|limit: u64| limit + 1000);
            assert_eq!(judge(of_relay, 1000, 2).verdict, verdict, "{limit:?}");
        }
    }
}
