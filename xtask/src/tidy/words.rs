//! Text that no committed file may contain: absolute paths of one machine, and
//! hosts of package registries, which belong into the clients' configuration.

use super::{File, Finding};

/// Folders of users, as the first segment of an absolute path.
const HOMES: &[&str] = &["root", "home", "Users"];

/// Hosts, split into labels so that this file does not contain them.
const REGISTRIES: &[&[&str]] = &[
    &["pypi", "org"],
    &["files", "pythonhosted", "org"],
    &["static", "crates", "io"],
    &["index", "crates", "io"],
    &["proxy", "golang", "org"],
    &["registry", "npmjs", "org"],
    &["repo", "maven", "apache", "org"],
    &["repo1", "maven", "org"],
    &["deb", "debian", "org"],
];

/// Every line with such text, except in cargo's lock file.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let hosts: Vec<String> = REGISTRIES.iter().map(|labels| labels.join(".")).collect();
    let homes: Vec<String> = HOMES.iter().map(|home| format!("/{home}/")).collect();
    let mut findings = Vec::new();
    for file in files {
        if file
            .path
            .file_name()
            .is_some_and(|name| name == "Cargo.lock")
        {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let place = || file.at(index + 1);
            if homes.iter().any(|home| names_a_home(line, home)) {
                findings.push(Finding::new(
                    place(),
                    "it names a folder of one machine",
                    "use a relative path, a variable or a temporary folder",
                ));
            }
            if let Some(host) = hosts.iter().find(|host| line.contains(*host)) {
                findings.push(Finding::new(
                    place(),
                    format!("it names the registry host `{host}`"),
                    "name the package; where it comes from is for the client's configuration",
                ));
            }
        }
    }
    findings
}

/// Whether an absolute path on `line` begins with `home`; the path of
/// a URL, or a longer path that merely contains it, does not count.
fn names_a_home(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(position, _)| {
        let before = line[..position].chars().next_back();
        let after = line[position + home.len()..].chars().next();
        let starts_here = !before.is_some_and(|c| c.is_alphanumeric() || "/._-}*>".contains(c));
        let goes_on = after.is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '_');
        starts_here && goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(line: &str) -> usize {
        check(&[File::new("docs/a.md", line)]).len()
    }

    #[test]
    fn a_folder_of_one_machine_is_found() {
        for home in HOMES {
            assert_eq!(findings(&format!("cd /{home}/someone/x")), 1, "{home}");
        }
    }

    #[test]
    fn a_path_of_the_api_is_no_folder() {
        assert_eq!(findings("GET /v1/sys/root/x"), 0);
        for home in HOMES {
            assert_eq!(findings(&format!("`/{home}/` and `/{home}/<name>`")), 0);
        }
    }

    #[test]
    fn a_registry_host_is_found() {
        for labels in REGISTRIES {
            assert_eq!(findings(&format!("get https://{}/x", labels.join("."))), 1);
        }
    }

    #[test]
    fn the_lock_file_of_cargo_is_not_read() {
        let line = ["index", "crates", "io"].join(".");
        assert!(check(&[File::new("Cargo.lock", &line)]).is_empty());
    }
}
