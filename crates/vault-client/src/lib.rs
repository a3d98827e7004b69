//! Client of Vault's HTTP API, as a command line needs it.
//!
//! It takes its settings from the variables that users of Vault and OpenBao
//! know ([`Settings::from_environment`]), sends reads, writes, lists and
//! deletes of any path ([`Client`]), repeats what is worth repeating, follows
//! one redirect as a standby asks for it, and says what went wrong in the form
//! that Vault's own command line does ([`Error`]).
//!
//! It knows no engine and shares no type with our server: it works with
//! everything that speaks the API. Behaviour follows Vault's Go client
//! (`api/client.go`, `api/logical.go`, `api/secret.go`) where users notice it.

mod client;
mod curl;
mod duration;
mod environment;
mod error;
mod retry;
mod secret;
mod settings;
mod sys;
mod tls;
mod token;

pub use client::{Answer, Client};
pub use environment::token_file;
pub use error::{Error, Result};
pub use reqwest::Method;
pub use retry::{Pause, RealPause};
pub use secret::{Auth, Secret, WrapInfo};
pub use settings::{ClientCertificate, Pem, Proxy, RateLimit, Settings, Trust};
pub use sys::{Health, Leader, SealStatus};
pub use token::Token;
pub use url::Url;

/// A JSON object: the shape of what is written and of what is answered.
pub type Object = serde_json::Map<String, serde_json::Value>;
