//! A graph of names, its strongly connected components, and shortest cycles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Edges by their beginnings and ends, each with why it is there.
pub(super) struct Graph<Label>(BTreeMap<String, BTreeMap<String, Label>>);

impl<Label> Default for Graph<Label> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Label: Clone> Graph<Label> {
    /// Adds an edge, unless there is one already: the first reason stays.
    pub(super) fn insert(&mut self, from: String, to: String, label: Label) {
        self.0.entry(from).or_default().entry(to).or_insert(label);
    }

    fn next(&self, node: &str) -> impl Iterator<Item = (&str, &Label)> {
        let edges = self.0.get(node).into_iter().flatten();
        edges.map(|(to, label)| (to.as_str(), label))
    }

    /// Every node that is reached from this one by one edge or more.
    fn reached_from<'g>(&'g self, node: &'g str) -> BTreeSet<&'g str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            open.extend(
                self.next(node)
                    .map(|(to, _)| to)
                    .filter(|to| reached.insert(*to)),
            );
        }
        reached
    }

    /// The sets of nodes that reach each other, of two nodes or more. A crate
    /// has dozens of modules, so that the plain quadratic way is good enough.
    pub(super) fn components(&self) -> Vec<BTreeSet<String>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> = self
            .0
            .keys()
            .map(|node| (node.as_str(), self.reached_from(node)))
            .collect();
        let mut components: BTreeSet<BTreeSet<String>> = BTreeSet::new();
        for (node, reached) in &reach {
            let mutual = reached.iter().filter(|other| {
                reach
                    .get(*other)
                    .is_some_and(|reached| reached.contains(node))
            });
            let component: BTreeSet<String> = mutual.map(ToString::to_string).collect();
            if component.len() > 1 {
                components.insert(component);
            }
        }
        components.into_iter().collect()
    }

    /// The labels of a shortest cycle within a component.
    pub(super) fn shortest_cycle(&self, component: &BTreeSet<String>) -> Vec<Label> {
        let cycles = component
            .iter()
            .filter_map(|start| self.cycle_through(start, component));
        cycles.min_by_key(Vec::len).unwrap_or_default()
    }

    fn cycle_through(&self, start: &str, component: &BTreeSet<String>) -> Option<Vec<Label>> {
        let mut open = VecDeque::from([(start, Vec::new())]);
        let mut seen = BTreeSet::new();
        while let Some((node, labels)) = open.pop_front() {
            for (to, label) in self.next(node) {
                if !component.contains(to) {
                    continue;
                }
                let mut labels = labels.clone();
                labels.push(label.clone());
                if to == start {
                    return Some(labels);
                }
                if seen.insert(to) {
                    open.push_back((to, labels));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &str) -> Graph<String> {
        let mut graph = Graph::default();
        for edge in edges.split(' ') {
            let (from, to) = edge.split_once('>').unwrap();
            graph.insert(from.to_owned(), to.to_owned(), edge.to_owned());
        }
        graph
    }

    fn components(edges: &str) -> Vec<String> {
        let components = graph(edges).components();
        let joined = components.iter().map(|component| {
            let names: Vec<&str> = component.iter().map(String::as_str).collect();
            names.join("")
        });
        joined.collect()
    }

    #[test]
    fn nodes_that_reach_each_other_are_one_component() {
        assert_eq!(components("a>b b>c c>a c>d d>e"), ["abc"]);
        assert_eq!(components("a>b b>a c>d d>c b>c"), ["ab", "cd"]);
        assert!(components("a>b b>c a>c").is_empty());
    }

    #[test]
    fn the_shortest_cycle_of_a_component_is_shown() {
        let graph = graph("a>b b>c c>a c>d d>c");
        let components = graph.components();
        assert_eq!(graph.shortest_cycle(&components[0]), ["c>d", "d>c"]);
    }
}
