//! The members of a map, of which each must be known.

use super::super::files::{Content, Node};
use super::super::likeness::closest;
use super::super::place::Problem;

/// A map whose keys are taken one by one.
pub(super) struct Keys<'a> {
    what: &'static str,
    node: &'a Node,
    left: Vec<(&'a str, &'a Node)>,
    asked: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(node: &'a Node, what: &'static str) -> Result<Self, Problem> {
        let members = node.members(what)?;
        Ok(Self {
            what,
            node,
            left: members
                .iter()
                .map(|(key, node)| (key.as_str(), node))
                .collect(),
            asked: Vec::new(),
        })
    }

    /// A member, unless it is absent or empty.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        let at = self.left.iter().position(|(name, _)| *name == key)?;
        let (_, node) = self.left.remove(at);
        (!matches!(node.content, Content::Null)).then_some(node)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, Problem> {
        let node = self.take(key);
        node.map(|node| node.text(&format!("`{key}`"))).transpose()
    }

    pub(super) fn needed(&mut self, key: &'static str) -> Result<String, Problem> {
        match self.text(key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.node.problem(format!("{} needs `{key}`", self.what))),
        }
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<bool, Problem> {
        let node = self.take(key);
        node.map_or(Ok(false), |node| node.flag(&format!("`{key}`")))
    }

    /// A key that is not done, with what to do in its place.
    pub(super) fn refuse(&mut self, key: &'static str, instead: &str) -> Result<(), Problem> {
        match self.take(key) {
            Some(node) if !matches!(node.content, Content::Bool(false)) => {
                Err(node.problem(format!("`{key}` is not supported: {instead}")))
            }
            _ => Ok(()),
        }
    }

    /// The members that were not taken: fields of the object itself.
    pub(super) fn rest(self) -> Vec<(&'a str, &'a Node)> {
        self.left
    }

    /// Nothing else may be there.
    pub(super) fn end(self) -> Result<(), Problem> {
        let Some((key, node)) = self.left.first() else {
            return Ok(());
        };
        let hint = closest(key, self.asked.iter().copied())
            .map(|like| format!("; did you mean `{like}`?"))
            .unwrap_or_default();
        Err(node.problem(format!("{} has no `{key}`{hint}", self.what)))
    }
}
