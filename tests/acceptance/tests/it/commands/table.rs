//! The committed table: rows of commands, exit codes and reasons.

use std::fmt::Write as _;
use std::path::PathBuf;

/// A command, and how it ends.
pub(super) struct Row {
    /// As it is written, with the token and what is kept.
    pub(super) command: String,
    /// At OpenBao, at our server, and of `lockkeeper`; none for no such command.
    codes: [Option<i32>; 3],
    reason: String,
    /// Whether `lockkeeper` has the command.
    own: bool,
}

/// Rows that run one after the other at the same servers.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
}

/// The whole file.
pub(super) struct Table {
    pub(super) sections: Vec<Section>,
    text: String,
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/commands/commands.txt")
}

impl Table {
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string(file()).unwrap();
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("## ") {
                let name = name.to_owned();
                let rows = Vec::new();
                sections.push(Section { name, rows });
            } else if let Some(row) = Row::parse(line) {
                sections.last_mut().unwrap().rows.push(row);
            }
        }
        Self { sections, text }
    }

    /// Writes the codes of this run; everything else stays as it is.
    pub(super) fn write(&self) {
        let mut rows = self.sections.iter().flat_map(|section| &section.rows);
        let mut text = String::new();
        for line in self.text.lines() {
            if Row::parse(line).is_none() {
                text.push_str(line);
            } else {
                text.push_str(rows.next().unwrap().line().trim_end());
            }
            text.push('\n');
        }
        std::fs::write(file(), text).unwrap();
    }
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let code = |index: usize| cells.get(index).and_then(|cell| cell.parse().ok());
        Some(Self {
            command: cells[0].to_owned(),
            codes: [code(1), code(2), code(3)],
            reason: cells.get(4).copied().unwrap_or_default().to_owned(),
            own: cells.get(3) != Some(&"-"),
        })
    }

    fn line(&self) -> String {
        let [a, b, c] = self
            .codes
            .map(|code| code.map_or_else(|| "-".to_owned(), |code| code.to_string()));
        let mut line = format!("{:<60}", self.command);
        // Writing to a string cannot fail.
        let _ = write!(line, " | {a} | {b} | {c} | {}", self.reason);
        line.trim_end_matches([' ', '|']).to_owned()
    }

    pub(super) fn is_ours(&self) -> bool {
        self.own
    }

    /// The token that it runs with, if not the root token.
    pub(super) fn token(&self) -> Option<&str> {
        self.command.strip_prefix("as ")?.split_whitespace().next()
    }

    /// The arguments of the program.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let skipped = if self.token().is_some() { 2 } else { 0 };
        let words = self.command.split_whitespace().skip(skipped);
        words.take_while(|word| *word != "=>")
    }

    /// What is kept of the JSON, by name and pointer.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&str, &str)> {
        let words = self.command.split_whitespace();
        let words = words.skip_while(|word| *word != "=>").skip(1);
        words.filter_map(|word| word.split_once('='))
    }

    /// Takes over the codes of this run, and says what is wrong with them.
    pub(super) fn compare(&mut self, codes: [Option<i32>; 3]) -> Option<String> {
        let known = std::mem::replace(&mut self.codes, codes);
        let command = &self.command;
        if known != codes {
            return Some(format!(
                "`{command}` ended with {codes:?}, where {known:?} is written"
            ));
        }
        let differ = codes.iter().any(|code| *code != codes[0]);
        if differ && self.reason.is_empty() {
            return Some(format!("`{command}` ends with {codes:?} without a reason"));
        }
        if !differ && !self.reason.is_empty() {
            return Some(format!("`{command}` has a reason for no difference"));
        }
        None
    }
}
