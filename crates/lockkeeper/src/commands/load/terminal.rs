//! The terminal while a test runs: a screen of its own, and keys that are read one
//! by one. What it was like before is restored whatever happens.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use ops::load::screen::Size;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Another screen without a cursor, and the way back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A terminal that is ours until this is dropped.
pub(super) struct Terminal {
    keyboard: File,
    before: Termios,
    keys: UnboundedReceiver<u8>,
}

impl Terminal {
    /// Takes the terminal, if standard error is one that can be drawn on. Keys come
    /// from standard input, or from the terminal itself where that holds targets.
    pub(super) fn take() -> Option<Self> {
        if !std::io::stderr().is_terminal() || std::env::var_os("TERM")? == "dumb" {
            return None;
        }
        let keyboard = keyboard()?;
        let before = tcgetattr(&keyboard).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        let mut reader = keyboard.try_clone().ok()?;
        tcsetattr(&keyboard, OptionalActions::Now, &raw).ok()?;
        let (sender, keys) = unbounded_channel();
        let terminal = Self {
            keyboard,
            before,
            keys,
        };
        write(ENTER);
        std::thread::spawn(move || {
            let mut key = [0];
            while matches!(reader.read(&mut key), Ok(1)) {
                if sender.send(key[0]).is_err() {
                    return;
                }
            }
        });
        Some(terminal)
    }

    /// The next key; never completes once the terminal is gone.
    pub(super) async fn key(&mut self) -> u8 {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }

    /// How large it is now.
    pub(super) fn size() -> Size {
        match tcgetwinsize(std::io::stderr()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
                columns: size.ws_col,
                rows: size.ws_row,
            },
            _ => Size {
                columns: 80,
                rows: 24,
            },
        }
    }

    /// Draws a frame over the one before.
    pub(super) fn draw(lines: &[String]) {
        let lines: Vec<String> = lines.iter().map(|line| format!("{line}\x1b[K")).collect();
        write(&format!("\x1b[H{}\x1b[J", lines.join("\r\n")));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        write(LEAVE);
        let _ = tcsetattr(&self.keyboard, OptionalActions::Now, &self.before);
    }
}

fn keyboard() -> Option<File> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return input.as_fd().try_clone_to_owned().ok().map(File::from);
    }
    File::open("/dev/tty").ok()
}

/// A terminal that is gone is no reason to end the test.
fn write(text: &str) {
    let mut screen = std::io::stderr().lock();
    let _ = screen.write_all(text.as_bytes());
    let _ = screen.flush();
}
