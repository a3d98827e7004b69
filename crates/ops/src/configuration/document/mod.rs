//! From trees of files to objects: which keys there are, and what each means.
//!
//! The keys are those of bank-vaults' `vault-config.yml`, and ours beside them in
//! a file that says `version: 1`. What is not done is an error with its
//! replacement, never silence.

mod auth;
mod engines;
mod keys;
mod others;
mod purge;
mod sections;
mod servers;

use std::collections::BTreeMap;

use self::keys::Keys;
pub(crate) use self::purge::Purge;
use self::sections::Sections;
use self::servers::Servers;
use super::files::{Node, Scope, Source, expand};
use super::object::{Kind, Object};
use super::place::Problem;

/// Keys of ours that stand only at the top of a file.
const TOP: &[&str] = &["version", "owner", "vars", "servers", "blocks"];
/// Keys of ours that stand in a block, beside its objects.
const BLOCK: &[&str] = &["for_each", "on"];
/// bank-vaults' key for what nobody manages, which stands at the top, too.
const PURGE: &str = "purgeUnmanagedConfig";

/// What is given beside the files.
pub struct Surroundings<'a> {
    /// The environment, for `${env "…"}`.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The address of the server, if one is to be asked.
    pub address: Option<&'a str>,
    /// The name of the server among the file's `servers`, if it was given.
    pub server: Option<&'a str>,
    /// The owner, if it was given.
    pub owner: Option<&'a str>,
    /// Whether a secret may stand in a file of `version: 1`.
    pub allow_literal_secrets: bool,
}

/// What the files want of one server.
#[derive(Debug)]
pub struct Desired {
    /// Who manages the objects.
    pub owner: Option<String>,
    /// The name of the server in the files, if they have `servers`.
    pub server: Option<String>,
    pub(crate) objects: Vec<Object>,
    /// Whether what nobody manages is to be deleted.
    pub(crate) purge: Option<Purge>,
    /// What is worth a look and keeps nothing from being done.
    pub warnings: Vec<Problem>,
}

impl Desired {
    /// How many objects there are.
    pub fn count(&self) -> usize {
        self.objects.len()
    }
}

/// Reads the objects that the files want of the server that is talked to.
/// Without an address, the blocks of all servers are read.
///
/// # Errors
/// Everything that is wrong, with file and line.
pub fn interpret(
    sources: &[Source],
    surroundings: &Surroundings<'_>,
) -> Result<Desired, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut headers = Vec::new();
    for source in sources {
        match Header::read(source) {
            Ok(header) => headers.push((source, header)),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut vars = BTreeMap::new();
    for (source, header) in &headers {
        for (name, node) in &header.vars {
            if vars.insert(name.clone(), (*source, node.clone())).is_some() {
                problems.push(node.problem(format!("`{name}` of `vars` is there twice")));
            }
        }
    }
    let scope = Scope {
        environment: surroundings.environment,
        vars: &vars,
        each: None,
    };
    let mut gathered = Gathered::default();
    let mut owners: Vec<Node> = Vec::new();
    let mut purges: Vec<Node> = Vec::new();
    let mut expanded = Vec::new();
    for (source, header) in &headers {
        match header
            .servers
            .as_ref()
            .map(|node| expand(source, node, &scope))
            .transpose()
        {
            Ok(servers) => expanded.extend(servers),
            Err(problem) => problems.push(problem),
        }
        match header
            .purge
            .as_ref()
            .map(|node| expand(source, node, &scope))
            .transpose()
        {
            Ok(purge) => purges.extend(purge),
            Err(problem) => problems.push(problem),
        }
        match header
            .owner
            .as_ref()
            .map(|node| expand(source, node, &scope))
            .transpose()
        {
            Ok(owner) => owners.extend(owner),
            Err(problem) => problems.push(problem),
        }
    }
    let servers = Servers::read(&expanded).and_then(|servers| {
        let here = servers.choose(surroundings.address, surroundings.server)?;
        Ok((servers, here))
    });
    let (servers, here) = match servers {
        Ok(found) => found,
        Err(problem) => {
            problems.push(problem);
            return Err(problems);
        }
    };
    let owner = match owner_of(&owners, surroundings.owner) {
        Ok(owner) => owner,
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    let purge = Purge::read(&purges).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    for (source, header) in &headers {
        let reading = Reading {
            source,
            scope: &scope,
            is_ours: header.is_ours,
            allow_literal_secrets: surroundings.allow_literal_secrets,
        };
        reading.block(&header.sections, None, &mut gathered);
        for block in &header.blocks {
            let chosen = reading.chosen(block, &servers, here.as_deref(), surroundings);
            match chosen {
                Ok(false) => {}
                Ok(true) => reading.repeated(block, &mut gathered),
                Err(problem) => problems.push(problem),
            }
        }
    }
    problems.append(&mut gathered.problems);
    problems.extend(twice(&mut gathered.objects));
    let mut found = super::lint::lint(&gathered.objects);
    problems.append(&mut found.problems);
    gathered.warnings.append(&mut found.warnings);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Desired {
        owner,
        server: here,
        objects: gathered.objects,
        purge,
        warnings: gathered.warnings,
    })
}

/// What was read so far.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) objects: Vec<Object>,
    pub(super) warnings: Vec<Problem>,
    pub(super) problems: Vec<Problem>,
}

/// The keys at the top of a file.
struct Header {
    is_ours: bool,
    owner: Option<Node>,
    vars: Vec<(String, Node)>,
    servers: Option<Node>,
    purge: Option<Node>,
    blocks: Vec<Node>,
    /// The members that say objects.
    sections: Vec<(String, Node)>,
}

impl Header {
    fn read(source: &Source) -> Result<Self, Problem> {
        let members = source.root.members("the file")?;
        let find = |key: &str| {
            members
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node)
        };
        let is_ours = match find("version") {
            None => false,
            Some(node) => match node.text("`version`")?.as_str() {
                "1" => true,
                other => {
                    let text = format!(
                        "`version: {other}` is not known to this program, which reads version 1: use a newer one"
                    );
                    return Err(node.problem(text));
                }
            },
        };
        if let Some((key, node)) = members
            .iter()
            .find(|(key, _)| !is_ours && TOP.contains(&key.as_str()))
        {
            return Err(node.problem(format!("`{key}` needs `version: 1` in the same file")));
        }
        let blocks = find("blocks").map_or(Ok(&[][..]), |node| node.items("`blocks`"))?;
        let vars = find("vars").map_or(Ok(&[][..]), |node| node.members("`vars`"))?;
        let sections = members
            .iter()
            .filter(|(key, _)| !TOP.contains(&key.as_str()) && key != PURGE);
        Ok(Self {
            is_ours,
            owner: find("owner").cloned(),
            vars: vars.to_vec(),
            servers: find("servers").cloned(),
            purge: find(PURGE).cloned(),
            blocks: blocks.to_vec(),
            sections: sections.cloned().collect(),
        })
    }
}

/// How one file is read.
struct Reading<'a> {
    source: &'a Source,
    scope: &'a Scope<'a>,
    is_ours: bool,
    allow_literal_secrets: bool,
}

impl Reading<'_> {
    /// Whether a block is for the server that is talked to.
    fn chosen(
        &self,
        block: &Node,
        servers: &Servers,
        here: Option<&str>,
        surroundings: &Surroundings<'_>,
    ) -> Result<bool, Problem> {
        let members = block.members("a block")?;
        let Some((_, on)) = members.iter().find(|(key, _)| key == "on") else {
            return Ok(true);
        };
        let on = expand(self.source, on, self.scope)?;
        let mut is_chosen = false;
        for name in on.items("`on`")? {
            let text = name.text("a name in `on`")?;
            servers.check(name, &text)?;
            is_chosen |= here == Some(text.as_str());
        }
        Ok(is_chosen || surroundings.address.is_none() && surroundings.server.is_none())
    }

    /// A block, once for each item of its `for_each`.
    fn repeated(&self, block: &Node, gathered: &mut Gathered) {
        let Ok(members) = block.members("a block") else {
            return;
        };
        let sections: Vec<(String, Node)> = members
            .iter()
            .filter(|(key, _)| !BLOCK.contains(&key.as_str()))
            .cloned()
            .collect();
        let Some((_, list)) = members.iter().find(|(key, _)| key == "for_each") else {
            return self.block(&sections, None, gathered);
        };
        let items = expand(self.source, list, self.scope).and_then(|list| {
            let items = list.items("`for_each`")?.iter();
            items
                .map(|item| item.text("an item of `for_each`"))
                .collect::<Result<Vec<_>, _>>()
        });
        match items {
            Ok(items) => {
                for item in items {
                    self.block(&sections, Some(&item), gathered);
                }
            }
            Err(problem) => gathered.problems.push(problem),
        }
    }

    fn block(&self, members: &[(String, Node)], each: Option<&str>, gathered: &mut Gathered) {
        let scope = Scope {
            each,
            ..*self.scope
        };
        for (key, node) in members {
            match expand(self.source, node, &scope) {
                Ok(node) => Sections {
                    is_ours: self.is_ours,
                    allow_literal_secrets: self.allow_literal_secrets,
                    gathered,
                }
                .read(key, &node),
                Err(problem) => gathered.problems.push(problem),
            }
        }
    }
}

fn owner_of(nodes: &[Node], given: Option<&str>) -> Result<Option<String>, Problem> {
    let mut owner = given.map(str::to_owned);
    for node in nodes {
        let text = node.text("`owner`")?;
        if let Some(earlier) = owner.as_ref().filter(|earlier| **earlier != text) {
            let text = format!(
                "`owner` is `{text}` here and `{earlier}` elsewhere: apply the files of one owner at a time"
            );
            return Err(node.problem(text));
        }
        owner = Some(text);
    }
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    match owner {
        Some(name) if !is_name(&name) => Err(Problem::general(format!(
            "the owner `{name}` must consist of letters, digits, `-` and `_`"
        ))),
        owner => Ok(owner),
    }
}

/// Objects that two places want. A mount may stand in several blocks, if all say
/// the same of it.
fn twice(objects: &mut Vec<Object>) -> Vec<Problem> {
    let mut seen: BTreeMap<String, Object> = BTreeMap::new();
    let mut problems = Vec::new();
    objects.retain(|object| {
        let Some(earlier) = seen.get(&object.path) else {
            seen.insert(object.path.clone(), object.clone());
            return true;
        };
        let is_mount = matches!(object.kind, Kind::SecretsEngine | Kind::AuthMethod);
        if !is_mount || object.body(|_, _| true) != earlier.body(|_, _| true) {
            let text = format!("`{}` is already defined at {}", object.path, earlier.place);
            problems.push(object.place.problem(text));
        }
        false
    });
    problems
}
