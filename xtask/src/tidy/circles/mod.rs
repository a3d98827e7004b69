//! No circles between the modules of a crate.
//!
//! The rule, for each folder of a crate's `src/` by itself: its modules, files
//! and folders alike, are nodes. When code below one of them names something of
//! another, by `use` or in a path, that is an edge from the first to the
//! second. Two modules or more that reach each other are refused.
//!
//! What a parent re-exports or imports is followed to where it comes from:
//! `use super::Entry` is an edge to the sibling that defines `Entry`, not to the
//! parent. The parent itself, `mod.rs` or `lib.rs`, is no node: it declares and
//! wires its children, and they may use what it defines. Tests do not count.
//!
//! What is not seen: a method that is called without a path to its type, and
//! what a macro expands to.

mod graph;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{File, Finding};
use graph::Graph;
use tree::Tree;

/// Every circle. There are no exceptions.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, sources) in packages(files) {
        match circles(&sources) {
            Ok(circles) => findings.extend(circles.iter().map(|circle| circle.finding(&folder))),
            Err(error) => {
                findings.push(Finding::new(folder, error.to_string(), "see `cargo check`"));
            }
        }
    }
    findings
}

/// The sources of each package by the package's folder.
fn packages(files: &[File]) -> BTreeMap<String, Vec<&File>> {
    let mut packages: BTreeMap<String, Vec<&File>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let path = file.path.to_string_lossy();
        if let Some((folder, _)) = path.split_once("/src/") {
            packages.entry(folder.to_owned()).or_default().push(file);
        }
    }
    packages
}

/// Modules of one folder that reach each other.
struct Circle {
    modules: BTreeSet<String>,
    /// A shortest way from one of them back to it, as `module, place, path`.
    chain: Vec<Link>,
}

/// One step of a chain: `from` names `path` at `place`, which is in `to`.
#[derive(Debug, Clone)]
struct Link {
    from: String,
    to: String,
    place: String,
    path: String,
}

impl Circle {
    fn finding(&self, folder: &str) -> Finding {
        let names: Vec<&str> = self.modules.iter().map(String::as_str).collect();
        let chain: Vec<String> = self
            .chain
            .iter()
            .map(|link| {
                format!(
                    "\n    {} uses {}: {} names `{}`",
                    link.from, link.to, link.place, link.path
                )
            })
            .collect();
        Finding::new(
            folder,
            format!("its modules {} form a circle", names.join(", ")),
            format!(
                "move what both sides need into a module below them, or hand it in{}",
                chain.concat()
            ),
        )
    }
}

/// The circles of one package.
fn circles(sources: &[&File]) -> Result<Vec<Circle>> {
    let mut graphs: BTreeMap<Vec<String>, Graph<Link>> = BTreeMap::new();
    for root in Tree::roots(sources) {
        let tree = Tree::read(root, sources)?;
        for (module, mention, target) in tree.references() {
            // Where the two ways from the root part.
            let shared = module
                .iter()
                .zip(&target)
                .take_while(|(one, other)| one == other)
                .count();
            if shared == module.len() || shared == target.len() {
                continue;
            }
            let link = Link {
                from: module[..=shared].join("::"),
                to: target[..=shared].join("::"),
                place: tree.place(&module, mention.line),
                path: mention.segments.join("::"),
            };
            graphs.entry(module[..shared].to_vec()).or_default().insert(
                link.from.clone(),
                link.to.clone(),
                link,
            );
        }
    }
    let circles = graphs.into_values().flat_map(|graph| {
        let components = graph.components();
        components
            .into_iter()
            .map(|modules| Circle {
                chain: graph.shortest_cycle(&modules),
                modules,
            })
            .collect::<Vec<_>>()
    });
    Ok(circles.collect())
}

#[cfg(test)]
mod tests;
