//! What came of one round: named figures, a latency curve, promises not kept.

use std::time::Duration;

use serde::Serialize;

use crate::measure::latency::{Latency, PERCENTILES};
use crate::measure::tally::{Tally, codes};

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What it is.
    pub(crate) name: &'static str,
    /// µs, ms, KiB, … or nothing for a count.
    pub(crate) unit: &'static str,
    /// How much.
    pub(crate) value: f64,
}

/// Whether a set-up may fail that succeeds later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retries {
    /// Everybody comes at once, again and again.
    AreAllowed,
    /// There is room for everybody.
    AreFaults,
}

/// One round on one server.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    /// The server.
    pub(crate) target: String,
    /// Counts from 1.
    pub(crate) round: u32,
    /// In the order in which they are told.
    pub(crate) figures: Vec<Figure>,
    /// (percentile, milliseconds).
    pub(crate) curve: Vec<(f64, f64)>,
    /// Promises not kept.
    pub(crate) faults: u64,
    /// Goals of this load that were missed, though every promise was kept: times and sizes, which depend on the machine.
    pub(crate) missed: Vec<String>,
    /// The first of the faults by name, and whatever else a reader should know.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    pub(crate) fn new(target: String, round: u32) -> Self {
        Self {
            target,
            round,
            figures: Vec::new(),
            curve: Vec::new(),
            faults: 0,
            missed: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn figure(&mut self, name: &'static str, unit: &'static str, value: f64) {
        self.figures.push(Figure { name, unit, value });
    }

    /// A figure that needs the server's pid.
    pub(crate) fn maybe(&mut self, name: &'static str, unit: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.figure(name, unit, value);
        }
    }

    /// A figure that has a goal: at most so much.
    pub(crate) fn goal(&mut self, name: &'static str, unit: &'static str, value: f64, most: f64) {
        self.figure(name, unit, value);
        if value > most || value.is_nan() {
            let (value, most) = (number(value), number(most));
            let told = format!("{value} {unit}");
            self.missed.push(format!(
                "{name}: {}, at most {most} wanted",
                told.trim_end()
            ));
        }
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// The percentiles of a latency, under three names.
    pub(crate) fn latency(&mut self, names: [&'static str; 3], latency: &Latency) {
        if latency.count() == 0 {
            return;
        }
        let [middle, high, longest] = names;
        self.figure(middle, "ms", ms(latency.percentile(50.0)));
        self.figure(high, "ms", ms(latency.percentile(99.0)));
        self.figure(longest, "ms", ms(latency.longest()));
        self.curve = PERCENTILES
            .iter()
            .map(|&percent| (percent, ms(latency.percentile(percent))))
            .collect();
    }

    /// Faults of the counts, from the first connection to the end, and what connections had to say.
    pub(crate) fn faults(&mut self, tally: &Tally, retries: Retries) {
        let faults = &tally.faults;
        self.faults += faults.total();
        self.figure("lost", "", faults.lost as f64);
        self.figure("repeated", "", faults.repeated as f64);
        self.figure("out of order", "", faults.out_of_order as f64);
        self.figure("never subscribed to", "", faults.foreign as f64);
        self.notes.extend(faults.named.iter().cloned());
        if !tally.closes.is_empty() {
            self.note(format!(
                "closed by the server (code × sessions): {}",
                codes(&tally.closes)
            ));
            self.faults += tally.closes.values().sum::<u64>();
        }
        if tally.unanswered > 0 {
            self.note(format!("{} calls were never answered", tally.unanswered));
            self.faults += tally.unanswered;
        }
        if !tally.refusals.is_empty() {
            self.note(format!(
                "set-ups that failed and were tried again (HTTP status, 0 for none): {}",
                codes(&tally.refusals)
            ));
            if retries == Retries::AreFaults {
                self.faults += tally.refusals.values().sum::<u64>();
            }
        }
        if tally.given_up > 0 {
            self.note(format!("{} sessions gave up", tally.given_up));
            self.faults += tally.given_up;
        }
        if tally.nosub > 0 {
            self.note(format!("{} publications were refused", tally.nosub));
            self.faults += tally.nosub;
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} (round {})\n", self.target, self.round);
        for figure in &self.figures {
            text.push_str(&format!(
                "  {:<42} {} {}\n",
                figure.name,
                number(figure.value),
                figure.unit
            ));
        }
        for note in &self.notes {
            text.push_str(&format!("  · {note}\n"));
        }
        for missed in &self.missed {
            text.push_str(&format!("  ! {missed}\n"));
        }
        if self.faults > 0 {
            text.push_str(&format!("  ! {} promises not kept\n", self.faults));
        }
        text
    }
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Microseconds for each of `count`.
pub(crate) fn us_each(time: Option<Duration>, count: u64) -> Option<f64> {
    (count > 0).then_some(time?.as_secs_f64() * 1e6 / count as f64)
}

/// With as many digits as matter.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let told = [123_456.7, 150.26, 5.378, 0.1234, 7.0].map(number);
        assert_eq!(told, ["123457", "150.3", "5.38", "0.123", "7"]);
    }

    #[test]
    fn a_goal_is_missed_above_its_bound_and_by_what_is_no_number() {
        let mut outcome = Outcome::new("x".into(), 1);
        for value in [1.2, 1.21, f64::NAN] {
            outcome.goal("ratio", "×", value, 1.2);
        }
        assert_eq!((outcome.figures.len(), outcome.missed.len()), (3, 2));
        assert_eq!(outcome.missed[0], "ratio: 1.21 ×, at most 1.20 wanted");
    }

    #[test]
    fn closes_are_faults_and_retries_where_there_is_room() {
        let mut tally = Tally::new();
        tally.closes.insert(1013, 2);
        tally.refusals.insert(503, 3);
        for (retries, faults) in [(Retries::AreAllowed, 2), (Retries::AreFaults, 5)] {
            let mut outcome = Outcome::new("x".into(), 1);
            outcome.faults(&tally, retries);
            assert_eq!(outcome.faults, faults);
        }
    }

    #[test]
    fn no_count_no_cost_each() {
        assert_eq!(us_each(Some(Duration::from_millis(1)), 0), None);
        assert_eq!(us_each(Some(Duration::from_millis(1)), 100), Some(10.0));
        assert_eq!(us_each(None, 100), None);
    }
}
