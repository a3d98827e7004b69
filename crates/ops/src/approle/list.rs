//! Many rotations, listed in a file.

use std::path::Path;

use serde::Deserialize;

use super::consumers::Wait;
use super::error::{Error, Result};
use super::record::{Options, Revocation};
use super::restrictions::Restrictions;

/// One rotation of a list. The members are named like the flags.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The role, in any case.
    pub role: String,
    /// The path of the auth method.
    #[serde(default = "default_mount")]
    pub mount: String,
    /// The targets.
    pub deliver: Vec<String>,
    /// `-overwrite`.
    #[serde(default)]
    pub overwrite: bool,
    #[serde(default)]
    keep: usize,
    #[serde(default)]
    canary_read: Vec<String>,
    canary_command: Option<String>,
    consumers: Option<usize>,
    quiet_seconds: Option<u64>,
    wait_seconds: Option<u64>,
    wait_command: Option<String>,
    wait_limit_seconds: Option<u64>,
    revoke_tokens: Option<Revoke>,
    evidence: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Revoke {
    Now,
    Never,
}

fn default_mount() -> String {
    "approle".to_owned()
}

impl Entry {
    /// What the operator wants for this role.
    pub fn options(&self) -> Options {
        let usual = Wait::default();
        Options {
            deliver: self.deliver.clone(),
            overwrite: self.overwrite,
            keep: self.keep,
            restrictions: Restrictions::default(),
            canary_read: self.canary_read.clone(),
            canary_command: self.canary_command.clone(),
            wait: Wait {
                consumers: self.consumers,
                quiet: self.quiet_seconds.unwrap_or(usual.quiet),
                pause: self.wait_seconds,
                command: self.wait_command.clone(),
                limit: self.wait_limit_seconds.unwrap_or(usual.limit),
            },
            revocation: self.revoke_tokens.map(|revoke| match revoke {
                Revoke::Now => Revocation::Now,
                Revoke::Never => Revocation::Never,
            }),
            evidence: self.evidence.clone(),
            ..Options::default()
        }
    }
}

/// Reads a list: a JSON array of objects. No role is in it twice.
///
/// # Errors
/// When the file cannot be read, or is not such a list.
pub fn read_list(file: &Path) -> Result<Vec<Entry>> {
    let wrong = |problem: String| Error::Input(format!("`{}`: {problem}", file.display()));
    let text = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let list: Vec<Entry> =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let mut seen = std::collections::BTreeSet::new();
    for entry in &list {
        if !seen.insert((entry.mount.as_str(), entry.role.to_lowercase())) {
            return Err(wrong(format!("role `{}` is listed twice", entry.role)));
        }
        let mut targets = entry.deliver.iter();
        if targets.any(|target| target.starts_with("wrapped:")) {
            return Err(wrong(format!(
                "role `{}`: `wrapped` hands one secret id to whoever runs the command: rotate \
                 this role by itself",
                entry.role
            )));
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.json");
        std::fs::write(&file, text).unwrap();
        read_list(&file)
    }

    #[test]
    fn members_are_named_like_flags_and_have_their_defaults() {
        let list = read(
            r#"[{"role": "orders", "deliver": ["file:/a"]},
                {"role": "Payments", "mount": "ci", "deliver": ["file:/b"], "consumers": 2,
                 "revoke_tokens": "now"}]"#,
        )
        .unwrap();
        assert_eq!(list[0].mount, "approle");
        assert_eq!(list[0].options().wait, Wait::default());
        let second = list[1].options();
        assert_eq!(second.wait.consumers, Some(2));
        assert_eq!(second.revocation, Some(Revocation::Now));
    }

    #[test]
    fn what_is_misspelled_or_doubled_is_refused_with_its_name() {
        for (text, told) in [
            (
                r#"[{"role": "a", "deliver": [], "consumer": 2}]"#,
                "consumer",
            ),
            (r#"[{"role": "a"}]"#, "deliver"),
            (r#"[{"role": "a", "deliver": ["wrapped:5m"]}]"#, "by itself"),
            (
                r#"[{"role": "a", "deliver": []}, {"role": "A", "deliver": []}]"#,
                "`A` is listed twice",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
