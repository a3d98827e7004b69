//! The forms in which clients of Confluent Cloud take a credential.
//!
//! A [`Credential`] is an API key and what is known about it. A [`Profile`] turns
//! it into named fields, in the names of one kind of client; a [`Form`] writes
//! fields as a file, escaped as its readers unescape. A value that a profile or
//! form cannot hold is refused, never changed: the [`Refusal`] names the field
//! and the character. [`recognize`] is the way back: it finds the credential in
//! the fields of an answer, whatever profile made them.
//!
//! Everything here is text in, text out. The crate knows neither the engine nor
//! Vault, and it does not decide which key to use or where a file goes.
//!
//! ```
//! use credential_formats::{Credential, Form, Kind, Profile, SecretText, fields};
//!
//! let mut credential = Credential::new(Kind::Kafka, "K7Q2", SecretText::new("cflt+/="));
//! credential.bootstrap_servers = Some("pkc-1.example:9092".to_owned());
//! let fields = fields(&[Profile::Librdkafka], &credential)?;
//! assert_eq!(fields.get("sasl.username"), Some("K7Q2"));
//! let file = Form::Librdkafka.write(&fields)?;
//! assert!(file.expose().contains("sasl.password=cflt+/=\n"));
//! # Ok::<(), credential_formats::Refusal>(())
//! ```
//!
//! | item | what it is |
//! |---|---|
//! | [`Credential`], [`Kind`] | the key and what is known about it |
//! | [`Profile`], [`fields`] | field names of one kind of client; several may be merged |
//! | [`Profile::check`] | whether a profile suits a kind of key, before there is a key |
//! | [`Fields`] | an ordered map; `Debug` shows names only |
//! | [`Form`], [`SecretName`] | files |
//! | [`recognize`], [`Recognized`] | from fields back to the credential |
//! | [`SecretText`] | wiped when dropped, never printed |
//! | [`Refusal`] | what a profile or form cannot hold |

mod credential;
mod fields;
mod form;
mod jaas;
mod profile;
mod recognize;
mod refusal;
mod secret_text;

pub use credential::{Credential, Kind};
pub use fields::Fields;
pub use form::{Form, SecretName};
pub use profile::{Profile, fields};
pub use recognize::{Recognized, recognize};
pub use refusal::{Offender, Refusal};
pub use secret_text::SecretText;
