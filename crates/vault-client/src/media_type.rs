//! The types of bodies that are not plain JSON.

/// The type of a PATCH's body; servers refuse any other.
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";
