//! tests
mod parsers;
mod simulation;
fn harness_placement(n: usize) -> nodeproxy::hash::Placement {
    let node = |at| nodeproxy::hash::Node {
        host: "10.0.0.1".into(),
        port: 1 + at as u16,
        weight: 1,
        name: None,
    };
    let nodes: Vec<_> = (0..n).map(node).collect();
    let scheme = nodeproxy::hash::Scheme::new("ketama", &Default::default()).expect("known");
    nodeproxy::hash::Placement::build(&scheme, &nodes).expect("backends")
}
