//! Libraries that read configuration, and speak to servers, as users' programs do:
//! downloaded once by pip and npm, pinned by hash, kept under `target/test-tools/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::output;

/// The libraries of one language.
pub(crate) struct Readers {
    /// What the tests find them by.
    pub(crate) variable: &'static str,
    /// The folder, which is named after its pins.
    folder: &'static str,
    language: &'static str,
    /// Fills a folder from a scratch folder.
    install: fn(&Path) -> Result<PathBuf>,
}

/// All of them.
pub(crate) const ALL: [Readers; 5] = [
    Readers {
        variable: "LOCKKEEPER_PYTHON_READERS",
        folder: "python-dotenv-1.2.4-pyyaml-6.0.3",
        language: "Python",
        install: |scratch| with_pip(REQUIREMENTS, scratch),
    },
    Readers {
        variable: "LOCKKEEPER_HVAC",
        folder: "hvac-2.4.0",
        language: "Python",
        install: |scratch| with_pip(HVAC, scratch),
    },
    Readers {
        variable: "LOCKKEEPER_HVAC_TESTS",
        folder: "hvac-2.4.0-with-tests",
        language: "Python",
        install: with_hvac_tests,
    },
    Readers {
        variable: "LOCKKEEPER_NODE_READERS",
        folder: "node-dotenv-18.0.10-yaml-2.9.1",
        language: "Node.js",
        install: |scratch| with_npm(PACKAGE, PACKAGE_LOCK, scratch),
    },
    Readers {
        variable: "LOCKKEEPER_NODE_VAULT",
        folder: "node-vault-0.12.0",
        language: "Node.js",
        install: |scratch| with_npm(NODE_VAULT, NODE_VAULT_LOCK, scratch),
    },
];

/// With a hash of `PyYAML` for each version of Python, on Linux on `x86_64`.
const REQUIREMENTS: &str = "\
python-dotenv==1.2.4 --hash=sha256:42269a8a5b3fd54ffa6f3d84b18abed50064717576b4ecf03dc4a55d8aa04fdc
PyYAML==6.0.3 \
--hash=sha256:9c7708761fccb9397fe64bbc0395abcae8c4bf7b0eac081e12b809bf47700d0b \
--hash=sha256:b8bb0864c5a28024fac8a632c443c87c5aa6f215c0b126c449ae1a150412f31d \
--hash=sha256:ba1cc08a7ccde2d2ec775841641541e4548226580ab850948cbfda66a1befcdc \
--hash=sha256:0f29edc409a6392443abf94b9cf89ce99889a1dd5376d94316ae5145dfedd5d6 \
--hash=sha256:c458b6d084f9b935061bc36216e8a69a7e293a2f1e68bf956dcd9e6cbcd143f5
";

/// Python's client of Vault, and what it needs. charset-normalizer without the
/// parts in C, which would be another file for each version of Python.
const HVAC: &str = "\
hvac==2.4.0 --hash=sha256:008db5efd8c2f77bd37d2368ea5f713edceae1c65f11fd608393179478649e0f
requests==2.34.2 --hash=sha256:2a0d60c172f83ac6ab31e4554906c0f3b3588d37b5cb939b1c061f4907e278e0
urllib3==2.8.0 --hash=sha256:0cf3cae568d36aa9576b28dfb35f11328f1cb974ca7647d9475ebb86c75ac6e3
idna==3.20 --hash=sha256:ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c
certifi==2026.10.19.post1 \
--hash=sha256:1324c476b4811eff41a8bc2122cd0bbd4d9c7234c725446d99ab1612b3a7fdd2
charset-normalizer==3.5.3 \
--hash=sha256:96e268b0cbda016ac519513294fcd17032264085b600abaac58b93049477e132
";

/// What the tests of hvac need beside it.
const HVAC_TESTS: &str = "\
parameterized==0.9.0 --hash=sha256:4e0758e3d41bea3bbd05ec14fc2c24736723f243b28d702081aef438c9372b1b
pyhcl==0.4.5 --hash=sha256:30ee337d330d1f90c9f5ed8f49c468f66c8e6e43192bdc7c6ece1420beb3070c
packaging==26.4 --hash=sha256:81383611a09c1bc0b08b76e0fd5829d7c6824c65b27a6aee339da133f4233ea2
";

/// The source of hvac, which has its tests.
const HVAC_SOURCES: &str = "\
hvac==2.4.0 --hash=sha256:e0056ad9064e7923e874e6769015b032580b639e29246f5ab1044f7959c1c7e0
";

/// The client of Vault for Node.js, and what it needs.
const NODE_VAULT: &str = include_str!("../../tests/acceptance/readers/node-vault/package.json");
const NODE_VAULT_LOCK: &str =
    include_str!("../../tests/acceptance/readers/node-vault/package-lock.json");

const PACKAGE: &str =
    r#"{"private": true, "dependencies": {"dotenv": "18.0.10", "yaml": "2.9.1"}}"#;

const PACKAGE_LOCK: &str = r#"{
  "lockfileVersion": 3,
  "packages": {
    "": {"dependencies": {"dotenv": "18.0.10", "yaml": "2.9.1"}},
    "node_modules/dotenv": {
      "version": "18.0.10",
      "integrity": "sha512-89FAA1xchzK2mxVWdr5F/0rldwiueXs6zJM86rO66EzekR1iBdiXRthyG+m5GvkJaFH3C2LESzamTkgndmLT2A=="
    },
    "node_modules/yaml": {
      "version": "2.9.1",
      "integrity": "sha512-3NxN8+78OdzbT7C/WjGsyfPAtJaN3FNDsWxv7Y7mcDsT/oOmgW8BpyQQFFBnvZE3j9Y2Sdz1ULFLezL7Eb2yFw=="
    }
  }
}"#;

impl Readers {
    /// The folder of the libraries, installed under `target` if missing; with
    /// `offline` nothing is downloaded.
    ///
    /// It gets its final name only when all is in it, so an interrupted
    /// installation leaves nothing that a later run would trust.
    pub(crate) fn find(&self, target: &Path, offline: bool) -> Result<PathBuf> {
        let tools = target.join("test-tools");
        let folder = tools.join(self.folder);
        if folder.is_dir() {
            return Ok(folder);
        }
        let what = format!("libraries for {}: {}", self.language, self.folder);
        if offline {
            bail!("with --offline nothing is fetched, and there are no {what}");
        }
        println!("installing {what} for the tests");
        let scratch = tools.join(format!("unpacking-{}", std::process::id()));
        fs::create_dir_all(&scratch)
            .with_context(|| format!("cannot create `{}`", scratch.display()))?;
        let installed =
            (self.install)(&scratch).and_then(|filled| Ok(fs::rename(filled, &folder)?));
        fs::remove_dir_all(&scratch).ok();
        installed.with_context(|| format!("cannot install {what}"))?;
        Ok(folder)
    }
}

fn with_pip(pins: &str, scratch: &Path) -> Result<PathBuf> {
    let requirements = scratch.join("requirements.txt");
    fs::write(&requirements, pins)?;
    let filled = scratch.join("python");
    output(
        Command::new("python3")
            .args(["-m", "pip", "-qq", "install", "--no-deps"])
            .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
            .arg(&requirements)
            .arg("--target")
            .arg(&filled),
    )
    .context("`pip install` did not succeed; it needs python3 with pip, and a package index")?;
    Ok(filled)
}

/// hvac beside its own tests, which its source has below `hvac-2.4.0/tests`.
fn with_hvac_tests(scratch: &Path) -> Result<PathBuf> {
    let filled = with_pip(&format!("{HVAC}{HVAC_TESTS}"), scratch)?;
    let requirements = scratch.join("sources.txt");
    fs::write(&requirements, HVAC_SOURCES)?;
    let sources = scratch.join("sources");
    output(
        Command::new("python3")
            .args(["-m", "pip", "-qq", "download", "--no-deps"])
            .args(["--no-binary=:all:", "--require-hashes", "--requirement"])
            .arg(&requirements)
            .arg("--dest")
            .arg(&sources),
    )
    .context("`pip download` did not succeed; it needs python3 with pip, and a package index")?;
    output(
        Command::new("python3")
            .args(["-m", "tarfile", "-e"])
            .arg(sources.join("hvac-2.4.0.tar.gz"))
            .arg(&filled),
    )?;
    Ok(filled)
}

fn with_npm(package: &str, lock: &str, scratch: &Path) -> Result<PathBuf> {
    fs::write(scratch.join("package.json"), package)?;
    fs::write(scratch.join("package-lock.json"), lock)?;
    output(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(scratch),
    )
    .context("`npm ci` did not succeed; it needs Node.js with npm, and a package registry")?;
    Ok(scratch.join("node_modules"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_are_named_after_the_pins() {
        let [python, hvac, with_tests, node, node_vault] = ALL.map(|readers| readers.folder);
        assert!(with_tests.starts_with(hvac) && HVAC_SOURCES.contains("hvac==2.4.0 "));
        assert!(HVAC.starts_with(&format!("{} ", hvac.replacen('-', "==", 1))));
        for (name, version) in [("python-dotenv", "1.2.4"), ("PyYAML", "6.0.3")] {
            assert!(REQUIREMENTS.contains(&format!("{name}=={version} ")));
            assert!(python.contains(&format!("{}-{version}", name.to_lowercase())));
        }
        for (name, version) in [("dotenv", "18.0.10"), ("yaml", "2.9.1")] {
            assert!(PACKAGE.contains(&format!("\"{name}\": \"{version}\"")));
            assert!(node.contains(&format!("{name}-{version}")));
        }
        assert_eq!(PACKAGE_LOCK.matches("sha512-").count(), 2);
        let version = node_vault.strip_prefix("node-vault-").unwrap();
        assert!(NODE_VAULT.contains(&format!("\"node-vault\": \"{version}\"")));
        let packages = NODE_VAULT_LOCK.matches("\"node_modules/").count();
        assert_eq!(NODE_VAULT_LOCK.matches("sha512-").count(), packages);
    }

    #[test]
    fn offline_nothing_is_fetched() {
        let error = ALL[0].find(Path::new("/nowhere"), true).unwrap_err();
        assert!(error.to_string().contains("--offline"), "{error}");
    }
}
