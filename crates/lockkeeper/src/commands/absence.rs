//! What to say when a server answers that there is nothing at a path: its
//! reason, and what to do about it.

use vault_client::Error;

use super::client::trimmed;
use crate::failure::Failure;

/// A request failed: its path leads nowhere, or something else is wrong.
pub(super) fn absent_or_failed(doing: &str, path: &str, error: &Error) -> Failure {
    match error.reason_of_absence() {
        Some(reason) => Failure::server(format!(
            "{}: {}",
            no_value_at(path),
            explained(path, reason)
        )),
        None => Failure::asking(format!("{doing} {path}"), error),
    }
}

/// There is nothing, and no reason is known.
pub(super) fn nothing_at(path: &str) -> Failure {
    Failure::server(no_value_at(path))
}

/// The beginning that scripts know from Vault's command line.
fn no_value_at(path: &str) -> String {
    format!("No value found at {path}")
}

/// The reason with its remedy, if one is known.
fn explained(path: &str, reason: &str) -> String {
    let reason = stripped(reason);
    match remedy(path, reason) {
        Some(remedy) => format!("{reason}\n{remedy}"),
        None => reason.to_owned(),
    }
}

fn remedy(path: &str, reason: &str) -> Option<String> {
    if reason.contains("namespace") {
        return Some(
            "The server does not have the namespace that -namespace, VAULT_NAMESPACE or \
             BAO_NAMESPACE names."
                .to_owned(),
        );
    }
    if reason.contains("is tainted") {
        return Some("The mount is being disabled.".to_owned());
    }
    if reason.contains("no handler for route") {
        if let Some(rest) = trimmed(path).strip_prefix("v1/") {
            return Some(format!(
                "A path has no `v1/` before it on the command line: use `{rest}`."
            ));
        }
        return Some(
            "No secrets engine is mounted there: `lockkeeper secrets list` shows the mounts."
                .to_owned(),
        );
    }
    if reason.contains("unsupported path") {
        let mount = trimmed(path).split('/').next().unwrap_or_default();
        return Some(format!(
            "The engine has no such path: `lockkeeper path-help {mount}` shows its paths."
        ));
    }
    None
}

/// An error without the frame that Go's multierror puts around a single one.
fn stripped(reason: &str) -> &str {
    let reason = reason.trim();
    let inner = reason.strip_prefix("1 error occurred:");
    inner.map_or(reason, |inner| inner.trim().trim_start_matches("* "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_remedy() {
        let unrouted = "no handler for route \"x\". route entry not found.";
        for (path, reason, part) in [
            ("nowhere/x", unrouted, "secrets list"),
            ("v1/cc/creds/app", unrouted, "use `cc/creds/app`"),
            ("cc/x", "namespace not found", "VAULT_NAMESPACE"),
            (
                "cc/odd",
                "1 error occurred:\n\t* unsupported path\n\n",
                "path-help cc`",
            ),
        ] {
            let text = explained(path, reason);
            assert!(text.contains(part), "{text}");
            assert!(!text.contains("error occurred"), "{text}");
        }
        assert_eq!(explained("a", "gone"), "gone");
    }
}
