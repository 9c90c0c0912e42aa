//! The configuration itself.

use super::report::Finding;
use crate::config::{self, Config, NoteLevel, Origin};

/// The configuration, if there is one; what is wrong with it goes to `findings`.
pub(super) fn load(env: Vec<(String, String)>, findings: &mut Vec<Finding>) -> Option<Config> {
    let errors = match config::load(env.into_iter()) {
        Ok(loaded) => {
            tell(&loaded, findings);
            return Some(loaded.config);
        }
        Err(errors) => errors,
    };
    let advice = "correct it: the service does not start with it";
    findings.extend(
        errors
            .0
            .into_iter()
            .map(|problem| Finding::wrong("configuration", problem.to_string(), advice)),
    );
    None
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
    fn every_problem_is_a_finding() {
        let (loaded, findings) = loads(&[
            ("TRANSPORTER", "nats://127.0.0.1:1"),
            ("PORT", "x"),
            ("TRACING_ENABLED", "perhaps"),
        ]);
        assert!(!loaded);
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|one| one.about == "configuration"));
        let (loaded, findings) = loads(&[
            ("TRANSPORTER", "nats://127.0.0.1:1"),
            ("TRACING_ENABLED", "yes"),
        ]);
        assert!(loaded);
        assert_eq!(findings.len(), 1);
    }
}
