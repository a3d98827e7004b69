//! The program under another name is one of its commands, so that scripts which call
//! that name run unchanged.

use std::path::Path;

/// The arguments with the command that the program's name stands for. Slapper
/// verifies no certificate.
pub(crate) fn expand(mut arguments: Vec<String>) -> Vec<String> {
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    if name.is_some_and(|name| name == "slapper") {
        arguments.splice(1..1, ["load".to_owned(), "--insecure".to_owned()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: &[&str]) {
        let given = given.iter().map(ToString::to_string).collect();
        assert_eq!(expand(given), expected);
    }

    #[test]
    fn slapper_is_load_without_verification() {
        check(
            &["/opt/bin/slapper", "-rate", "300"],
            &["/opt/bin/slapper", "load", "--insecure", "-rate", "300"],
        );
        check(&["lockkeeper", "slapper"], &["lockkeeper", "slapper"]);
        check(&[], &[]);
    }
}
