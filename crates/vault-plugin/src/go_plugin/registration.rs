//! Instructions for a person who starts a plugin program by hand: how to
//! register it.

use std::fmt::Write as _;

use aws_lc_rs::digest;

/// The running program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    /// File name.
    pub(crate) program: String,
    /// Arguments, which a host must pass as well.
    pub(crate) arguments: Vec<String>,
    /// SHA-256 in lower-case hexadecimal, if the file could be read.
    pub(crate) sha256: Option<String>,
}

impl Started {
    /// Describes this process.
    pub(crate) fn now() -> Self {
        let mut arguments = std::env::args_os().map(|text| text.to_string_lossy().into_owned());
        let first = arguments.next().unwrap_or_default();
        let file = std::env::current_exe().ok();
        let name = |path: &std::path::Path| {
            let name = path.file_name()?;
            Some(name.to_string_lossy().into_owned())
        };
        Self {
            program: name(first.as_ref())
                .or_else(|| name(file.as_deref()?))
                .unwrap_or_else(|| "this-program".to_owned()),
            arguments: arguments.collect(),
            sha256: file.and_then(|file| Some(sha256(&std::fs::read(file).ok()?))),
        }
    }

    /// The commands that register and mount the plugin.
    pub(crate) fn how_to_register(&self) -> String {
        let program = quoted(&self.program);
        let sum = match &self.sha256 {
            Some(sum) => sum.clone(),
            None => format!("\"$(sha256sum {program} | cut -d' ' -f1)\""),
        };
        let mut flags = String::new();
        for argument in &self.arguments {
            // Writing to a string cannot fail.
            let _ = write!(flags, " -args={}", quoted(argument));
        }
        format!(
            "`{program}` is a plugin: an OpenBao or Vault server starts it, not a person. Put it \
             into the server's `plugin_directory`, then register and enable it (or with `vault` in \
             place of `bao`):\n\n\
             \x20 bao plugin register -sha256={sum}{flags} -command={program} secret {program}\n\
             \x20 bao secrets enable {program}\n"
        )
    }
}

fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in digest::digest(&digest::SHA256, bytes).as_ref() {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Whether a word needs no quoting in a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(program: &str, arguments: &[&str], sha256: Option<&str>) -> String {
        let started = Started {
            program: program.to_owned(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            sha256: sha256.map(str::to_owned),
        };
        started.how_to_register()
    }

    #[test]
    fn arguments_are_registered_with_the_program() {
        let text = how("lockkeeper", &["plugin"], Some("ab12"));
        let line =
            "bao plugin register -sha256=ab12 -args=plugin -command=lockkeeper secret lockkeeper\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_program_that_cannot_be_read_is_hashed_by_the_shell() {
        let text = how("my plugin", &[], None);
        let line =
            "-sha256=\"$(sha256sum 'my plugin' | cut -d' ' -f1)\" -command='my plugin' secret";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_hash_is_in_lower_case_hex() {
        assert!(sha256(b"abc").starts_with("ba7816bf8f01cfea"));
    }
}
