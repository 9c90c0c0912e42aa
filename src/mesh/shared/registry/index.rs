//! Who offers what, ready to be looked up: built anew whenever a node or its services change (rare), read without a lock
//! by every call and broadcast (always).

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use foldhash::HashMap;

use super::node::{Node, Vitals};
use crate::mesh::node_id::NodeId;
use crate::mesh::shared::pattern::Pattern;

/// Nodes that offer the same thing.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) nodes: Vec<Arc<Vitals>>,
    /// Whose turn it is; survives rebuilding.
    pub(crate) turn: Arc<AtomicUsize>,
}

impl Endpoints {
    pub(crate) fn on(&self, node: &str) -> Option<&Arc<Vitals>> {
        self.nodes.iter().find(|vitals| vitals.id.as_str() == node)
    }

    fn add(&mut self, vitals: &Arc<Vitals>) {
        if self.on(vitals.id.as_str()).is_none() {
            self.nodes.push(Arc::clone(vitals));
        }
    }
}

/// Listeners of one event name, or pattern, in one group.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) pattern: Pattern,
    pub(crate) group: String,
    pub(crate) endpoints: Endpoints,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Index {
    actions: HashMap<String, Endpoints>,
    exact: HashMap<String, Vec<Listeners>>,
    patterns: Vec<Listeners>,
    services: HashMap<String, Vec<NodeId>>,
    available: HashMap<NodeId, Arc<str>>,
}

impl Index {
    /// Indexes the available nodes, in the order in which they were met; turns are carried over from `before`.
    pub(crate) fn build<'a>(nodes: impl Iterator<Item = &'a Node>, before: &Index) -> Self {
        let mut nodes: Vec<&Node> = nodes.filter(|node| node.available).collect();
        nodes.sort_by_key(|node| node.rank);
        let mut index = Self::default();
        for node in nodes {
            index
                .available
                .insert(node.id().clone(), Arc::clone(node.instance()));
            for service in &node.services {
                let hosts = index.services.entry(service.full_name.clone()).or_default();
                if !hosts.contains(node.id()) {
                    hosts.push(node.id().clone());
                }
                for action in &service.actions {
                    let endpoints =
                        index
                            .actions
                            .entry(action.name.clone())
                            .or_insert_with(|| Endpoints {
                                nodes: Vec::new(),
                                turn: before
                                    .actions
                                    .get(&action.name)
                                    .map(|e| Arc::clone(&e.turn))
                                    .unwrap_or_default(),
                            });
                    endpoints.add(&node.vitals);
                }
                for event in &service.events {
                    index.listen(&event.pattern, &event.group, &node.vitals, before);
                }
            }
        }
        index
    }

    fn listen(&mut self, pattern: &Pattern, group: &str, vitals: &Arc<Vitals>, before: &Index) {
        let name = pattern.text();
        let (lists, old) = if pattern.is_exact() {
            (
                self.exact.entry(name.to_owned()).or_default(),
                before.exact.get(name).map_or(&[][..], Vec::as_slice),
            )
        } else {
            (&mut self.patterns, before.patterns.as_slice())
        };
        let same = |list: &&Listeners| list.pattern == *pattern && list.group == group;
        let at = match lists.iter().position(|list| same(&list)) {
            Some(at) => at,
            None => {
                let turn = old
                    .iter()
                    .find(same)
                    .map(|list| Arc::clone(&list.endpoints.turn))
                    .unwrap_or_default();
                lists.push(Listeners {
                    pattern: pattern.clone(),
                    group: group.to_owned(),
                    endpoints: Endpoints {
                        nodes: Vec::new(),
                        turn,
                    },
                });
                lists.len() - 1
            }
        };
        lists[at].endpoints.add(vitals);
    }

    /// Who offers an action.
    pub(crate) fn action(&self, name: &str) -> Option<&Endpoints> {
        self.actions.get(name)
    }

    /// Who listens to an event: one list for each name or pattern that matches and each group.
    pub(crate) fn listeners<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Listeners> {
        let patterns = self
            .patterns
            .iter()
            .filter(move |list| list.pattern.matches(event));
        self.exact.get(event).into_iter().flatten().chain(patterns)
    }

    /// Nodes that have a service, by its full name, in the order in which they were met.
    pub(crate) fn nodes_of(&self, service: &str) -> &[NodeId] {
        self.services.get(service).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = (&String, &Vec<NodeId>)> {
        self.services.iter()
    }

    pub(crate) fn actions(&self) -> impl Iterator<Item = (&String, &Endpoints)> {
        self.actions.iter()
    }

    pub(crate) fn all_listeners(&self) -> impl Iterator<Item = &Listeners> {
        self.exact.values().flatten().chain(&self.patterns)
    }

    /// Which run of the node is there.
    pub(crate) fn instance(&self, node: &NodeId) -> Option<&Arc<str>> {
        self.available.get(node)
    }
}
