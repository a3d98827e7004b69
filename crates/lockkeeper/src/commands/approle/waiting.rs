//! Waiting for the users of a role: the flags for it, and what is still missing.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;

use ops::approle::{Missing, Wait};

use crate::arguments::WaitOptions;
use crate::output;

/// What was told last, so that a log does not repeat it every ten seconds.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Characters of a bar.
const BAR: usize = 10;

/// What is waited for, with what the flags change.
pub(super) fn changed(wait: Wait, flags: &WaitOptions) -> Wait {
    let seconds = |time: std::time::Duration| time.as_secs();
    Wait {
        consumers: flags.consumers.or(wait.consumers),
        quiet: flags.quiet.map_or(wait.quiet, seconds),
        pause: flags.wait.map(seconds).or(wait.pause),
        command: flags.wait_command.clone().or(wait.command),
        limit: flags.wait_limit.map_or(wait.limit, seconds),
    }
}

/// On a terminal, one line that changes; otherwise a line whenever something
/// other than a time has changed. `about` stands before it.
pub(super) fn tell(about: &str, missing: &Missing) {
    let text = &missing.text;
    let mut error = std::io::stderr();
    if error.is_terminal() {
        let bar = missing.moved.map(bar).unwrap_or_default();
        // A closed terminal is no reason to stop.
        let _ = write!(error, "\r\x1b[K{about}{bar} {text}\r");
        let _ = error.flush();
        return;
    }
    let shape = shape(text);
    let Ok(mut last) = LAST.lock() else { return };
    if *last != shape {
        output::tell(&format!("{about}waiting: {text}"));
        *last = shape;
    }
}

/// A bar of ten characters.
pub(super) fn bar((done, of): (usize, usize)) -> String {
    let full = (done * BAR).checked_div(of).unwrap_or(BAR).min(BAR);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

/// A text without its numbers of seconds.
pub(super) fn shape(text: &str) -> String {
    let words = text.split(' ').collect::<Vec<_>>();
    let kept = words.iter().enumerate().filter(|(index, word)| {
        let next = words.get(index + 1).map(|word| word.trim_end_matches(','));
        next != Some("s") || word.parse::<u64>().is_err()
    });
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_again_when_more_than_its_seconds_have_changed() {
        let at = |seconds, new| format!("{new} of 3 tokens, none renewed for {seconds} s of 600 s");
        assert_eq!(shape(&at(10, 1)), shape(&at(20, 1)));
        assert_ne!(shape(&at(10, 1)), shape(&at(10, 2)));
    }

    #[test]
    fn a_bar_is_full_when_all_is_there() {
        assert_eq!(bar((0, 3)), "[----------]");
        assert_eq!(bar((1, 3)), "[###-------]");
        assert_eq!(bar((3, 3)), "[##########]");
        assert_eq!(bar((0, 0)), "[##########]");
    }
}
