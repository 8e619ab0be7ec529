//! One chart: what an operation costs each proxy, twemproxy's cost being 1. Plain SVG.

use super::figures::Outcome;
use super::results::Results;
use super::targets::CPU_OF_TWEMPROXY_MAX;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 86.0;
const BAR: f64 = 13.0;
const GROUP_GAP: f64 = 12.0;
/// The scale ends there; a longer bar is cut, and its number says how long it is.
const RATIO_MAX: f64 = 2.0;
const BARS: [(&str, &str); 2] = [("nodeproxy", "#2563eb"), ("relay", "#9ca3af")];
const NAMES: &str = "font-family=\"system-ui, sans-serif\" font-size=\"12\"";

/// One bar.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bar {
    colour: &'static str,
    ratio: f64,
}

/// The chart, or nothing if no workload has twemproxy and another proxy.
pub fn svg(results: &Results) -> Option<String> {
    let groups: Vec<(&Outcome, Vec<Bar>)> = results
        .workloads
        .iter()
        .map(|outcome| (outcome, bars(outcome)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    if groups.is_empty() {
        return None;
    }
    let rows: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
    let height = TOP + rows as f64 * BAR + groups.len() as f64 * GROUP_GAP + 24.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" {NAMES}>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    head(&mut text, results);
    grid(&mut text, height - 20.0);
    let mut y = TOP;
    for (outcome, bars) in &groups {
        group(&mut text, outcome, bars, y);
        y += bars.len() as f64 * BAR + GROUP_GAP;
    }
    text += "</svg>\n";
    Some(text)
}

/// What the others cost where twemproxy costs 1.
fn bars(outcome: &Outcome) -> Vec<Bar> {
    let peer = |name| outcome.peers.iter().find(|one| one.peer == name);
    let Some(base) = peer("twemproxy") else {
        return Vec::new();
    };
    let bar = |(name, colour)| peer(name).map(|one| Bar { colour, ratio: one.over(base).cpu });
    BARS.into_iter().filter_map(bar).collect()
}

fn head(text: &mut String, results: &Results) {
    let machine = &results.machine;
    put(
        text,
        LEFT,
        22.0,
        "font-size=\"15\" font-weight=\"600\"",
        "CPU time per operation, twemproxy = 1",
    );
    let about = format!(
        "shorter is better; 50x16: 50 connections, 16 requests in flight on each; \
         medians of {} rounds, {}",
        machine.rounds, machine.processor
    );
    put(text, LEFT, 40.0, "fill=\"#555\"", &about);
    let mut x = LEFT;
    for (name, colour) in BARS {
        rect(text, x, 52.0, 10.0, 10.0, colour);
        let name = if name == "relay" { "byte relay (parses nothing)" } else { name };
        put(text, x + 15.0, 61.0, "", name);
        x += 30.0 + 7.0 * name.len() as f64;
    }
    line(text, x + 4.0, 51.0, 63.0, "#dc2626", 2.0);
    put(text, x + 12.0, 61.0, "", "target for nodeproxy");
}

fn grid(text: &mut String, bottom: f64) {
    for step in 0..=(RATIO_MAX * 4.0) as u32 {
        let ratio = f64::from(step) / 4.0;
        let is_one = ratio == 1.0;
        line(text, at(ratio), TOP - 6.0, bottom, if is_one { "#111" } else { "#e5e7eb" }, 1.0);
        let label = if is_one { "1 = twemproxy".to_owned() } else { format!("{ratio}") };
        if is_one || step % 2 == 0 {
            put(text, at(ratio), bottom + 14.0, "text-anchor=\"middle\" fill=\"#555\"", &label);
        }
    }
}

fn group(text: &mut String, outcome: &Outcome, bars: &[Bar], y: f64) {
    let middle = y + bars.len() as f64 * BAR / 2.0 + 4.0;
    put(text, LEFT - 8.0, middle, "text-anchor=\"end\"", outcome.name);
    let target = CPU_OF_TWEMPROXY_MAX.iter().find(|(name, _)| *name == outcome.name);
    for (row, Bar { colour, ratio }) in bars.iter().enumerate() {
        let top = y + row as f64 * BAR;
        let end = at(ratio.min(RATIO_MAX));
        rect(text, LEFT, top, end - LEFT, BAR - 2.0, colour);
        let mut clear = end;
        if let Some((_, limit)) = target.filter(|_| *colour == BARS[0].1) {
            line(text, at(*limit), top - 2.0, top + BAR, "#dc2626", 2.0);
            clear = end.max(at(*limit));
        }
        let style = "font-size=\"10\" fill=\"#333\"";
        put(text, clear + 4.0, top + BAR - 4.0, style, &format!("{ratio:.2}"));
    }
}

fn at(ratio: f64) -> f64 {
    LEFT + ratio / RATIO_MAX * (WIDTH - LEFT - RIGHT)
}

fn rect(text: &mut String, x: f64, y: f64, width: f64, height: f64, fill: &str) {
    let shape = format_args!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         fill=\"{fill}\"/>\n"
    );
    text.write_fmt(shape).expect("a string takes all that is written to it");
}

fn line(text: &mut String, x: f64, top: f64, bottom: f64, stroke: &str, width: f64) {
    let shape = format_args!(
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\" stroke=\"{stroke}\" \
         stroke-width=\"{width}\"/>\n"
    );
    text.write_fmt(shape).expect("a string takes all that is written to it");
}

fn put(text: &mut String, x: f64, y: f64, style: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let shape = format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{words}</text>\n");
    text.write_fmt(shape).expect("a string takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Figures, Measured};
    use super::super::results::Machine;
    use super::super::workloads;
    use super::*;

    fn results(costs: &[(&'static str, f64)]) -> Results {
        let figures = |cpu_us| Figures { cpu_us, ..Figures::default() };
        let measured =
            |(peer, cost): &(&'static str, f64)| Measured::new(peer, vec![figures(*cost)]);
        let machine = Machine {
            processor: "a <fast> one".into(),
            cores: 2,
            kernel: "6".into(),
            pin: "apart".into(),
            rounds: 5,
            seconds: 1.0,
            instructions: None,
        };
        let outcome =
            Outcome::new(&workloads::ALL[0], costs.iter().map(measured).collect(), Vec::new());
        Results { machine, workloads: vec![outcome], memory: Vec::new(), checks: Vec::new() }
    }

    #[test]
    fn bars_are_as_long_as_the_cost_over_twemproxys() {
        let chart = svg(&results(&[("nodeproxy", 2.0), ("twemproxy", 4.0), ("relay", 40.0)]))
            .expect("a chart");
        let half = format!("width=\"{:.1}\" height=\"11.0\" fill=\"#2563eb\"", at(0.5) - LEFT);
        assert!(chart.contains(&half), "{half} in {chart}");
        let cut = format!("width=\"{:.1}\" height=\"11.0\" fill=\"#9ca3af\"", at(RATIO_MAX) - LEFT);
        assert!(chart.contains(&cut) && chart.contains(">10.00<"), "a long bar is cut: {chart}");
        assert!(chart.contains("a &lt;fast> one"), "{chart}");
        assert_eq!(chart.matches("<text").count(), chart.matches("</text>").count());
        assert!(chart.starts_with("<svg") && chart.ends_with("</svg>\n"));
    }

    #[test]
    fn without_twemproxy_there_is_no_chart() {
        assert_eq!(svg(&results(&[("nodeproxy", 2.0), ("relay", 4.0)])), None);
        assert_eq!(svg(&results(&[("twemproxy", 2.0), ("direct", 4.0)])), None);
    }
}
