//! The HCL 1 syntax in which policies and configuration files of Vault are
//! written, and JSON as Vault reads it in the same places.
//!
//! This is the syntax alone: [`parse`] gives a tree with the position of every
//! part, [`format()`] prints a text as `vault policy fmt` does. What a key means,
//! and which keys there are, is for the caller to decide. It is not HCL 2:
//! there are no expressions, and `${...}` in a string is kept as it is written.
//!
//! A text is accepted when OpenBao accepts it, with one deliberate exception:
//! no part of a text is ever ignored. OpenBao reads JSON up to a missing comma
//! or bracket and forgets the rest, and it drops `true` from a JSON list; here
//! the first is an error and the second is kept. Texts that nest deeper than
//! [`MAX_DEPTH`] or have items of more than [`MAX_KEYS`] keys are refused.
//!
//! ```
//! let document = hcl1::parse(r#"path "secret/*" { capabilities = ["read"] }"#)?;
//! let item = &document.body.items[0];
//! assert_eq!(&*item.keys[1].name, "secret/*");
//! # Ok::<(), hcl1::Error>(())
//! ```

mod ast;
mod error;
mod json;
mod parser;
mod printer;
mod scanner;
mod unquote;

pub use ast::{Body, Document, Item, Key, List, Literal, LiteralKind, Object, Value};
pub use error::{Error, Position};
pub use printer::format;

/// How deep objects and lists may be nested. Vault's own files need five levels.
pub const MAX_DEPTH: usize = 100;

/// How many keys an item may have: its key and the labels of a block. Vault's
/// own files need three.
pub const MAX_KEYS: usize = 16;

/// Reads a text: JSON if it begins with `{`, HCL otherwise.
///
/// A key may be set twice; [`Body::repeated_key`] finds it.
pub fn parse(text: &str) -> Result<Document, Error> {
    if text.trim_start().starts_with('{') {
        json::parse(text)
    } else {
        parser::parse(text)
    }
}
