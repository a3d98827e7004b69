//! Delivery to a key of a Kubernetes Secret, by `kubectl`.

use std::process::{Output, Stdio};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::error::{Error, Result};
use super::secret_id::SecretId;
use super::target::Target;

/// A key of a Secret that exists. `kubectl` finds the cluster and logs in, as the
/// operator has set it up.
#[derive(Debug)]
pub struct KubernetesTarget {
    name: String,
    kubectl: String,
    namespace: String,
    secret: String,
    key: String,
}

impl KubernetesTarget {
    /// A key, written as `NAMESPACE/NAME#KEY`. None if it is not.
    pub fn parse(text: &str) -> Option<Self> {
        let (namespace, rest) = text.split_once('/')?;
        let (secret, key) = rest.split_once('#')?;
        let is_name = |name: &str| {
            let fits =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            !name.is_empty() && !name.starts_with('-') && name.bytes().all(fits)
        };
        let all = [namespace, secret, key].into_iter().all(is_name);
        all.then(|| Self {
            name: format!("kubernetes:{text}"),
            kubectl: "kubectl".to_owned(),
            namespace: namespace.to_owned(),
            secret: secret.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Runs `kubectl` about the Secret, with a text on its standard input.
    async fn kubectl(&self, arguments: &[&str], input: Option<&[u8]>) -> Result<Output> {
        let failed = |problem: String| Error::target(&self.name, problem);
        let mut child = Command::new(&self.kubectl)
            .args(arguments)
            .args(["--namespace", &self.namespace])
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("cannot start `kubectl`: {error}")))?;
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
            // Whether it mattered is told by its exit code.
            let _ = pipe.write_all(input).await;
        }
        let output = child.wait_with_output().await;
        let output =
            output.map_err(|error| failed(format!("cannot wait for `kubectl`: {error}")))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(failed(format!("`kubectl` failed: {said}")))
    }
}

#[async_trait]
impl Target for KubernetesTarget {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Result<()> {
        self.read().await.map(drop)
    }

    async fn read(&self) -> Result<Option<SecretId>> {
        let output = self
            .kubectl(&["get", "secret", &self.secret, "--output=json"], None)
            .await?;
        let stdout = Zeroizing::new(output.stdout);
        let failed = |problem: &str| Error::target(&self.name, problem);
        let secret: Value = serde_json::from_slice(&stdout)
            .map_err(|_| failed("what `kubectl` printed is not JSON"))?;
        let Some(value) = secret["data"][&self.key].as_str() else {
            return Ok(None);
        };
        let value = STANDARD
            .decode(value)
            .map_err(|_| failed("its value is not base64"))?;
        let value = Zeroizing::new(value);
        let text = std::str::from_utf8(&value).map_err(|_| failed("its value is not UTF-8"))?;
        Ok(SecretId::new(text))
    }

    async fn deliver(&self, id: &SecretId) -> Result<()> {
        let value = STANDARD.encode(id.expose());
        let patch = json!({ "data": { &self.key: value } });
        let patch = Zeroizing::new(patch.to_string());
        let arguments = [
            "patch",
            "secret",
            &self.secret,
            "--type=merge",
            "--patch-file=/dev/stdin",
        ];
        let patched = self.kubectl(&arguments, Some(patch.as_bytes())).await;
        patched.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A `kubectl` that keeps one Secret in a file, and its arguments in another.
    const KUBECTL: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$@" >> "$here/arguments"
case "$1 $3" in
  "get app") cat "$here/secret" ;;
  "patch app") cat > "$here/secret" ;;
  *) echo "secrets \"$3\" not found" >&2; exit 1 ;;
esac
"#;

    fn target(folder: &std::path::Path, text: &str) -> KubernetesTarget {
        let kubectl = folder.join("kubectl");
        std::fs::write(&kubectl, KUBECTL).unwrap();
        std::fs::set_permissions(&kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
        KubernetesTarget {
            kubectl: kubectl.display().to_string(),
            ..KubernetesTarget::parse(text).unwrap()
        }
    }

    #[tokio::test]
    async fn a_key_is_patched_by_standard_input_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path(), "team/app#secret-id");
        std::fs::write(folder.path().join("secret"), r#"{"data": {}}"#).unwrap();
        assert_eq!(target.read().await.unwrap(), None);
        let id = SecretId::new("canary").unwrap();
        target.deliver(&id).await.unwrap();
        assert_eq!(target.read().await.unwrap(), Some(id));
        let arguments = std::fs::read_to_string(folder.path().join("arguments")).unwrap();
        assert!(arguments.contains("--namespace team"), "{arguments}");
        for secret in ["canary", &STANDARD.encode("canary")] {
            assert!(!arguments.contains(secret), "{arguments}");
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_not_there_is_told_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path(), "team/none#id");
        let error = target.check().await.unwrap_err().to_string();
        assert!(error.contains("\"none\" not found"), "{error}");
    }

    #[test]
    fn a_key_has_a_namespace_a_name_and_itself() {
        for wrong in ["app#id", "team/app", "team/#id", "--x/app#id", "a/b c#id"] {
            assert!(KubernetesTarget::parse(wrong).is_none(), "{wrong}");
        }
    }
}
