//! Secrets that a person types or hands over: as an argument, on standard input,
//! or at a prompt that does not show them.

use std::io::{IsTerminal as _, Read as _, Write as _};

use zeroize::Zeroizing;

use super::shutdown_requested;
use crate::failure::Failure;
use crate::output;

/// The argument; standard input if it is `-`, or if there is neither an argument
/// nor a terminal; otherwise what is typed at the prompt.
///
/// # Errors
/// When nothing can be read, or the person gives up.
pub(super) async fn secret(
    argument: Option<&str>,
    prompt: &str,
) -> Result<Zeroizing<String>, Failure> {
    match argument {
        Some("-") => from_input(),
        Some(text) => Ok(text.to_owned().into()),
        None if std::io::stdin().is_terminal() => prompted(prompt).await,
        None => from_input(),
    }
}

fn from_input() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
    Ok(text)
}

/// Asks on the terminal, which does not show what is typed, and shows it again
/// afterwards, even when the person gives up with Ctrl-C.
async fn prompted(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    let failed = |error: std::io::Error| {
        Failure::local(format!("cannot ask for a secret on this terminal: {error}"))
    };
    let input = std::io::stdin();
    let before = tcgetattr(&input).map_err(|error| failed(error.into()))?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    let interrupted = shutdown_requested()?;
    let _ = std::io::stderr().write_all(prompt.as_bytes());
    tcsetattr(&input, OptionalActions::Flush, &hidden).map_err(|error| failed(error.into()))?;
    let line = tokio::task::spawn_blocking(|| {
        let mut text = Zeroizing::new(String::new());
        std::io::stdin().read_line(&mut text).map(|_| text)
    });
    let read = tokio::select! {
        line = line => line.map_err(std::io::Error::other).flatten().map_err(failed),
        () = interrupted => Err(Failure::local("nothing was given")),
    };
    let restored = tcsetattr(&input, OptionalActions::Flush, &before);
    output::tell("");
    let text = read?;
    restored.map_err(|error| failed(error.into()))?;
    Ok(text)
}
