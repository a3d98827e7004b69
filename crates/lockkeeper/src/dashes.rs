//! Vault's command line takes `-field=x` and `--field=x` alike. The parser
//! wants two dashes for a long name, so that the second is added here.

/// The arguments with two dashes before every long flag. Values stay as they
/// are: `-`, `key=-`, `-5`, and everything behind `--`.
pub(crate) fn doubled(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
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
        assert_eq!(doubled(given.iter().map(ToString::to_string)), expected);
    }

    #[test]
    fn long_flags_get_their_second_dash() {
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
    fn values_stay_as_they_are() {
        let values = ["write", "a/b", "-", "key=-", "key=-x", "-5", "--", "-field"];
        check(&values, &values);
    }
}
