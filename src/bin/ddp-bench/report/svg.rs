//! Two charts: bars for a figure, curves for latencies. Plain SVG text, nothing to load.

use std::fmt::Write;

use crate::run::number;

/// Colours that differ in brightness as well.
const COLOURS: [&str; 6] = [
    "#2f6f9f", "#e08a1e", "#6a9f3f", "#a94442", "#7a5ca8", "#555555",
];

/// The colour of the `at`-th server.
pub(super) fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

/// Text that may stand in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// One bar a server: (name, median, least, most).
pub(super) fn bars(unit: &str, bars: &[(String, f64, f64, f64)]) -> String {
    let top = bars
        .iter()
        .map(|bar| bar.3)
        .fold(f64::MIN_POSITIVE, f64::max);
    let height = 26 * bars.len() + 8;
    let mut svg = format!(r#"<svg viewBox="0 0 640 {height}" role="img">"#);
    for (at, (name, median, least, most)) in bars.iter().enumerate() {
        let y = 4 + 26 * at;
        let wide = |value: f64| 300.0 * value.max(0.0) / top;
        let (x1, x2) = (180.0 + wide(*least), 180.0 + wide(*most));
        let spread = if least < most {
            let (mid, low) = (y + 9, y + 6);
            format!(
                r##"<path d="M{x1:.1} {mid}H{x2:.1}M{x1:.1} {low}v6M{x2:.1} {low}v6" stroke="#222"/>"##
            )
        } else {
            String::new()
        };
        // Writing to a String cannot fail.
        let _infallible = write!(
            svg,
            r##"<text x="172" y="{text}" text-anchor="end">{name}</text><rect x="180" y="{y}" width="{width:.1}" height="18" fill="{fill}"/>{spread}<text x="{label:.1}" y="{text}">{value} {unit}</text>"##,
            text = y + 14,
            name = escape(name),
            width = wide(*median),
            fill = colour(at),
            label = x2.max(180.0 + wide(*median)) + 8.0,
            value = number(*median),
        );
    }
    svg.push_str("</svg>");
    svg
}

/// A server and its curves of (percentile, milliseconds), one a round.
pub(super) type Rounds = (String, Vec<Vec<(f64, f64)>>);

/// One line a round, one colour a server.
pub(super) fn curves(servers: &[Rounds]) -> String {
    let points = || {
        servers
            .iter()
            .flat_map(|(_, rounds)| rounds.iter().flatten())
    };
    let top = points()
        .map(|&(_, ms)| ms)
        .fold(f64::MIN_POSITIVE, f64::max)
        .log10()
        .ceil();
    let bottom = points()
        .map(|&(_, ms)| ms.max(0.001))
        .fold(f64::MAX, f64::min)
        .log10()
        .floor();
    let decades = (top - bottom).max(1.0);
    let place = |at: usize, count: usize, ms: f64| {
        let x = 70.0 + 540.0 * at as f64 / (count.max(2) - 1) as f64;
        let y = 230.0 - 210.0 * (ms.max(0.001).log10() - bottom) / decades;
        (x, y)
    };
    let mut svg = String::from(
        r#"<svg viewBox="0 0 640 276" role="img"><text x="340" y="270" text-anchor="middle">percentile</text>"#,
    );
    for decade in 0..=(decades as i32) {
        let ms = 10_f64.powf(bottom + f64::from(decade));
        let (_, y) = place(0, 2, ms);
        let _infallible = write!(
            svg,
            r##"<line x1="70" x2="610" y1="{y:.1}" y2="{y:.1}" stroke="#ddd"/><text x="62" y="{:.1}" text-anchor="end">{} ms</text>"##,
            y + 4.0,
            number(ms)
        );
    }
    let first = servers.iter().find_map(|(_, rounds)| rounds.first());
    for (at, (percent, _)) in first.into_iter().flatten().enumerate() {
        let (x, _) = place(at, first.map_or(2, Vec::len), 1.0);
        let _infallible = write!(
            svg,
            r#"<text x="{x:.1}" y="250" text-anchor="middle">{percent}</text>"#
        );
    }
    for (server, (_, rounds)) in servers.iter().enumerate() {
        for round in rounds {
            let mut line = String::new();
            for (at, &(_, ms)) in round.iter().enumerate() {
                let (x, y) = place(at, round.len(), ms);
                let _infallible = write!(line, "{x:.1},{y:.1} ");
            }
            let _infallible = write!(
                svg,
                r#"<polyline points="{line}" fill="none" stroke="{}" stroke-width="1.6"/>"#,
                colour(server)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_are_closed_and_escape_names() {
        let bars = bars(
            "µs",
            &[("a<b".into(), 1.0, 0.5, 2.0), ("c".into(), 0.0, 0.0, 0.0)],
        );
        assert!(bars.starts_with("<svg") && bars.ends_with("</svg>") && bars.contains("a&lt;b"));
        assert_eq!(bars.matches("<rect").count(), 2);
        let curve = vec![(50.0, 0.2), (99.0, 12.0), (100.0, 900.0)];
        let curves = curves(&[("a".into(), vec![curve.clone(), curve])]);
        assert_eq!(curves.matches("<polyline").count(), 2);
        assert!(!curves.contains("NaN") && !curves.contains("inf"));
        assert!(!super::curves(&[]).contains("NaN"));
    }
}
