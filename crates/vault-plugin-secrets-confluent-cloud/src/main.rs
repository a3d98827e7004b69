//! The Confluent Cloud secrets engine as a plugin of Vault and OpenBao: the
//! program that a server starts. It holds the engine and nothing of our own
//! server.

#![allow(
    clippy::print_stdout,
    reason = "help and version are for a person to read"
)]

use std::process::ExitCode;

use vault_plugin::{Plugin, without_client_flags};

const HELP: &str = "\
The Confluent Cloud secrets engine, as a plugin of OpenBao and Vault.

A server starts this program; a person registers it. With the program in the
server's `plugin_directory`, as `confluent-cloud` for example:

  bao plugin register -sha256=<its SHA-256> secret confluent-cloud
  bao secrets enable -path=confluent confluent-cloud
  bao path-help confluent

It takes the flags of plugins written in Go, and needs none of them:
  -ca-cert, -ca-path, -client-cert, -client-key, -tls-server-name,
  -tls-skip-verify
and tells about itself:
  -help, -version
";

fn main() -> ExitCode {
    let arguments = without_client_flags(std::env::args().skip(1));
    let asks = |flags: &[&str]| {
        arguments
            .iter()
            .any(|argument| flags.contains(&argument.as_str()))
    };
    if asks(&["-help", "--help", "-h"]) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if asks(&["-version", "--version", "-V", "version"]) {
        println!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    // Whatever else stands there, Go's plugins do not look at it either.
    Plugin::new(confluent_backend::factory()).run()
}
