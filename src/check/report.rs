//! What was found, a line each.

use std::fmt;
use std::time::Duration;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Clients are served; somebody should know.
    Warning,
    /// Clients are not served, or not all of them.
    Wrong,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        })
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What was looked at.
    pub about: &'static str,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(about: &'static str, found: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            about,
            found: found.into(),
            advice: None,
        }
    }

    /// A warning with nothing to do about it.
    pub(super) fn warning(about: &'static str, found: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warning,
            ..Self::ok(about, found)
        }
    }

    pub(super) fn wrong(
        about: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Wrong,
            ..Self::ok(about, found)
        }
        .advised(advice)
    }

    pub(super) fn advised(self, advice: impl Into<String>) -> Self {
        Self {
            advice: Some(advice.into()),
            ..self
        }
    }
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report(pub Vec<Finding>);

impl Report {
    /// Nothing is wrong; warnings may be there.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.count(Verdict::Wrong) == 0
    }

    fn count(&self, verdict: Verdict) -> usize {
        let of_it = |finding: &&Finding| finding.verdict == verdict;
        self.0.iter().filter(of_it).count()
    }
}

/// Room for the longest verdict and the longest subject, and where the text begins.
const VERDICT_WIDTH: usize = 9;
const ABOUT_WIDTH: usize = 15;
const MARGIN: usize = VERDICT_WIDTH + ABOUT_WIDTH;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            let Finding {
                verdict,
                about,
                found,
                advice,
            } = finding;
            writeln!(
                f,
                "{verdict:VERDICT_WIDTH$}{about:ABOUT_WIDTH$}{}",
                one_line(found)
            )?;
            if let Some(advice) = advice {
                writeln!(f, "{:MARGIN$}→ {}", "", one_line(advice))?;
            }
        }
        let warnings = match self.count(Verdict::Warning) {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            several => format!(", {several} warnings"),
        };
        match self.count(Verdict::Wrong) {
            0 => write!(f, "\nNothing is wrong{warnings}."),
            1 => write!(f, "\n1 thing is wrong{warnings}."),
            several => write!(f, "\n{several} things are wrong{warnings}."),
        }
    }
}

/// What others say may have line ends and worse in it: this goes to a terminal.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A round trip as people read it.
pub(super) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_each_and_the_sum() {
        let report = Report(vec![
            Finding::ok("NATS", "there"),
            Finding::warning("clock", "a\x1b[2J\nb"),
            Finding::wrong("services", "nobody offers presence", "start it"),
        ]);
        let expected = "\
ok       NATS           there
warning  clock          a [2J b
wrong    services       nobody offers presence
                        → start it

1 thing is wrong, 1 warning.";
        assert_eq!(report.to_string(), expected);
        assert!(!report.is_well());
        assert_eq!(Report(Vec::new()).to_string(), "\nNothing is wrong.");
    }
}
