//! Every package inherits the lints of the workspace.

use super::{File, Finding};

/// Every manifest of a package without `workspace = true` under `[lints]`. A
/// workspace of its own has no lints to inherit.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let manifests = files.iter().filter(|file| {
        file.path
            .file_name()
            .is_some_and(|name| name == "Cargo.toml")
    });
    manifests
        .filter(|file| {
            let is_member = !has_table(&file.text, "[workspace]");
            has_table(&file.text, "[package]") && is_member && !takes_lints(&file.text)
        })
        .map(|file| {
            Finding::new(
                file.path.display(),
                "it does not inherit the lints of the workspace",
                "add `[lints]` with `workspace = true`",
            )
        })
        .collect()
}

fn has_table(manifest: &str, header: &str) -> bool {
    manifest.lines().any(|line| line.trim() == header)
}

fn takes_lints(manifest: &str) -> bool {
    let table = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    table
        .map(|line| line.replace(' ', ""))
        .any(|line| line == "workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(manifest: &str) -> usize {
        check(&[File::new("crates/a/Cargo.toml", manifest)]).len()
    }

    #[test]
    fn a_package_that_leaves_the_lints_is_found() {
        assert_eq!(findings("[package]\nname = \"a\"\n"), 1);
        assert_eq!(findings("[package]\n[lints]\n[x]\nworkspace = true\n"), 1);
        assert_eq!(findings("[package]\n[lints]\nworkspace = true\n"), 0);
    }

    #[test]
    fn a_package_outside_the_workspace_has_none_to_inherit() {
        assert_eq!(findings("[workspace]\n[package]\nname = \"a\"\n"), 0);
    }

    #[test]
    fn the_root_is_no_package() {
        assert_eq!(findings("[workspace]\nmembers = []\n"), 0);
    }
}
