//! `cargo xtask codegen`: Rust code from the protobuf definitions of
//! `vault-plugin`.
//!
//! The code is committed, so a normal build does not need this. The compiler is
//! written in Rust: no `protoc` is needed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The definitions, and where the generated code goes.
const DEFINITIONS: &str = "crates/vault-plugin/proto";
const GENERATED: &str = "crates/vault-plugin/src/pb";

/// Messages whose fields hold secrets or tokens. They get no `Debug` that
/// would show them; `pb/mod.rs` gives them one that does not.
const OPAQUE: &[&str] = &[
    ".pb.Auth",
    ".pb.Secret",
    ".pb.Request",
    ".pb.Response",
    ".pb.ResponseWrapInfo",
    ".pb.StorageEntry",
    ".pb.ResponseWrapDataArgs",
    ".pb.GeneratePasswordFromPolicyReply",
    ".pb.GenerateIdentityTokenResponse",
];

/// Writes the code, or with `check` only compares it with what is committed.
///
/// # Errors
/// When a definition does not compile, a file cannot be written, or, with
/// `check`, the committed code differs from what the definitions give.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the root of the workspace")?;
    let fresh = generate(&root.join(DEFINITIONS))?;
    let target = root.join(GENERATED);
    for (name, code) in &fresh {
        let path = target.join(name);
        if !check {
            fs::write(&path, code).with_context(|| format!("cannot write `{}`", path.display()))?;
        } else if fs::read_to_string(&path).ok().as_ref() != Some(code) {
            bail!(
                "`{}` is not what the definitions give: run `cargo xtask codegen`",
                path.display()
            );
        }
    }
    Ok(())
}

/// Generated files by name.
fn generate(definitions: &Path) -> Result<BTreeMap<OsString, String>> {
    let mut files: Vec<_> = fs::read_dir(definitions)
        .with_context(|| format!("cannot read `{}`", definitions.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "proto"));
    files.sort();
    let descriptors = protox::compile(&files, [definitions])?;

    let scratch = std::env::temp_dir().join(format!("codegen-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let generated = tonic_prost_build::configure()
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .btree_map(".")
        .skip_debug(OPAQUE)
        .out_dir(&scratch)
        .compile_fds(descriptors)
        .context("cannot make code of the definitions")
        .and_then(|()| collect(&scratch));
    fs::remove_dir_all(&scratch)?;
    generated
}

fn collect(folder: &Path) -> Result<BTreeMap<OsString, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.insert(entry.file_name(), fs::read_to_string(entry.path())?);
    }
    Ok(files)
}
