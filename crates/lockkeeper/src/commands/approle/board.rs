//! What is seen of many rotations at once: on a terminal one line that changes, with
//! a bar and what each role still waits for; otherwise a line whenever that changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use ops::approle::Missing;
use rustix::termios::tcgetwinsize;

use super::waiting::{bar, shape};
use crate::output;

/// The width of a terminal that does not tell it.
const USUAL_WIDTH: usize = 80;

/// The line, or what was told in its place.
pub(super) struct Board {
    is_terminal: bool,
    state: Mutex<State>,
}

/// What is known of the roles.
struct State {
    total: usize,
    ended: usize,
    /// What happens to each role that is under way.
    roles: BTreeMap<String, String>,
    /// What was told last of each role, without its times.
    told: BTreeMap<String, String>,
}

impl Board {
    /// Of so many roles.
    pub(super) fn new(total: usize) -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            state: Mutex::new(State {
                total,
                ended: 0,
                roles: BTreeMap::new(),
                told: BTreeMap::new(),
            }),
        }
    }

    /// A stage of a role begins.
    pub(super) fn stage(&self, role: &str, stage: &str) {
        self.change(|state| {
            state.roles.insert(role.to_owned(), stage.to_owned());
            None
        });
    }

    /// Users of a role are waited for.
    pub(super) fn missing(&self, role: &str, missing: &Missing) {
        self.change(|state| {
            let text = &missing.text;
            state.roles.insert(role.to_owned(), text.clone());
            let shape = shape(text);
            let before = state.told.insert(role.to_owned(), shape.clone());
            let is_new = before.is_none_or(|before| before != shape);
            (is_new && !self.is_terminal).then(|| format!("{role}: waiting: {text}"))
        });
    }

    /// Something that is told whatever comes after.
    pub(super) fn tell(&self, text: String) {
        self.change(|_| Some(text));
    }

    /// A role is at its end.
    pub(super) fn ended(&self, role: &str) {
        self.change(|state| {
            state.ended += 1;
            state.roles.remove(role);
            None
        });
    }

    /// Takes the line away, before other things are printed.
    pub(super) fn clear(&self) {
        if self.is_terminal {
            draw("");
        }
    }

    fn change(&self, change: impl FnOnce(&mut State) -> Option<String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let told = change(&mut state);
        if let Some(told) = told {
            self.clear();
            output::tell(&told);
        }
        if self.is_terminal {
            let size = tcgetwinsize(std::io::stderr());
            let width = size.map_or(0, |size| usize::from(size.ws_col));
            // The last column stays free, where some terminals break the line.
            let width = if width == 0 { USUAL_WIDTH } else { width } - 1;
            draw(&state.line(width));
        }
    }
}

impl State {
    fn line(&self, width: usize) -> String {
        let bar = bar((self.ended, self.total));
        let mut line = format!("{bar} {} of {} roles", self.ended, self.total);
        for (role, doing) in &self.roles {
            // Writing to a string cannot fail.
            let _ = write!(line, "; {role}: {doing}");
        }
        line.chars().take(width).collect()
    }
}

/// A terminal that is gone is no reason to stop.
fn draw(line: &str) {
    let mut error = std::io::stderr();
    let _ = write!(error, "\r\x1b[K{line}");
    let _ = error.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_what_each_role_waits_for_and_fits_the_terminal() {
        let roles = [("orders", "0 of 1 tokens"), ("payments", "Trying it")];
        let state = State {
            total: 5,
            ended: 2,
            roles: roles
                .map(|(role, doing)| (role.to_owned(), doing.to_owned()))
                .into(),
            told: BTreeMap::new(),
        };
        let whole = "[####------] 2 of 5 roles; orders: 0 of 1 tokens; payments: Trying it";
        assert_eq!(state.line(200), whole);
        assert_eq!(state.line(20), whole[..20]);
    }
}
