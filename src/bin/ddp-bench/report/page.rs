//! The page: one file, no network.

use super::summary::{Line, cell, summary};
use super::svg::{Rounds, bars, colour, curves, escape};
use crate::run::Outcome;
use crate::run::number;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em;color:#222}\
svg{width:100%;font-size:12px}h3{font-size:1em;margin:1em 0 0}table{border-collapse:collapse;width:100%;font-size:13px}td,th{padding:3px 8px;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}\
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}code{background:#f3f3f3;padding:2px 4px;overflow-wrap:anywhere}summary{cursor:pointer}\
.key{display:inline-block;width:.9em;height:.9em;margin:0 .4em 0 0}.key:not(:first-child){margin-left:1.2em}.bad{color:#a94442}";

/// The whole page.
pub(super) fn html(mode: &str, arguments: &str, cores: usize, outcomes: &[Outcome]) -> String {
    let lines = summary(outcomes);
    let targets = targets(outcomes);
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>ddp-bench {mode}</title><style>{STYLE}</style><h1>ddp-bench {mode}</h1><p><code>ddp-bench {}</code> on {cores} cores</p><p>",
        escape(arguments)
    );
    for (at, target) in targets.iter().enumerate() {
        page.push_str(&format!(
            "<span class=\"key\" style=\"background:{}\"></span>{}",
            colour(at),
            escape(target)
        ));
    }
    page.push_str("</p>");
    let faults: u64 = outcomes.iter().map(|outcome| outcome.faults).sum();
    if faults > 0 {
        page.push_str(&format!(
            "<p><strong class=\"bad\">{faults} promises not kept</strong>: the rounds below name them.</p>"
        ));
    }
    let missed = outcomes.iter().any(|outcome| !outcome.missed.is_empty());
    if missed {
        page.push_str(
            "<p><strong class=\"bad\">Goals missed</strong>: the rounds below name them.</p>",
        );
    }
    let rounds = |target: &String| {
        outcomes
            .iter()
            .filter(|outcome| &outcome.target == target)
            .map(|outcome| outcome.curve.clone())
            .filter(|curve| !curve.is_empty())
            .collect()
    };
    let latencies: Vec<Rounds> = targets
        .iter()
        .map(|target| (target.clone(), rounds(target)))
        .collect();
    if latencies.iter().any(|(_, rounds)| !rounds.is_empty()) {
        page.push_str("<h2>Latency by percentile</h2>");
        page.push_str(&curves(&latencies));
    }
    page.push_str("<h2>Figures</h2>");
    page.push_str(&table(&targets, &lines));
    for name in names(&lines) {
        let of: Vec<&Line> = lines.iter().filter(|line| line.name == name).collect();
        // What was the same everywhere needs no picture: the table says it.
        if of
            .iter()
            .all(|line| line.least == of[0].most && line.most == of[0].most)
        {
            continue;
        }
        let unit = of.first().map_or("", |line| line.unit);
        let each: Vec<_> = of
            .iter()
            .map(|line| (line.target.clone(), line.median, line.least, line.most))
            .collect();
        page.push_str(&format!("<h3>{}</h3>{}", escape(name), bars(unit, &each)));
    }
    let open = if faults > 0 || missed { " open" } else { "" };
    page.push_str(&format!(
        "<h2>Rounds</h2><details{open}><summary>each round of each server</summary><table><tr><th>server</th><th>round</th><th>figures</th></tr>"
    ));
    outcomes
        .iter()
        .for_each(|outcome| page.push_str(&row(outcome)));
    page.push_str("</table></details></html>\n");
    page
}

/// Figures down, servers across: median, spread, and the ratio to the first server.
fn table(targets: &[String], lines: &[Line]) -> String {
    let mut table = String::from("<table><tr><th>median (least … most)</th>");
    for target in targets {
        table.push_str(&format!("<th class=\"n\">{}</th>", escape(target)));
    }
    for name in names(lines) {
        let of = |target: &String| {
            lines
                .iter()
                .find(|line| line.name == name && &line.target == target)
        };
        let unit = targets.iter().find_map(of).map_or("", |line| line.unit);
        table.push_str(&format!("</tr><tr><td>{} {unit}</td>", escape(name)));
        let first = targets.first().and_then(of).map(|line| line.median);
        for (at, target) in targets.iter().enumerate() {
            let cell =
                of(target).map_or(String::new(), |line| cell(line, first.filter(|_| at > 0)));
            table.push_str(&format!("<td class=\"n\">{cell}</td>"));
        }
    }
    table.push_str("</tr></table>");
    table
}

fn row(outcome: &Outcome) -> String {
    let figures: Vec<String> = outcome
        .figures
        .iter()
        .map(|figure| format!("{} {} {}", figure.name, number(figure.value), figure.unit))
        .collect();
    let notes: String = outcome
        .notes
        .iter()
        .map(|note| format!("<br>{}", escape(note)))
        .collect();
    let missed: String = outcome
        .missed
        .iter()
        .map(|missed| format!("<br><span class=\"bad\">{}</span>", escape(missed)))
        .collect();
    let faults = match outcome.faults {
        0 => String::new(),
        count => format!("<br><strong class=\"bad\">{count} promises not kept</strong>"),
    };
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}{notes}{missed}{faults}</td></tr>",
        escape(&outcome.target),
        outcome.round,
        escape(&figures.join(" · "))
    )
}

fn targets(outcomes: &[Outcome]) -> Vec<String> {
    let mut targets: Vec<String> = Vec::new();
    for outcome in outcomes {
        if !targets.contains(&outcome.target) {
            targets.push(outcome.target.clone());
        }
    }
    targets
}

fn names(lines: &[Line]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for line in lines {
        if !names.contains(&line.name) {
            names.push(line.name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_is_told_at_the_top_and_in_its_round() {
        let mut outcome = Outcome::new("a".into(), 1);
        outcome.goal("oldest update", "ms", 900.0, 1000.0);
        assert!(!html("presence", "", 2, &[outcome.clone()]).contains("Goals missed"));
        outcome.goal("oldest update", "ms", 1100.0, 1000.0);
        let page = html("presence", "", 2, &[outcome]);
        let (top, rounds) = page.split_once("<h2>Rounds</h2><details open>").unwrap();
        assert!(top.contains("Goals missed"), "{top}");
        assert!(rounds.contains("oldest update: 1100 ms, at most 1000 wanted"));
    }

    #[test]
    fn a_page_loads_nothing() {
        let mut outcome = Outcome::new("a".into(), 1);
        outcome.figure("latency p99", "ms", 3.0);
        outcome.curve = vec![(50.0, 1.0), (99.0, 3.0)];
        outcome.figure("sessions", "", 7.0);
        outcome.note("<script>".into());
        let mut other = Outcome::new("b".into(), 1);
        other.figure("latency p99", "ms", 6.0);
        other.figure("sessions", "", 7.0);
        let page = html("fanout", "fanout --url x", 2, &[outcome, other]);
        assert!(page.contains("<td class=\"n\">6 ×2.00</td>"), "{page}");
        assert!(page.contains("<h3>latency p99</h3>") && !page.contains("<h3>sessions</h3>"));
        assert!(page.contains("Latency by percentile") && page.contains("&lt;script&gt;"));
        for loading in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!page.contains(loading), "{loading}");
        }
    }
}
