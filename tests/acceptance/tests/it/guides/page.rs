//! The commands of a page of the documentation, as a reader would type them.

use std::path::Path;

/// A page, or a part of one.
pub(super) struct Page {
    name: String,
    text: String,
}

/// A command of a page, with what the page says that it prints.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Where it is, for the message of a failure.
    pub(super) place: String,
    /// The command, of several lines where they end in a backslash.
    pub(super) command: String,
    /// The lines that it prints; none where the page does not show any.
    pub(super) prints: Option<Vec<String>>,
    /// Whether it runs until it is ended, in a terminal of its own: the fence
    /// says `console background`.
    pub(super) background: bool,
}

impl Page {
    /// Reads a page of the repository.
    pub(super) fn read(name: &str) -> Self {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(name);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()));
        Self {
            name: name.to_owned(),
            text,
        }
    }

    /// The part under one heading, up to the next of the same or a higher level.
    pub(super) fn section(&self, heading: &str) -> Self {
        let mut level = None;
        let mut lines = Vec::new();
        let mut fenced = false;
        for line in self.text.lines() {
            fenced ^= line.trim_start().starts_with("```");
            let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
            let is_heading = !fenced && hashes > 0;
            match level {
                None if is_heading && line[hashes..].trim() == heading => level = Some(hashes),
                Some(level) if is_heading && hashes <= level => break,
                Some(_) => lines.push(line),
                None => {}
            }
        }
        assert!(level.is_some(), "`{}` has no `{heading}`", self.name);
        Self {
            name: format!("{}, {heading}", self.name),
            text: lines.join("\n"),
        }
    }

    /// All commands in blocks of `console` and `sh`, in order. In a `console`
    /// block commands follow `$ `; in an `sh` block every line is one. A block
    /// with `file=NAME` behind its language is written to that file.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut lines = self.text.lines().zip(1..);
        while let Some((line, _)) = lines.next() {
            let Some(fence) = Fence::read(line) else {
                continue;
            };
            let inside = lines
                .by_ref()
                .take_while(|(line, _)| !line.trim_start().starts_with("```"));
            let mut file = String::new();
            for (line, number) in inside {
                let line = line.get(fence.indent..).unwrap_or_default();
                let place = format!("{}, line {number} of the part", self.name);
                match &fence.kind {
                    &Kind::Console { background } => console(&mut steps, line, place, background),
                    Kind::Shell => shell(&mut steps, line, place),
                    Kind::File(_) => file.extend([line, "\n"]),
                    Kind::Other => {}
                }
            }
            if let Kind::File(name) = fence.kind {
                steps.push(write_file(&name, &file, format!("{}, `{name}`", self.name)));
            }
        }
        steps
    }
}

/// The line that begins a block; in a list it is indented.
struct Fence {
    indent: usize,
    kind: Kind,
}

enum Kind {
    Console {
        background: bool,
    },
    Shell,
    /// Of any language: what the reader keeps in a file of this name.
    File(String),
    Other,
}

impl Fence {
    fn read(line: &str) -> Option<Self> {
        let trimmed = line.trim_start();
        let info = trimmed.strip_prefix("```")?;
        let (language, words) = info.split_once(' ').unwrap_or((info, ""));
        let file = words.strip_prefix("file=");
        let kind = match language {
            _ if file.is_some() => Kind::File(file.unwrap_or_default().to_owned()),
            "console" => Kind::Console {
                background: words == "background",
            },
            "sh" => Kind::Shell,
            _ => Kind::Other,
        };
        Some(Self {
            indent: line.len() - trimmed.len(),
            kind,
        })
    }
}

/// Keeps a text in a file.
fn write_file(name: &str, text: &str, place: String) -> Step {
    Step {
        place,
        command: format!("cat > {name} <<'END_OF_FILE'\n{text}END_OF_FILE"),
        prints: None,
        background: false,
    }
}

/// A line of a terminal: a command, more of it, or what it prints.
fn console(steps: &mut Vec<Step>, line: &str, place: String, background: bool) {
    if let Some(command) = line.strip_prefix("$ ") {
        return steps.push(Step {
            place,
            command: command.to_owned(),
            prints: Some(Vec::new()),
            background,
        });
    }
    let Some(step) = steps.last_mut() else {
        panic!("{place}: a terminal that begins without a command");
    };
    let prints = step.prints.get_or_insert_default();
    if prints.is_empty() && step.command.ends_with('\\') {
        step.command = format!("{}\n{line}", step.command);
    } else {
        prints.push(line.to_owned());
    }
}

/// A line of a script: a command, or more of the one before.
fn shell(steps: &mut Vec<Step>, line: &str, place: String) {
    if line.is_empty() || line.starts_with('#') {
        return;
    }
    match steps.last_mut() {
        Some(step) if step.prints.is_none() && step.command.ends_with('\\') => {
            step.command = format!("{}\n{line}", step.command);
        }
        _ => steps.push(Step {
            place,
            command: line.to_owned(),
            prints: None,
            background: false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Step> {
        let page = Page {
            name: "a page".into(),
            text: text.into(),
        };
        page.steps()
    }

    #[test]
    fn a_console_block_has_commands_and_what_they_print() {
        let found = steps("```console\n$ one \\\n    two\nprinted\n$ three\n```\n");
        assert_eq!(found[0].command, "one \\\n    two");
        assert_eq!(found[0].prints, Some(vec!["printed".to_owned()]));
        assert_eq!(found[1].command, "three");
        assert_eq!(found[1].prints, Some(vec![]));
    }

    #[test]
    fn a_shell_block_has_a_command_a_line_and_shows_nothing() {
        let found = steps("1. A list.\n\n   ```sh\n   one\n   # a remark\n   two\n   ```\n");
        let commands: Vec<&str> = found.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(commands, ["one", "two"]);
        assert_eq!(found[0].prints, None);
    }

    #[test]
    fn other_languages_are_not_run() {
        assert_eq!(
            steps("```hcl\npath \"x\" {}\n```\n```text\n$ no\n```\n"),
            []
        );
    }

    #[test]
    fn a_block_with_the_name_of_a_file_is_kept_there() {
        let found = steps("```hcl file=a.hcl\none {\n  $two\n}\n```\n");
        let written = "cat > a.hcl <<'END_OF_FILE'\none {\n  $two\n}\nEND_OF_FILE";
        assert_eq!(found[0].command, written);
    }

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        let page = Page {
            name: "a page".into(),
            text: "## One\n```sh\n# no heading\na\n```\n### In it\n```sh\nb\n```\n## Two\n```sh\nc\n```\n".into(),
        };
        let commands: Vec<String> = page
            .section("One")
            .steps()
            .into_iter()
            .map(|step| step.command)
            .collect();
        assert_eq!(commands, ["a", "b"]);
    }
}
