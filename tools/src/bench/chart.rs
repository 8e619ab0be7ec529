//! One chart: what an operation costs each proxy, twemproxy's cost being 1. Plain SVG, for a light
//! page and for a dark one.

use super::figures::{Measured, Outcome};
use super::results::Results;
use super::targets::CPU_OF_TWEMPROXY_MAX;
use super::workloads::Workload;
use std::fmt::{Arguments, Write};

const WIDTH: f64 = 860.0;
const MARGIN: f64 = 20.0;
/// Where bars begin, and how far the scale goes.
const LEFT: f64 = 200.0;
const RIGHT: f64 = 715.0;
const TOP: f64 = 118.0;
const BAR: f64 = 15.0;
const GROUP_GAP: f64 = 11.0;
const BOTTOM: f64 = 62.0;
/// The scale ends there; a longer bar is cut, and its number says how long it is.
const RATIO_MAX: f64 = 1.5;
/// A bar shorter than that has its number behind it.
const NUMBER_WIDTH: f64 = 32.0;
/// Who has bars, and the class that gives them their colour.
const BARS: [(&str, &str, &str); 2] = [
    ("nodeproxy", "ours", "nodeproxy"),
    ("relay", "relay", "byte relay to one memcached, parses nothing"),
];
const STYLE: &str = "<style>\n\
     text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; \
     fill: #1f2328 }\n\
     .page { fill: #ffffff; stroke: #d1d9e0 } .title { font-size: 17px; font-weight: 600 }\n\
     .quiet { fill: #59636e } .number { font-size: 11px; font-weight: 600 }\n\
     .end { text-anchor: end } .middle { text-anchor: middle }\n\
     .ours { fill: #1f6feb } .relay { fill: #c4cbd3 } .ours-number { fill: #ffffff }\n\
     .grid { stroke: #e6eaef } .one { stroke: #1f2328; stroke-width: 1.5 } \
     .target { stroke: #e8590c; stroke-width: 3 }\n\
     @media (prefers-color-scheme: dark) {\n\
     text { fill: #f0f6fc } .page { fill: #0d1117; stroke: #3d444d } .quiet { fill: #9198a1 }\n\
     .ours { fill: #4493f8 } .relay { fill: #3d444d } .ours-number { fill: #0d1117 }\n\
     .grid { stroke: #21262d } .one { stroke: #f0f6fc } .target { stroke: #f0883e }\n\
     }\n\
     </style>\n";

/// One bar.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bar {
    class: &'static str,
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
    let bottom = TOP + rows as f64 * BAR + groups.len() as f64 * GROUP_GAP;
    let height = bottom + BOTTOM;
    let mut chart = Chart(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>CPU time per operation of nodeproxy and a byte relay, where twemproxy's is 1\
         </title>\n{STYLE}\
         <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        WIDTH - 1.0,
        height - 1.0
    ));
    chart.head();
    chart.grid(bottom);
    let mut y = TOP;
    for (outcome, bars) in &groups {
        chart.group(outcome, bars, y);
        y += bars.len() as f64 * BAR + GROUP_GAP;
    }
    chart.foot(results, bottom);
    Some(chart.0 + "</svg>\n")
}

/// What the others cost where twemproxy costs 1.
fn bars(outcome: &Outcome) -> Vec<Bar> {
    let Some(base) = peer(outcome, "twemproxy") else {
        return Vec::new();
    };
    let bar =
        |(name, class, _)| peer(outcome, name).map(|one| Bar { class, ratio: one.over(base).cpu });
    BARS.into_iter().filter_map(bar).collect()
}

fn peer<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a Measured> {
    outcome.peers.iter().find(|one| one.peer == name)
}

/// The text of the chart so far.
struct Chart(String);

impl Chart {
    fn head(&mut self) {
        self.put(MARGIN, 32.0, "title", "CPU time per operation, twemproxy = 1");
        let about = format!("Shorter is better. {}, unless a row says otherwise.", common());
        self.put(MARGIN, 52.0, "quiet", &about);
        let mut x = LEFT;
        for (_, class, words) in BARS {
            self.rect(x, 68.0, 12.0, class);
            self.put(x + 18.0, 78.0, "", words);
            x += 40.0 + 6.2 * words.len() as f64;
        }
        self.line("target", x, 66.0, 81.0);
        self.put(x + 9.0, 78.0, "", "target for nodeproxy");
        self.put(WIDTH - MARGIN, TOP - 24.0, "quiet end", "microseconds:");
        self.put(WIDTH - MARGIN, TOP - 10.0, "quiet end", "nodeproxy / twemproxy");
    }

    fn grid(&mut self, bottom: f64) {
        for step in 0..=(RATIO_MAX * 4.0) as u32 {
            let ratio = f64::from(step) / 4.0;
            let is_one = ratio == 1.0;
            self.line(if is_one { "one" } else { "grid" }, at(ratio), TOP - 6.0, bottom);
            let label = if is_one { "1 = twemproxy".to_owned() } else { format!("{ratio}") };
            if is_one || step % 2 == 0 {
                self.put(at(ratio), bottom + 16.0, "quiet middle", &label);
            }
        }
    }

    fn group(&mut self, outcome: &Outcome, bars: &[Bar], y: f64) {
        let middle = y + bars.len() as f64 * BAR / 2.0 + 3.0;
        self.put(LEFT - 10.0, middle, "end", &outcome.label);
        if let (Some(ours), Some(base)) = (peer(outcome, "nodeproxy"), peer(outcome, "twemproxy")) {
            let cost = |measured: &Measured| match measured.median.cpu_us {
                small if small < 10.0 => format!("{small:.2}"),
                large => format!("{large:.1}"),
            };
            let both = format!("{} / {}", cost(ours), cost(base));
            self.put(WIDTH - MARGIN, middle, "quiet end", &both);
        }
        for (row, Bar { class, ratio }) in bars.iter().enumerate() {
            let top = y + row as f64 * BAR;
            let width = at(ratio.min(RATIO_MAX)) - LEFT;
            self.rect(LEFT, top, width, class);
            let number = format!("{ratio:.2}");
            if width < NUMBER_WIDTH {
                self.put(LEFT + width + 4.0, top + BAR - 4.0, "number", &number);
            } else {
                let style = format!("number end {class}-number");
                self.put(LEFT + width - 5.0, top + BAR - 4.0, &style, &number);
            }
        }
        let target = CPU_OF_TWEMPROXY_MAX.iter().find(|(name, _)| *name == outcome.name);
        if let Some((_, limit)) = target.filter(|_| bars[0].class == BARS[0].1) {
            self.line("target", at(*limit), y - 3.0, y + BAR + 1.0);
        }
    }

    fn foot(&mut self, results: &Results, bottom: f64) {
        let machine = &results.machine;
        let rounds = match machine.rounds {
            1 => "one round".to_owned(),
            count => format!("medians of {count} rounds"),
        };
        let pin = match machine.pin.as_str() {
            "together" => "all processes on one core",
            "apart" => "the proxy on a core of its own",
            _ => "processes wherever the kernel likes",
        };
        let about = format!(
            "{rounds} of {} s; {pin}; {}, Linux {}",
            machine.seconds, machine.processor, machine.kernel
        );
        self.put(MARGIN, bottom + 44.0, "quiet", &about);
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, class: &str) {
        let height = BAR - 2.0;
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"/>\n"
        ));
    }

    fn line(&mut self, class: &str, x: f64, top: f64, bottom: f64) {
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" \
             y2=\"{bottom:.1}\"/>\n"
        ));
    }

    fn put(&mut self, x: f64, y: f64, class: &str, words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>\n"
        ));
    }

    fn add(&mut self, shape: Arguments<'_>) {
        self.0.write_fmt(shape).expect("a string takes all that is written to it");
    }
}

fn at(ratio: f64) -> f64 {
    LEFT + ratio / RATIO_MAX * (RIGHT - LEFT)
}

/// As a sentence begins.
fn common() -> String {
    let words = Workload::common();
    words[..1].to_uppercase() + &words[1..]
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
            pin: "together".into(),
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
        let bar = |class, ratio| {
            let width = at(ratio) - LEFT;
            let found = chart.lines().find(|line| {
                line.contains(&format!("class=\"{class}\" x=\"{LEFT:.1}\" y=\"{TOP:.1}\""))
                    || line.contains(&format!(
                        "class=\"{class}\" x=\"{LEFT:.1}\" y=\"{:.1}",
                        TOP + BAR
                    ))
            });
            assert!(
                found.is_some_and(|bar| bar.contains(&format!("width=\"{width:.1}\""))),
                "{chart}"
            );
        };
        bar("ours", 0.5);
        bar("relay", RATIO_MAX);
        assert!(chart.contains(">10.00<"), "a long bar is cut, and says so: {chart}");
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
