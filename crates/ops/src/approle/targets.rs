//! Targets by the text that names them.

use std::path::PathBuf;
use std::sync::Arc;

use vault_client::Client;

use super::command::CommandTarget;
use super::error::{Error, Result};
use super::file::FileTarget;
use super::kubernetes::KubernetesTarget;
use super::kv::KvTarget;
use super::shell::Shell;
use super::target::Target;
use super::wrapped::WrappedTarget;

/// What targets work with.
#[derive(Clone)]
pub struct Means {
    /// Runs the operator's commands.
    pub shell: Arc<dyn Shell>,
    /// The server whose KV engines are meant.
    pub client: Client,
}

/// The targets of `-deliver`, in their order.
///
/// # Errors
/// When one is not of a known form.
pub fn targets(given: &[String], means: &Means) -> Result<Vec<Box<dyn Target>>> {
    given.iter().map(|text| target(text, means)).collect()
}

fn target(text: &str, means: &Means) -> Result<Box<dyn Target>> {
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => {
            // The journal may be read from another folder.
            let path = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
            Ok(Box::new(FileTarget::new(path)))
        }
        Some(("command", command)) if !command.trim().is_empty() => Ok(Box::new(
            CommandTarget::new(command, Arc::clone(&means.shell)),
        )),
        Some(("kv", rest)) => match rest.split_once('#') {
            Some((path, field)) if !path.is_empty() && !field.is_empty() => {
                Ok(Box::new(KvTarget::new(&means.client, path, field)))
            }
            _ => Err(Error::target(text, "write `kv:PATH#FIELD`")),
        },
        Some(("wrapped", rest)) => match WrappedTarget::parse(rest) {
            Some(target) => Ok(Box::new(target)),
            None => Err(Error::target(
                text,
                "write `wrapped:TIME`, such as `wrapped:5m`",
            )),
        },
        Some(("kubernetes", rest)) => match KubernetesTarget::parse(rest) {
            Some(target) => Ok(Box::new(target)),
            None => Err(Error::target(text, "write `kubernetes:NAMESPACE/NAME#KEY`")),
        },
        _ => Err(Error::target(
            text,
            "write `file:PATH`, `command:COMMAND`, `kv:PATH#FIELD`, \
             `kubernetes:NAMESPACE/NAME#KEY` or `wrapped:TIME`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shell::RealShell;
    use super::*;

    fn read(given: &[&str]) -> Result<Vec<Box<dyn Target>>> {
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        let address = vault_client::Url::parse("http://127.0.0.1:1").unwrap();
        let means = Means {
            shell: Arc::new(RealShell),
            client: Client::new(vault_client::Settings::new(address)).unwrap(),
        };
        targets(&given, &means)
    }

    #[test]
    fn a_file_is_known_by_its_whole_path() {
        let targets = read(&["file:/run/a:b", "file:id"]).unwrap();
        assert_eq!(targets[0].name(), "file:/run/a:b");
        assert!(targets[1].name().starts_with("file:/"));
    }

    #[test]
    fn a_command_is_all_that_follows_and_others_name_a_field() {
        let targets = read(&["kv:secret/app#id", "kubernetes:team/app#id"]).unwrap();
        assert_eq!(targets[0].name(), "kv:secret/app#id");
        assert_eq!(targets[1].name(), "kubernetes:team/app#id");
        let targets = read(&["command:ssh host 'cat > /run/id'"]).unwrap();
        assert_eq!(targets[0].name(), "command:ssh host 'cat > /run/id'");
        assert!(!targets[0].is_readable());
    }

    #[test]
    fn another_form_is_refused_with_the_known_ones() {
        for text in [
            "/run/id",
            "file:",
            "command: ",
            "fil:/run/id",
            "kv:a",
            "kubernetes:a#b",
        ] {
            let Err(error) = read(&[text]) else {
                panic!("{text} was accepted");
            };
            assert!(error.to_string().contains("write `"), "{error}");
        }
    }
}
