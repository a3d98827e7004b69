//! The modules of a crate as a tree, and which module a path leads to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::File;
use crate::source::{self, Import, Mention, Module};

/// How many re-exports of re-exports are followed.
const MOST_HOPS: usize = 16;

/// One crate: a library or a program.
pub(super) struct Tree {
    modules: BTreeMap<Vec<String>, Node>,
}

struct Node {
    file: PathBuf,
    module: Module,
}

impl Tree {
    /// The roots of the crates of one package.
    pub(super) fn roots<'f>(sources: &[&'f File]) -> Vec<&'f File> {
        let roots = sources
            .iter()
            .filter(|file| file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs"));
        roots.copied().collect()
    }

    /// Reads a crate from its root, along its declarations of modules. What is
    /// declared for tests alone is not part of it.
    pub(super) fn read(root: &File, sources: &[&File]) -> Result<Self> {
        let mut tree = Self {
            modules: BTreeMap::new(),
        };
        tree.read_file(root, Vec::new(), sources)?;
        Ok(tree)
    }

    fn read_file(&mut self, file: &File, path: Vec<String>, sources: &[&File]) -> Result<()> {
        if file.is_generated() {
            return Ok(());
        }
        let module =
            source::read(&file.text).with_context(|| format!("in {}", file.path.display()))?;
        self.insert(file, path, module, sources)
    }

    fn insert(
        &mut self,
        file: &File,
        path: Vec<String>,
        mut module: Module,
        sources: &[&File],
    ) -> Result<()> {
        for (name, inner) in std::mem::take(&mut module.inner) {
            self.insert(file, child(&path, &name), inner, sources)?;
        }
        for name in &module.files {
            let path = child(&path, name);
            let places = places(file, &path);
            let found = sources.iter().find(|source| places.contains(&source.path));
            if let Some(source) = found {
                self.read_file(source, path, sources)?;
            }
        }
        let file = file.path.clone();
        self.modules.insert(path, Node { file, module });
        Ok(())
    }

    /// Every path that leads to a module of this crate: who names it, and
    /// where it leads.
    pub(super) fn references(&self) -> Vec<(Vec<String>, &Mention, Vec<String>)> {
        let mut references = Vec::new();
        for (path, node) in &self.modules {
            for mention in &node.module.mentions {
                if let Some(target) = self.resolve(path, &mention.segments, MOST_HOPS) {
                    references.push((path.clone(), mention, target));
                }
            }
        }
        references
    }

    /// A line of a module's file.
    pub(super) fn place(&self, module: &[String], line: usize) -> String {
        let file = self.modules.get(module).map(|node| node.file.display());
        file.map_or_else(String::new, |file| format!("{file}:{line}"))
    }

    /// The module that a path leads to when it is named in `from`; `None` when
    /// it leads out of this crate or is a local name.
    fn resolve(&self, from: &[String], segments: &[String], hops: usize) -> Option<Vec<String>> {
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => self.descend(Vec::new(), rest, hops),
            "self" => self.descend(from.to_vec(), rest, hops),
            "super" => {
                let (_, parent) = from.split_last()?;
                let mut absolute = vec!["self".to_owned()];
                absolute.extend_from_slice(rest);
                if rest.first().is_some_and(|next| next == "super") {
                    return self.resolve(parent, rest, hops);
                }
                self.resolve(parent, &absolute, hops)
            }
            _ if self.modules.contains_key(&child(from, first)) || self.imports(from, first) => {
                self.descend(from.to_vec(), segments, hops)
            }
            _ => None,
        }
    }

    /// Follows the rest of a path down from a module, through re-exports.
    fn descend(&self, at: Vec<String>, rest: &[String], hops: usize) -> Option<Vec<String>> {
        let Some((name, beyond)) = rest.split_first() else {
            return Some(at);
        };
        let below = child(&at, name);
        if self.modules.contains_key(&below) {
            return self.descend(below, beyond, hops);
        }
        let module = &self.modules.get(&at)?.module;
        let name = name.trim_end_matches('!');
        if module.items.contains(name) || hops == 0 {
            return Some(at);
        }
        for import in &module.imports {
            let is_glob = import.name == "*";
            if import.name != name && !is_glob {
                continue;
            }
            let Some(target) = self.resolve(&at, &import.segments, hops - 1) else {
                continue;
            };
            if !is_glob {
                return self.through(&import.segments, target, &at, beyond, hops - 1);
            }
            if self.provides(&target, name) {
                return self.descend(target, rest, hops - 1);
            }
        }
        Some(at)
    }

    /// Goes on behind a name that was imported: below it, if it is a module.
    fn through(
        &self,
        import: &[String],
        target: Vec<String>,
        at: &[String],
        beyond: &[String],
        hops: usize,
    ) -> Option<Vec<String>> {
        let whole: Vec<String> = import.iter().chain(beyond).cloned().collect();
        let further = self.resolve(at, &whole, hops);
        further.or(Some(target))
    }

    /// Whether a module imports this name from somewhere else than a crate of
    /// that name.
    fn imports(&self, module: &[String], name: &str) -> bool {
        self.modules.get(module).is_some_and(|node| {
            let mut imports = node.module.imports.iter();
            imports.any(|import| import.name == name && import.segments[0] != name)
        })
    }

    /// Whether a module offers this name to a glob: an item or a re-export.
    fn provides(&self, module: &[String], name: &str) -> bool {
        self.modules.get(module).is_some_and(|node| {
            let imported = |import: &Import| import.is_public && import.name == name;
            node.module.items.contains(name) || node.module.imports.iter().any(imported)
        })
    }
}

fn child(path: &[String], name: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.push(name.to_owned());
    path
}

/// Where the file of a module may be.
fn places(declared_in: &File, path: &[String]) -> [PathBuf; 2] {
    let src = declared_in
        .path
        .ancestors()
        .find(|folder| folder.ends_with("src"))
        .unwrap_or(Path::new("src"));
    let module: PathBuf = src.join(path.iter().collect::<PathBuf>());
    [module.with_extension("rs"), module.join("mod.rs")]
}
