//! The server that sessions are relayed to, where there is no mesh.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::clock::Reading;
use super::report::{Finding, millis};
use crate::app;
use crate::config::RelayConfig;
use crate::relay::{Info, ServerSeen, look as look_at};

/// HTTP's dates have no more.
const SECOND: Duration = Duration::from_secs(1);

/// What was seen, or why nobody could look.
pub(super) type Seen = Result<ServerSeen, String>;

pub(super) async fn look(config: &RelayConfig) -> Seen {
    let trusted = app::trusted(config).map_err(|error| error.to_string())?;
    Ok(look_at(&config.server, trusted.map(Arc::new)).await)
}

pub(super) fn judge(
    seen: Seen,
    config: &RelayConfig,
    findings: &mut Vec<Finding>,
    clocks: &mut Vec<Reading>,
) {
    let url = &config.server;
    let seen = match seen {
        Ok(seen) => seen,
        Err(problem) => {
            let advice = "correct it: the service does not start with it";
            return findings.push(Finding::wrong("server", problem, advice));
        }
    };
    findings.push(match &seen.connected_in {
        Ok(took) => Finding::ok(
            "server",
            format!("{url}: DDP connected in {}", millis(*took)),
        ),
        Err(why) => Finding::wrong(
            "server",
            format!("{url}: {why}"),
            "start Rocket.Chat, or correct DDP_SERVER_URL (ws://rocketchat:3000/websocket)",
        ),
    });
    let Some(info) = seen.info else {
        if seen.connected_in.is_ok() {
            let found = "/api/info is not answered: its release and its clock are not known";
            findings.push(Finding::warning("release", found));
        }
        return;
    };
    findings.push(match &info.version {
        Some(version) => Finding::ok("release", format!("Rocket.Chat {version}")),
        None => Finding::ok("release", "no Rocket.Chat: /api/info has no version"),
    });
    clocks.extend(reading(&info));
}

fn reading(info: &Info) -> Option<Reading> {
    let (asked, took) = info.asked;
    // In the middle of the second, against the middle of the way.
    let (theirs, ours) = (info.date? + SECOND / 2, asked + took / 2);
    Some(Reading {
        whose: "the server".to_owned(),
        round_trip: took + SECOND,
        ahead_ms: ahead(theirs, ours),
    })
}

fn ahead(theirs: SystemTime, ours: SystemTime) -> i64 {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match theirs.duration_since(ours) {
        Ok(ahead) => millis(ahead),
        Err(behind) => -millis(behind.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_to_half_a_second() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let info = |date| Info {
            version: None,
            date: Some(date),
            asked: (now, Duration::from_millis(200)),
        };
        let reading = reading(&info(now)).unwrap();
        assert_eq!(
            (reading.ahead_ms, reading.round_trip),
            (400, Duration::from_millis(1200))
        );
        let behind = super::reading(&info(now - Duration::from_secs(60))).unwrap();
        assert_eq!(behind.ahead_ms, -59_600);
    }
}
