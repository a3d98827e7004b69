//! Expanding `${…}` in a tree.

use std::collections::BTreeMap;

use super::expression::{Expression, Piece, pieces};
use super::node::{Content, Node};
use super::read::Source;
use crate::configuration::place::Problem;

/// What expressions can name.
pub(crate) struct Scope<'a> {
    /// The environment.
    pub(crate) environment: &'a dyn Fn(&str) -> Option<String>,
    /// `vars` of all files, not yet expanded.
    pub(crate) vars: &'a BTreeMap<String, (&'a Source, Node)>,
    /// The item of `for_each`.
    pub(crate) each: Option<&'a str>,
}

/// A tree with the values in place of the expressions.
pub(crate) fn expand(source: &Source, node: &Node, scope: &Scope<'_>) -> Result<Node, Problem> {
    Expansion {
        scope,
        within: Vec::new(),
    }
    .node(source, node)
}

struct Expansion<'a> {
    scope: &'a Scope<'a>,
    /// The variables that are being expanded, outermost first.
    within: Vec<String>,
}

/// A value, and whether it comes from outside of the files.
struct Filled {
    text: String,
    is_outside: bool,
}

impl Expansion<'_> {
    fn node(&mut self, source: &Source, node: &Node) -> Result<Node, Problem> {
        let mut is_outside = node.is_outside;
        let content = match &node.content {
            Content::Text(text) => {
                let filled = self.text(source, node, text)?;
                is_outside |= filled.is_outside;
                Content::Text(filled.text)
            }
            Content::List(items) => {
                let items = items.iter().map(|item| self.node(source, item));
                Content::List(items.collect::<Result<_, _>>()?)
            }
            Content::Map(members) => {
                let mut expanded: Vec<(String, Node)> = Vec::with_capacity(members.len());
                for (key, item) in members {
                    let key = self.text(source, item, key)?.text;
                    if expanded.iter().any(|(earlier, _)| *earlier == key) {
                        return Err(item.problem(format!("`{key}` is there twice")));
                    }
                    expanded.push((key, self.node(source, item)?));
                }
                Content::Map(expanded)
            }
            plain => plain.clone(),
        };
        Ok(Node {
            content,
            place: node.place.clone(),
            is_outside,
        })
    }

    fn text(&mut self, source: &Source, node: &Node, marked: &str) -> Result<Filled, Problem> {
        let mut filled = Filled {
            text: String::with_capacity(marked.len()),
            is_outside: false,
        };
        for piece in pieces(marked) {
            match piece {
                Piece::Text(text) => filled.text.push_str(text),
                Piece::Expression(number) => {
                    if let Some(expression) = source.expressions.get(number) {
                        let value = self.value(source, node, expression)?;
                        filled.text.push_str(&value.text);
                        filled.is_outside |= value.is_outside;
                    }
                }
            }
        }
        Ok(filled)
    }

    fn value(
        &mut self,
        source: &Source,
        node: &Node,
        expression: &Expression,
    ) -> Result<Filled, Problem> {
        match expression {
            Expression::Environment(name) => {
                let value = (self.scope.environment)(name).ok_or_else(|| {
                    node.problem(format!("the environment has no `{name}`: set it"))
                })?;
                Ok(Filled {
                    text: value,
                    is_outside: true,
                })
            }
            Expression::File(path) => {
                let path = source.folder.join(path);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    node.problem(format!("cannot read `{}`: {error}", path.display()))
                })?;
                Ok(Filled {
                    text,
                    is_outside: true,
                })
            }
            Expression::Name(name) if name == "each" => {
                let each = self.scope.each.ok_or_else(|| {
                    node.problem("`${each}` has a value only in a block with `for_each`")
                })?;
                Ok(Filled {
                    text: each.to_owned(),
                    is_outside: false,
                })
            }
            Expression::Name(name) => self.variable(node, name),
        }
    }

    fn variable(&mut self, node: &Node, name: &str) -> Result<Filled, Problem> {
        let Some((source, value)) = self.scope.vars.get(name) else {
            let known = self.scope.vars.keys().map(String::as_str);
            let like = crate::configuration::likeness::closest(name, known);
            let hint = like.map(|like| format!("; did you mean `{like}`?"));
            let hint = hint.unwrap_or_else(|| "; write `$${` for the two characters".to_owned());
            return Err(node.problem(format!("`vars` has no `{name}`{hint}")));
        };
        if self.within.iter().any(|outer| outer == name) {
            let cycle = self.within.join("` needs `");
            return Err(value.problem(format!("a cycle: `{cycle}` needs `{name}`")));
        }
        self.within.push(name.to_owned());
        let text = value.text(&format!("`{name}` of `vars`"))?;
        let filled = self.text(source, value, &text);
        self.within.pop();
        filled
    }
}
