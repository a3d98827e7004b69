//! The program: a development server, a simulated Confluent Cloud, the engine
//! as a plugin, and a command line for every server that speaks Vault's API.
//!
//! It reads arguments, wires parts and prints. Decisions are made in the crates
//! that it joins.

mod alias;
mod arguments;
mod commands;
mod dashes;
mod data;
mod failure;
mod listen;
mod output;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let given: Result<Vec<String>, _> = std::env::args_os().map(OsString::into_string).collect();
    let Ok(given) = given else {
        output::tell("an argument is not UTF-8");
        return ExitCode::FAILURE;
    };
    let given = dashes::normalize(alias::expand(given));
    let parsed = match Arguments::try_parse_from(given) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version go to standard output, mistakes to standard error.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match commands::run(parsed.command) {
        Ok(code) => code,
        Err(failure) => {
            match failure.instead_of_answer().map(output::say) {
                None => output::tell(&failure.to_string()),
                Some(Ok(())) => {}
                Some(Err(unprinted)) => {
                    output::tell(&unprinted.to_string());
                    return unprinted.code();
                }
            }
            failure.code()
        }
    }
}
