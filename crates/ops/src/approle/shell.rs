//! Commands of the operator.

use std::process::Stdio;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::secret_id::SecretId;

/// Runs commands; handed in, so that tests run none.
#[async_trait]
pub trait Shell: Send + Sync {
    /// Runs a command, with a secret id on its standard input if there is one.
    ///
    /// # Errors
    /// What is wrong, when it did not succeed. The secret id is not in there.
    async fn run(&self, command: &str, input: Option<&SecretId>)
    -> std::result::Result<(), String>;
}

/// `sh -c`. What a command prints on its standard output is dropped, since that
/// could be the secret id; its standard error is ours.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealShell;

#[async_trait]
impl Shell for RealShell {
    async fn run(
        &self,
        command: &str,
        input: Option<&SecretId>,
    ) -> std::result::Result<(), String> {
        let stdin = if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(stdin)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start `sh`: {error}"))?;
        if let (Some(mut pipe), Some(id)) = (child.stdin.take(), input) {
            // A command that does not read its input tells by its exit code
            // whether that matters.
            let _ = pipe.write_all(id.expose().as_bytes()).await;
        }
        let status = child
            .wait()
            .await
            .map_err(|error| format!("cannot wait for the command: {error}"))?;
        if status.success() {
            return Ok(());
        }
        Err(format!("the command ended with {status}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_gets_the_secret_id_on_its_input_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let id = SecretId::new("canary").unwrap();
        let command = format!(
            "cat > {path}/in; env > {path}/env; tr '\\0' ' ' < /proc/$$/cmdline > {path}/args"
        );
        RealShell.run(&command, Some(&id)).await.unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("in"), "canary");
        assert!(!read("env").contains("canary"));
        assert!(!read("args").contains("canary"));
    }

    #[tokio::test]
    async fn a_command_that_fails_is_told_with_its_code() {
        let error = RealShell.run("exit 7", None).await.unwrap_err();
        assert_eq!(error, "the command ended with exit status: 7");
        let id = SecretId::new("canary").unwrap();
        RealShell.run("true", Some(&id)).await.unwrap();
    }
}
