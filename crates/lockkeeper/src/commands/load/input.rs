//! The files of targets.

use std::io::Read as _;
use std::num::NonZeroU32;

use ops::load::targets::{Bodies, Target, Turns, parse};
use zeroize::Zeroizing;

use crate::commands::client::lookup;
use crate::failure::Failure;

/// The targets of files, or of standard input, and whose turn it is.
pub(super) fn targets(files: &[String], base64body: bool) -> Result<(Vec<Target>, Turns), Failure> {
    let bodies = if base64body {
        Bodies::Base64
    } else {
        Bodies::Plain
    };
    let mut targets = Vec::new();
    let mut shares = Vec::new();
    if files.is_empty() {
        targets = of_text("standard input", from_input(), bodies)?;
        shares.push((weights(&targets), NonZeroU32::MIN));
    }
    for file in files {
        let (name, weight) = weighted(file);
        let found = of_text(name, std::fs::read(name), bodies)?;
        shares.push((weights(&found), weight));
        targets.extend(found);
    }
    let turns =
        Turns::new(&shares).map_err(|problem| Failure::local(format!("-targets: {problem}")))?;
    Ok((targets, turns))
}

fn weights(targets: &[Target]) -> Vec<NonZeroU32> {
    targets.iter().map(|target| target.weight).collect()
}

/// A file, and its weight if one stands after it.
fn weighted(file: &str) -> (&str, NonZeroU32) {
    let weight = file.rsplit_once('@').and_then(|(name, weight)| {
        let weight = weight.parse().ok()?;
        Some((name, weight))
    });
    weight.unwrap_or((file, NonZeroU32::MIN))
}

fn of_text(
    name: &str,
    text: std::io::Result<Vec<u8>>,
    bodies: Bodies,
) -> Result<Vec<Target>, Failure> {
    let text = text.map_err(|error| Failure::local(format!("cannot read `{name}`: {error}")))?;
    let text = Zeroizing::new(text);
    let text = std::str::from_utf8(&text)
        .map_err(|_| Failure::local(format!("`{name}` is not a text in UTF-8")))?;
    parse(name, text, bodies, &lookup).map_err(|error| Failure::local(error.to_string()))
}

fn from_input() -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_stands_after_the_file() {
        let three = NonZeroU32::new(3).unwrap();
        assert_eq!(weighted("a.txt@3"), ("a.txt", three));
        for file in ["a.txt", "a@b.txt", "a@0"] {
            assert_eq!(weighted(file), (file, NonZeroU32::MIN));
        }
    }
}
