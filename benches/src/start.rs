//! The time from the start of a plugin to its handshake.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::statistics::Figures;

/// The magic cookie that Vault and OpenBao set for plugins.
const COOKIE: (&str, &str) = (
    "VAULT_BACKEND_PLUGIN",
    "6669da05-b1c8-4f49-97d9-c8e5bed98e20",
);
const STARTS: usize = 51;

/// The median of several starts.
pub(crate) fn milliseconds(program: &Path) -> Result<f64> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512)?;
    let params = rcgen::CertificateParams::new(["localhost".to_owned()])?;
    let certificate = params.self_signed(&key)?.pem();
    let folder = tempfile::tempdir()?;
    let mut figures = Figures::default();
    for _ in 0..STARTS {
        let begin = Instant::now();
        let mut child = Command::new(program)
            .env_clear()
            .env("TMPDIR", folder.path())
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5")
            .env("PLUGIN_CLIENT_CERT", &certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("a pipe that was asked for")?;
        BufReader::new(stdout).read_line(&mut line)?;
        figures.add(begin.elapsed().as_secs_f64() * 1e3);
        child.kill()?;
        child.wait()?;
        ensure!(line.starts_with("1|5|unix|"), "no handshake: {line:?}");
    }
    Ok(figures.median())
}
