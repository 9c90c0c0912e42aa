//! Which of several nodes: Moleculer's strategies.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::RwLock;
use rand::Rng;

use crate::mesh::config::Strategy;
use crate::mesh::shared::registry::{Endpoints, Vitals};

/// Moleculer looks at so many nodes and takes the least busy one …
const CPU_SAMPLES: usize = 3;
/// … or the first below this percentage.
const CPU_LOW: f32 = 10.0;
/// The same for round trips.
const LATENCY_SAMPLES: usize = 5;
/// A round trip that is good enough, seconds.
const LATENCY_LOW: f64 = 0.010;
/// Round trips of one host that the average is taken of.
const LATENCY_HISTORY: usize = 5;

/// See the module.
pub(crate) struct Balancer {
    strategy: Strategy,
    prefer_local: bool,
    latencies: Latencies,
}

impl Balancer {
    pub(crate) fn new(strategy: Strategy, prefer_local: bool) -> Self {
        Self {
            strategy,
            prefer_local,
            latencies: Latencies::default(),
        }
    }

    pub(crate) fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// One of the nodes. What the own node offers of its internals (`$…`) is always asked of itself.
    pub(crate) fn pick(&self, name: &str, endpoints: &Endpoints) -> Option<Arc<Vitals>> {
        let nodes = &endpoints.nodes;
        if nodes.len() > 1
            && (self.prefer_local || name.starts_with('$'))
            && let Some(local) = nodes.iter().find(|node| node.local)
        {
            return Some(Arc::clone(local));
        }
        let chosen = match nodes.as_slice() {
            [] => return None,
            [only] => only,
            nodes => match self.strategy {
                Strategy::RoundRobin => &nodes[endpoints.turn.fetch_add(1, Relaxed) % nodes.len()],
                Strategy::Random => any(nodes),
                Strategy::CpuUsage => lowest(nodes, CPU_SAMPLES, CPU_LOW.into(), |node| {
                    node.cpu().map(f64::from)
                }),
                Strategy::Latency => lowest(nodes, LATENCY_SAMPLES, LATENCY_LOW, |node| {
                    self.latencies.of(node)
                }),
            },
        };
        Some(Arc::clone(chosen))
    }
}

fn any(nodes: &[Arc<Vitals>]) -> &Arc<Vitals> {
    &nodes[rand::rng().random_range(0..nodes.len())]
}

/// Of `samples` nodes the first below `good_enough`, else the lowest, else, when nothing is known, any.
fn lowest(
    nodes: &[Arc<Vitals>],
    samples: usize,
    good_enough: f64,
    measure: impl Fn(&Vitals) -> Option<f64>,
) -> &Arc<Vitals> {
    let mut best: Option<(&Arc<Vitals>, f64)> = None;
    for i in 0..samples.min(nodes.len()) {
        let node = if samples >= nodes.len() {
            &nodes[i]
        } else {
            any(nodes)
        };
        let Some(value) = measure(node) else { continue };
        if value < good_enough {
            return node;
        }
        if best.is_none_or(|(_, lowest)| value < lowest) {
            best = Some((node, value));
        }
    }
    best.map_or_else(|| any(nodes), |(node, _)| node)
}

/// Round trips to hosts: nodes of one host are equally far.
#[derive(Default)]
pub(crate) struct Latencies(RwLock<HashMap<String, VecDeque<f64>>>);

impl Latencies {
    pub(crate) fn record(&self, host: &str, round_trip: Duration) {
        let mut hosts = self.0.write();
        let history = hosts.entry(host.to_owned()).or_default();
        if history.len() == LATENCY_HISTORY {
            history.pop_front();
        }
        history.push_back(round_trip.as_secs_f64());
    }

    /// Keeps only these hosts.
    pub(crate) fn retain(&self, there: impl Fn(&str) -> bool) {
        self.0.write().retain(|host, _| there(host));
    }

    /// Average, seconds.
    fn of(&self, node: &Vitals) -> Option<f64> {
        let hosts = self.0.read();
        let history = hosts.get(node.hostname.as_deref()?)?;
        Some(history.iter().sum::<f64>() / history.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::node_id::NodeId;

    fn endpoints(local: Option<usize>) -> Endpoints {
        let nodes = ["a", "b", "c"].iter().enumerate().map(|(i, id)| {
            Arc::new(Vitals::new(
                NodeId::new(id).unwrap(),
                "".into(),
                local == Some(i),
                Some(format!("host-{id}")),
            ))
        });
        Endpoints {
            nodes: nodes.collect(),
            turn: Arc::default(),
        }
    }

    fn picks(balancer: &Balancer, endpoints: &Endpoints, n: usize) -> Vec<String> {
        (0..n)
            .map(|_| balancer.pick("x.y", endpoints).unwrap().id.to_string())
            .collect()
    }

    // contract: mesh/call/balance, configuration/variable/BALANCE_STRATEGY
    #[test]
    fn round_robin_takes_turns() {
        let balancer = Balancer::new(Strategy::RoundRobin, true);
        assert_eq!(picks(&balancer, &endpoints(None), 4), ["a", "b", "c", "a"]);
    }

    // contract: mesh/call/balance, configuration/variable/BALANCE_PREFER_LOCAL
    #[test]
    fn the_own_node_first_when_asked_to() {
        assert_eq!(
            picks(
                &Balancer::new(Strategy::RoundRobin, true),
                &endpoints(Some(1)),
                2
            ),
            ["b", "b"]
        );
        assert_eq!(
            picks(
                &Balancer::new(Strategy::RoundRobin, false),
                &endpoints(Some(1)),
                3
            ),
            ["a", "b", "c"]
        );
        assert_eq!(
            Balancer::new(Strategy::Random, false)
                .pick("$node.list", &endpoints(Some(2)))
                .unwrap()
                .id,
            "c"
        );
    }

    // contract: mesh/call/balance
    #[test]
    fn random_takes_all_in_time() {
        let seen: std::collections::HashSet<_> = picks(
            &Balancer::new(Strategy::Random, true),
            &endpoints(None),
            200,
        )
        .into_iter()
        .collect();
        assert_eq!(seen.len(), 3);
    }

    // contract: mesh/call/balance
    #[test]
    fn the_least_busy() {
        let balancer = Balancer::new(Strategy::CpuUsage, true);
        let endpoints = endpoints(None);
        for (node, cpu) in endpoints.nodes.iter().zip([70.0, 30.0, 50.0]) {
            node.set_cpu(cpu);
        }
        assert_eq!(picks(&balancer, &endpoints, 2), ["b", "b"]);
        endpoints.nodes[2].set_cpu(5.0);
        assert_eq!(picks(&balancer, &endpoints, 1), ["c"]);
    }

    // contract: mesh/call/balance
    #[test]
    fn the_nearest() {
        let balancer = Balancer::new(Strategy::Latency, true);
        let endpoints = endpoints(None);
        for (host, ms) in [("host-a", 90), ("host-b", 40), ("host-c", 20)] {
            balancer.latencies().record(host, Duration::from_millis(ms));
        }
        assert_eq!(picks(&balancer, &endpoints, 2), ["c", "c"]);
        balancer.latencies().retain(|host| host != "host-c");
        assert_eq!(picks(&balancer, &endpoints, 1), ["b"]);
    }

    #[test]
    fn nobody_is_nobody() {
        assert!(
            Balancer::new(Strategy::Latency, true)
                .pick("x", &Endpoints::default())
                .is_none()
        );
    }
}
