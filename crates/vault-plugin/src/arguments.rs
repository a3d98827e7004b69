//! The command-line flags that plugins written in Go accept.

/// Flags that take a value (`api/plugin_helpers.go` in both hosts).
const WITH_VALUE: [&str; 5] = [
    "ca-cert",
    "ca-path",
    "client-cert",
    "client-key",
    "tls-server-name",
];
/// The flag that is on or off.
const SWITCH: &str = "tls-skip-verify";

/// The arguments of a plugin program without the flags of Go's API client:
/// `-ca-cert`, `-ca-path`, `-client-cert`, `-client-key`, `-tls-server-name`
/// and `-tls-skip-verify`, with one dash or two, as `-flag value` or
/// `-flag=value`.
///
/// Operators copy them from other plugins. They configure a call to the server
/// that this kind of plugin does not make, so they are accepted and ignored;
/// what is left is for the program.
pub fn without_client_flags(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut left = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let name = argument
            .strip_prefix("--")
            .or_else(|| argument.strip_prefix('-'))
            .unwrap_or_default();
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        if WITH_VALUE.contains(&name) {
            if value.is_none() {
                arguments.next();
            }
        } else if name != SWITCH {
            left.push(argument);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expected: &[&str]) {
        let arguments = arguments.iter().map(ToString::to_string);
        assert_eq!(without_client_flags(arguments), expected);
    }

    #[test]
    fn flags_of_the_client_are_taken_out_in_every_form() {
        check(
            &["-ca-cert=/a", "--ca-path", "/b", "-tls-skip-verify", "run"],
            &["run"],
        );
        check(&["--tls-skip-verify=true", "-client-key", "/c"], &[]);
    }

    #[test]
    fn everything_else_is_left_for_the_program() {
        check(
            &["ca-cert", "-version", "--", "-x=1"],
            &["ca-cert", "-version", "--", "-x=1"],
        );
    }
}
