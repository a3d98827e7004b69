//! The Confluent Cloud secrets engine as a plugin of Vault and OpenBao: the
//! program that a server starts. It holds the engine and nothing of our own
//! server.

#![allow(clippy::print_stdout, reason = "its version is for a person to read")]

use std::process::ExitCode;

use vault_plugin::{Plugin, without_client_flags};

fn main() -> ExitCode {
    let arguments = without_client_flags(std::env::args().skip(1));
    let asks_version = |argument: &String| {
        matches!(
            argument.as_str(),
            "-version" | "--version" | "-V" | "version"
        )
    };
    if arguments.iter().any(asks_version) {
        println!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    // Whatever else stands there, Go's plugins do not look at it either.
    Plugin::new(confluent_backend::factory()).run()
}
