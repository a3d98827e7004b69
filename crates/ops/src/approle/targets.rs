//! Targets by the text that names them.

use std::path::PathBuf;

use super::error::{Error, Result};
use super::file::FileTarget;
use super::target::Target;

/// The targets of `-deliver`, in their order.
///
/// # Errors
/// When one is not of a known form.
pub fn targets(given: &[String]) -> Result<Vec<Box<dyn Target>>> {
    given.iter().map(|text| target(text)).collect()
}

fn target(text: &str) -> Result<Box<dyn Target>> {
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => {
            // The journal may be read from another folder.
            let path = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
            Ok(Box::new(FileTarget::new(path)))
        }
        _ => Err(Error::target(text, "write `file:PATH`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_whole_path() {
        let given = ["file:/run/a:b".to_owned(), "file:id".to_owned()];
        let targets = targets(&given).unwrap();
        assert_eq!(targets[0].name(), "file:/run/a:b");
        assert!(targets[1].name().starts_with("file:/"));
    }

    #[test]
    fn another_form_is_refused_with_the_known_ones() {
        for text in ["/run/id", "file:", "fil:/run/id"] {
            let Err(error) = targets(&[text.to_owned()]) else {
                panic!("{text} was accepted");
            };
            assert!(error.to_string().contains("write `file:PATH`"), "{error}");
        }
    }
}
