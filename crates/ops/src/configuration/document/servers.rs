//! Which server of the file one talks to.

use super::super::files::Node;
use super::super::place::Problem;
use super::super::server::without_login;
use super::Keys;

/// The servers that the files name.
pub(super) struct Servers {
    servers: Vec<Named>,
}

struct Named {
    name: String,
    address: String,
}

impl Servers {
    pub(super) fn read(nodes: &[Node]) -> Result<Self, Problem> {
        let mut servers: Vec<Named> = Vec::new();
        for node in nodes {
            for item in node.items("`servers`")? {
                let mut keys = Keys::of(item, "a server")?;
                let name = keys.needed("name")?;
                let address = normalized(&keys.needed("address")?);
                keys.end()?;
                let is_twice = |other: &Named| other.name == name || other.address == address;
                if servers.iter().any(is_twice) {
                    let text = format!("the server `{name}` has the name or address of another");
                    return Err(item.problem(text));
                }
                servers.push(Named { name, address });
            }
        }
        Ok(Self { servers })
    }

    /// The name of the server at this address.
    pub(super) fn choose(
        &self,
        address: Option<&str>,
        given: Option<&str>,
    ) -> Result<Option<String>, Problem> {
        let at = address.map(normalized);
        let by_address = at
            .as_ref()
            .and_then(|at| self.servers.iter().find(|server| server.address == *at));
        let refuse = |text: String| Err(Problem::general(text));
        if let Some(name) = given {
            if !self.servers.iter().any(|server| server.name == name) {
                return refuse(format!("`servers` has no `{name}`, which -server names"));
            }
            if let Some(other) = by_address.filter(|server| server.name != name) {
                return refuse(format!(
                    "-server={name}, but the address `{}` is that of `{}`",
                    other.address, other.name
                ));
            }
            return Ok(Some(name.to_owned()));
        }
        match (at, by_address) {
            (_, Some(server)) => Ok(Some(server.name.clone())),
            (Some(at), None) if !self.servers.is_empty() => refuse(format!(
                "the address `{at}` is that of none of the `servers`: set VAULT_ADDR, or say with \
                 -server=NAME which one it is"
            )),
            _ => Ok(None),
        }
    }

    /// Whether a name of `on` is that of a server.
    pub(super) fn check(&self, node: &Node, name: &str) -> Result<(), Problem> {
        if self.servers.iter().any(|server| server.name == name) {
            return Ok(());
        }
        Err(node.problem(format!("`servers` has no `{name}`, which `on` names")))
    }
}

/// Addresses are equal whether they end in `/`, have a login, or name the port of
/// their scheme.
fn normalized(address: &str) -> String {
    match vault_client::Url::parse(address.trim()) {
        Ok(url) => without_login(url).as_str().trim_end_matches('/').to_owned(),
        Err(_) => address.trim().trim_end_matches('/').to_owned(),
    }
}
