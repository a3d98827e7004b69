//! The credential of a request, before anything is known of it.

/// The credential that a request carries.
pub(crate) enum Credential {
    /// A key.
    Key { id: String, secret: String },
    /// The token of a session.
    Session(String),
    /// Nothing, or nothing that can be read.
    None,
}
