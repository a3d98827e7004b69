//! A file as it grows: in parts, so that no secret is left behind by a buffer
//! that was too small.

use crate::SecretText;

/// The parts of a file.
#[derive(Default)]
pub(super) struct Text(Vec<SecretText>);

impl Text {
    pub(super) fn plain(&mut self, part: &str) {
        self.0.push(SecretText::new(part));
    }

    pub(super) fn secret(&mut self, part: SecretText) {
        self.0.push(part);
    }

    pub(super) fn joined(&self) -> SecretText {
        let parts: Vec<&str> = self.0.iter().map(SecretText::expose).collect();
        SecretText::join(&parts)
    }
}
