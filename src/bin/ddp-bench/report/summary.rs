//! Medians over the rounds, with their spread, and the ratio to the first server of the list.

use serde::Serialize;

use crate::run::Outcome;

/// One figure of one server over all rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Line {
    /// The server.
    pub(crate) target: String,
    /// The figure.
    pub(crate) name: &'static str,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// The middle of the rounds.
    pub(crate) median: f64,
    /// The least.
    pub(crate) least: f64,
    /// The most.
    pub(crate) most: f64,
}

/// One line for each server and figure, in the order in which they were first seen.
pub(crate) fn summary(outcomes: &[Outcome]) -> Vec<Line> {
    let mut series: Vec<(Line, Vec<f64>)> = Vec::new();
    for outcome in outcomes {
        for figure in &outcome.figures {
            let same = |(line, _): &&mut (Line, Vec<f64>)| {
                line.target == outcome.target && line.name == figure.name
            };
            if let Some((_, values)) = series.iter_mut().find(same) {
                values.push(figure.value);
                continue;
            }
            let line = Line {
                target: outcome.target.clone(),
                name: figure.name,
                unit: figure.unit,
                median: 0.0,
                least: 0.0,
                most: 0.0,
            };
            series.push((line, vec![figure.value]));
        }
    }
    series
        .into_iter()
        .map(|(line, mut values)| {
            values.sort_by(f64::total_cmp);
            Line {
                median: median(&values),
                least: values.first().copied().unwrap_or_default(),
                most: values.last().copied().unwrap_or_default(),
                ..line
            }
        })
        .collect()
}

/// The middle of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted {
        [] => 0.0,
        _ if sorted.len() % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// A table for people: figures down, servers across.
pub(crate) fn text(lines: &[Line]) -> String {
    let mut targets: Vec<&str> = Vec::new();
    let mut names: Vec<(&str, &str)> = Vec::new();
    for line in lines {
        if !targets.contains(&line.target.as_str()) {
            targets.push(&line.target);
        }
        if !names.contains(&(line.name, line.unit)) {
            names.push((line.name, line.unit));
        }
    }
    let mut text = format!("{:<50}", "median (least … most)");
    targets
        .iter()
        .for_each(|target| text.push_str(&format!("  {target:<32}")));
    for (name, unit) in names {
        text.push_str(&format!("\n{:<50}", format!("{name} {unit}")));
        let of = |target: &str| {
            lines
                .iter()
                .find(|line| line.target == target && line.name == name)
        };
        let first = targets
            .first()
            .and_then(|target| of(target))
            .map(|line| line.median);
        for (at, target) in targets.iter().enumerate() {
            let cell =
                of(target).map_or(String::new(), |line| cell(line, first.filter(|_| at > 0)));
            text.push_str(&format!("  {cell:<32}"));
        }
    }
    text
}

/// `median (least … most) × ratio`.
pub(super) fn cell(line: &Line, first: Option<f64>) -> String {
    use crate::run::number;
    let ratio = match first {
        Some(first) if first != 0.0 => format!(" ×{:.2}", line.median / first),
        _ => String::new(),
    };
    let spread = if line.least == line.most {
        String::new()
    } else {
        format!(" ({} … {})", number(line.least), number(line.most))
    };
    format!("{}{spread}{ratio}", number(line.median))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(target: &str, value: f64) -> Outcome {
        let mut outcome = Outcome::new(target.to_owned(), 1);
        outcome.figure("p99", "ms", value);
        outcome
    }

    #[test]
    fn medians_and_spread_of_each_server() {
        let rounds = [
            outcome("floor", 5.0),
            outcome("ours", 9.0),
            outcome("floor", 1.0),
            outcome("floor", 3.0),
            outcome("ours", 6.0),
        ];
        let lines = summary(&rounds);
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line.target.as_str(), line.median, line.least, line.most))
            .collect();
        assert_eq!(told, [("floor", 3.0, 1.0, 5.0), ("ours", 7.5, 6.0, 9.0)]);
        assert!(
            text(&lines).contains("7.50 (6 … 9) ×2.50"),
            "{}",
            text(&lines)
        );
    }
}
