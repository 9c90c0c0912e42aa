//! MongoDB.

use super::clock::Reading;
use super::report::{Finding, millis};
use crate::config::StoreConfig;
use crate::store::{Look, Store, StoreError};

/// The one collection that a workspace may be without until its first conference.
const LATE: &str = "rocketchat_video_conference";
/// MongoDB's numbers for a login that failed and for something that this user may not do.
const NOT_LET_IN: [i32; 2] = [13, 18];

/// What was seen; nothing when everything is in memory.
pub(super) type Seen = Result<Option<Look>, StoreError>;

pub(super) async fn look(config: &StoreConfig) -> Seen {
    Store::open(config)?.look().await
}

pub(super) fn judge(seen: Seen, findings: &mut Vec<Finding>, clocks: &mut Vec<Reading>) {
    let look = match seen {
        Ok(Some(look)) => look,
        // The configuration's own warning says what that means.
        Ok(None) => {
            return findings.push(Finding::ok(
                "MongoDB",
                "not asked: the store is kept in memory",
            ));
        }
        Err(error) => {
            let advice = match &error {
                StoreError::Refused { code, .. } if NOT_LET_IN.contains(code) => {
                    "correct user, password and authSource in MONGO_URL"
                }
                StoreError::Seed { .. } => "correct the seed file",
                _ => "start MongoDB, or correct MONGO_URL",
            };
            return findings.push(Finding::wrong("MongoDB", short(&error), advice));
        }
    };
    let Look {
        version,
        database,
        round_trip,
        ..
    } = &look;
    let there = look.read - look.missing.len();
    let found = format!(
        "version {version}, answers in {}, {there} of {} collections in database '{database}'",
        millis(*round_trip),
        look.read
    );
    findings.push(if there == 0 {
        let advice = "name the workspace's database in MONGO_URL (mongodb://host:27017/rocketchat), or start Rocket.Chat once";
        Finding::wrong("MongoDB", found, advice)
    } else {
        Finding::ok("MongoDB", found)
    });
    for name in look.missing.iter().filter(|_| there > 0) {
        let found = format!("collection {name} is not there");
        findings.push(if *name == LATE {
            Finding::warning("MongoDB", found).advised("normal until the first conference")
        } else {
            Finding::wrong(
                "MongoDB",
                found,
                "see whether MONGO_URL names the workspace's database",
            )
        });
    }
    for (name, error) in &look.refused {
        let advice = "give the user of MONGO_URL the right to read it";
        findings.push(Finding::wrong(
            "MongoDB",
            format!("collection {name}: {error}"),
            advice,
        ));
    }
    clocks.extend(look.ahead_ms.map(|ahead_ms| Reading {
        whose: "MongoDB".to_owned(),
        round_trip: *round_trip,
        ahead_ms,
    }));
}

/// The driver tells the whole topology; an operator wants the first server and its trouble.
fn short(error: &StoreError) -> String {
    const ADDRESS: &str = "Address: ";
    const TROUBLE: &str = "Error: Kind: ";
    const LABELS: &str = ", labels: ";
    let text = error.to_string();
    let StoreError::Unreachable(why) = error else {
        return text;
    };
    let after = |mark: &str| Some(why.split_once(mark)?.1);
    let server = after(ADDRESS).and_then(|rest| rest.split(", ").next());
    let trouble = after(TROUBLE).and_then(|rest| rest.split(LABELS).next());
    match (server, trouble) {
        (Some(server), Some(trouble)) => format!("{server} cannot be reached: {trouble}"),
        _ => text.split(LABELS).next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_s_words_become_a_line() {
        let away = "Kind: Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: db:27017, Type: \
                    Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {\"RetryableError\"}, source: None } ] }, labels: {}";
        let rows = [
            (
                away,
                "db:27017 cannot be reached: I/O error: Connection refused (os error 111)",
            ),
            (
                "Kind: DNS error: no such name, labels: {}",
                "the database cannot be reached: Kind: DNS error: no such name",
            ),
            ("odd", "the database cannot be reached: odd"),
        ];
        for (why, line) in rows {
            assert_eq!(short(&StoreError::Unreachable(why.to_owned())), line);
        }
        let refused = StoreError::Refused {
            code: 18,
            message: "Authentication failed.".to_owned(),
        };
        assert_eq!(short(&refused), refused.to_string());
    }
}
