//! The configuration itself.

use super::report::Finding;
use crate::config::{self, Config, NoteLevel, Origin, Problem};

/// What is documented and not built yet, and the value under which the rest can be looked at all the same.
const WITHOUT: &[(&str, &str, &str)] = &[("TRACING_ENABLED", "collector", "false")];

/// The configuration, if there is one; what is wrong with it goes to `findings`.
pub(super) fn load(mut env: Vec<(String, String)>, findings: &mut Vec<Finding>) -> Option<Config> {
    let errors = match config::load(env.iter().cloned()) {
        Ok(loaded) => {
            tell(&loaded, findings);
            return Some(loaded.config);
        }
        Err(errors) => errors,
    };
    for problem in errors.0 {
        let row = match &problem {
            Problem::NotSupportedYet { variable, .. } => {
                WITHOUT.iter().find(|(name, ..)| name == variable)
            }
            _ => None,
        };
        let about = row.map_or("configuration", |(_, about, _)| about);
        let advice = match &problem {
            Problem::NotSupportedYet { .. } => {
                "leave it unset, or stay with the original service until it is supported"
            }
            _ => "correct it: the service does not start with it",
        };
        findings.push(Finding::wrong(about, problem.to_string(), advice));
        if let Some((name, _, off)) = row {
            env.retain(|(variable, _)| variable != name);
            env.push(((*name).to_owned(), (*off).to_owned()));
        }
    }
    config::load(env.into_iter())
        .ok()
        .map(|loaded| loaded.config)
}

fn tell(loaded: &config::Loaded, findings: &mut Vec<Finding>) {
    let from = |origin| {
        loaded
            .values
            .iter()
            .filter(|value| value.origin == origin)
            .count()
    };
    findings.push(Finding::ok(
        "configuration",
        format!(
            "from the environment {}, from CONFIG_FILE {}, the other variables are at their defaults",
            from(Origin::Environment),
            from(Origin::File)
        ),
    ));
    let loud = loaded
        .notes
        .iter()
        .filter(|note| note.level == NoteLevel::Warn);
    findings.extend(loud.map(|note| Finding::warning("configuration", note.text.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(env: &[(&str, &str)]) -> (bool, Vec<Finding>) {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut findings = Vec::new();
        let loaded = load(env.collect(), &mut findings).is_some();
        (loaded, findings)
    }

    #[test]
    fn what_is_not_built_is_told_and_the_rest_is_looked_at() {
        let (loaded, findings) = loads(&[
            ("TRANSPORTER", "nats://127.0.0.1:1"),
            ("TRACING_ENABLED", "yes"),
        ]);
        assert!(loaded);
        assert_eq!(
            (findings[0].about, findings[0].found.as_str()),
            ("collector", "TRACING_ENABLED=yes: not supported yet")
        );
        assert_eq!(findings.len(), 1);
        let (loaded, findings) = loads(&[("TRANSPORTER", "nats://127.0.0.1:1"), ("PORT", "x")]);
        assert!(!loaded);
        assert_eq!(findings[0].about, "configuration");
    }
}
