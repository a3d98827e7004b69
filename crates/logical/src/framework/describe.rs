//! What documents say of one operation of a path, beside what the path's row
//! says anyway. Nothing in here changes how a request is handled.

use std::collections::BTreeMap;

use super::{Display, Field};
use crate::Object;

/// A description of one operation (`OperationProperties` in Vault's
/// `sdk/framework/path.go`).
#[derive(Debug, Clone, Default)]
pub struct Describe {
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) deprecated: bool,
    pub(super) unpublished: bool,
    pub(super) example: Option<Object>,
    pub(super) answers: BTreeMap<u16, Answer>,
    pub(super) display: Option<Display>,
}

/// One status that an operation answers with.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) description: &'static str,
    pub(super) fields: Vec<Field>,
}

impl Describe {
    /// A description with one line of what the operation does.
    pub fn new(summary: &'static str) -> Self {
        Self {
            summary,
            ..Self::default()
        }
    }

    /// A longer text; it may be Markdown.
    #[must_use]
    pub fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Says that the operation should not be used any more.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Leaves the operation out of documents.
    #[must_use]
    pub fn unpublished(mut self) -> Self {
        self.unpublished = true;
        self
    }

    /// An example of a request's body.
    #[must_use]
    pub fn example(mut self, body: Object) -> Self {
        self.example = Some(body);
        self
    }

    /// A status that the operation answers with, and the fields of its data.
    /// Without any, a delete answers 204 and everything else 200.
    #[must_use]
    pub fn answers(
        mut self,
        status: u16,
        description: &'static str,
        fields: impl IntoIterator<Item = Field>,
    ) -> Self {
        let fields = fields.into_iter().collect();
        let answer = Answer {
            description,
            fields,
        };
        self.answers.insert(status, answer);
        self
    }

    /// Hints for user interfaces, and for the id of the operation.
    #[must_use]
    pub fn display(mut self, display: Display) -> Self {
        self.display = Some(display);
        self
    }
}
