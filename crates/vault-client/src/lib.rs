//! Client of Vault's HTTP API, as a command line needs it.
//!
//! It takes its settings from the environment variables of Vault and OpenBao
//! ([`Settings::from_environment`]), reads, writes, lists and deletes any path
//! ([`Client`]), retries transient failures, follows the redirect of a standby,
//! and reports errors in the form of Vault's own command line ([`Error`]).
//!
//! It knows no engine and shares no type with our server: it works with
//! everything that speaks the API. Behaviour follows Vault's Go client
//! (`api/client.go`, `api/logical.go`, `api/secret.go`) where users notice it.

mod address;
mod answer;
mod client;
mod curl;
mod duration;
mod environment;
mod error;
mod handshake;
mod key_rotation;
mod media_type;
mod operator;
mod retry;
mod root_generation;
mod secret;
mod settings;
mod shell;
mod sys;
mod tls;
mod token;

pub use answer::Answer;
pub use client::Client;
pub use duration::go_duration;
pub use environment::token_file;
pub use error::{Error, Result};
pub use key_rotation::{
    NewShares, RotationPaths, RotationRequest, RotationStatus, RotationStep, Share,
    VerificationStatus,
};
pub use operator::{InitRequest, Initialized};
pub use reqwest::Method;
pub use retry::{Pause, RealPause};
pub use root_generation::{GenerationPaths, RootGeneration};
pub use rustls::ClientConfig as TlsConfig;
pub use secret::{Auth, Secret, WrapInfo};
pub use settings::{ClientCertificate, Pem, Proxy, RateLimit, Settings, Trust};
pub use shell::quoted;
pub use sys::{Health, Leader, SealStatus};
pub use tls::config as tls_config;
pub use token::Token;
pub use url::Url;

/// A JSON object, in requests and responses.
pub type Object = serde_json::Map<String, serde_json::Value>;
