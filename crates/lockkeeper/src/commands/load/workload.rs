//! `-workload`: a load on mounts of its own, which are removed whatever ends the
//! test.

use std::hash::{BuildHasher as _, RandomState};
use std::process::ExitCode;

use ops::load::headers::Headers;
use ops::load::targets::{Target, Turns};
use ops::load::workload::{self, Credentials, Error, RunId, Workload};
use serde::Deserialize;
use vault_client::{Client, Object, Settings, Trust};
use zeroize::Zeroizing;

use super::login::Login;
use crate::arguments::{Load, LoadLeftovers};
use crate::commands::client::{local, lookup};
use crate::commands::engines::ENGINE;
use crate::failure::Failure;
use crate::output;

/// The file of `-creds`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredsFile {
    /// The type of the engine.
    #[serde(default = "engine")]
    engine: String,
    config: Object,
    role: Object,
}

fn engine() -> String {
    ENGINE.to_owned()
}

/// A run that is to be set up.
pub(super) struct Planned {
    client: Client,
    workload: Workload,
    credentials: Option<Credentials>,
    run: RunId,
}

/// A run whose mounts are there.
pub(super) struct Made {
    pub(super) targets: Vec<Target>,
    pub(super) turns: Turns,
    pub(super) login: Login,
}

impl Planned {
    /// As the flags say, if they want a workload.
    ///
    /// # Errors
    /// When something is missing, or the file cannot be read.
    pub(super) fn of(load: &Load) -> Result<Option<Self>, Failure> {
        let Some(workload) = &load.workload else {
            return Ok(None);
        };
        let credentials = load.creds.as_deref().map(credentials).transpose()?;
        if workload.has_creds() && credentials.is_none() {
            return Err(Failure::local(
                "-workload: `creds` needs -creds=@FILE, with `config` and `role` of the engine",
            ));
        }
        Ok(Some(Self {
            client: client(load)?,
            workload: workload.clone(),
            credentials,
            run: RunId::new(random()),
        }))
    }

    /// What its targets are called in results.
    pub(super) fn target_names(&self) -> Vec<String> {
        self.workload.target_names()
    }

    /// Asks the server whether it has all that is needed.
    ///
    /// # Errors
    /// When it has not.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let checked = self.workload.check(&self.client, self.credentials.as_ref());
        checked.await.map_err(failure)
    }

    /// Makes the mounts. They are to be removed also after an error.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub(super) async fn set_up(&self) -> Result<Made, Failure> {
        output::tell(&format!(
            "lockkeeper load: run {0}, on mounts of its own that are removed at the end; should \
             it be killed, remove them with `lockkeeper load -remove-leftovers={0}`",
            self.run
        ));
        let set_up = self
            .workload
            .set_up(&self.client, &self.run, self.credentials.as_ref());
        let ready = set_up.await.map_err(failure)?;
        let login = Login::at(
            &self.client,
            ready.login_path,
            ready.login.role_id,
            ready.login.secret_id,
        );
        Ok(Made {
            targets: ready.targets,
            turns: ready.turns,
            login,
        })
    }

    /// Removes the mounts.
    ///
    /// # Errors
    /// What could not be removed.
    pub(super) async fn remove(self) -> Result<(), Failure> {
        remove(&self.client, &self.run).await
    }

    /// The namespace in which the requests are to be answered.
    pub(super) fn add_namespace(&self, headers: &mut Headers) -> Result<(), Failure> {
        let namespace = self.client.settings().namespace.as_ref();
        namespace.map_or(Ok(()), |namespace| {
            let header = format!("X-Vault-Namespace: {namespace}");
            headers.add(&header).map_err(Failure::local)
        })
    }
}

/// Removes what runs have left.
pub(super) async fn remove_leftovers(
    load: &Load,
    which: &LoadLeftovers,
) -> Result<ExitCode, Failure> {
    let client = client(load)?;
    let leftovers = workload::leftovers(&client).await.map_err(failure)?;
    let mut runs: Vec<RunId> = leftovers.into_iter().map(|leftover| leftover.run).collect();
    runs.dedup();
    if let LoadLeftovers::Of(wanted) = which {
        runs.retain(|run| run == wanted);
    }
    for run in &runs {
        remove(&client, run).await?;
        output::tell(&format!("removed the mounts of run {run}"));
    }
    let count = runs.len();
    output::say(&format!(
        "Success! Removed what {count} run{} had left",
        if count == 1 { "" } else { "s" }
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn remove(client: &Client, run: &RunId) -> Result<(), Failure> {
    let again = format!("remove the rest with `lockkeeper load -remove-leftovers={run}`");
    let removed = workload::remove(client, run).await;
    let failed = removed.map_err(|error| failure(error).with_context(&again, ""))?;
    let reasons: Vec<String> = failed
        .into_iter()
        .map(|(_, error)| failure(error).to_string())
        .collect();
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Failure::server(format!("{}; {again}", reasons.join("; "))))
}

fn client(load: &Load) -> Result<Client, Failure> {
    let mut settings = Settings::from_environment(lookup).map_err(local)?;
    if load.insecure {
        settings.trust = Trust::SkipVerification;
    }
    Ok(Client::new(settings).map_err(local)?.without_wrapping())
}

fn credentials(given: &str) -> Result<Credentials, Failure> {
    let file = given
        .strip_prefix('@')
        .ok_or_else(|| Failure::local("-creds: write `@FILE`: the file holds a secret"))?;
    let text = std::fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|error| Failure::local(format!("-creds: `{file}`: {error}")))?;
    // The text of a member that is wrong may be a secret.
    let read: CredsFile = serde_json::from_str(&text).map_err(|error| {
        Failure::local(format!(
            "-creds: `{file}`, line {}: expected an object with `config` and `role`, both \
             objects, and `engine`, if it has another name",
            error.line()
        ))
    })?;
    Ok(Credentials {
        engine: read.engine,
        config: read.config,
        role: read.role,
    })
}

/// Tells runs apart. Nothing secret depends on it.
fn random() -> u32 {
    let hash = RandomState::new().hash_one(std::process::id());
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Request { doing, source } => Failure::asking(doing, &source),
        Error::Unavailable(_) | Error::Answer { .. } => Failure::server(error.to_string()),
    }
}
