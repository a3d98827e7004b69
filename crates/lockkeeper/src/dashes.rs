//! Vault's command line accepts `-field=x` and `--field=x`. The parser expects
//! two dashes before a long name, so the second one is added here.

/// The arguments with two dashes before every long flag. Values are not changed:
/// `-`, `key=-`, `-5`, and everything after `--`.
pub(crate) fn normalize(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut flags_may_follow = true;
    arguments
        .into_iter()
        .map(|argument| {
            flags_may_follow &= argument != "--";
            if flags_may_follow && is_long_with_one_dash(&argument) {
                format!("-{argument}")
            } else {
                argument
            }
        })
        .collect()
}

fn is_long_with_one_dash(argument: &str) -> bool {
    let Some(name) = argument.strip_prefix('-') else {
        return false;
    };
    name.len() > 1 && name.starts_with(|first: char| first.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: &[&str]) {
        assert_eq!(normalize(given.iter().map(ToString::to_string)), expected);
    }

    #[test]
    fn long_flags_get_a_second_dash() {
        check(
            &[
                "read",
                "-field=a",
                "--format",
                "json",
                "-f",
                "-tls-skip-verify",
            ],
            &[
                "read",
                "--field=a",
                "--format",
                "json",
                "-f",
                "--tls-skip-verify",
            ],
        );
    }

    #[test]
    fn values_are_not_changed() {
        let values = ["write", "a/b", "-", "key=-", "key=-x", "-5", "--", "-field"];
        check(&values, &values);
    }
}
