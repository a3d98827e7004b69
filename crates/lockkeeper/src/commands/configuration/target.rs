//! A server, the files for it, and the record of their owner.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use ops::configuration::{
    self as of, Desired, Location, PlanOptions, Problem, SavedPlan, Server, State, Store,
    Surroundings,
};
use vault_client::Client;

use super::super::client::lookup;
use crate::arguments::{Files, Manage};
use crate::failure::Failure;

/// What a command works on.
pub(super) struct Target {
    pub(super) server: Arc<dyn Server>,
    pub(super) store: Arc<Store>,
    pub(super) owner: String,
    state: Option<String>,
    desired: Desired,
}

impl Target {
    pub(super) async fn open(
        client: Client,
        files: &Files,
        manage: &Manage,
    ) -> Result<Self, Failure> {
        let state = manage.state.as_deref();
        let address = client.whereabouts().address;
        let desired = desired(files, Some(&address))?;
        for warning in &desired.warnings {
            crate::output::tell(&format!("warning: {warning}"));
        }
        let Some(owner) = desired.owner.clone() else {
            return Err(Failure::local(
                "the files have no `owner`: name who manages the objects with -owner=NAME",
            ));
        };
        let store = store(client.clone(), state, &owner).await?;
        Ok(Self {
            server: Arc::new(client),
            store,
            owner,
            state: state.map(str::to_owned),
            desired,
        })
    }

    pub(super) async fn plan_from(
        &self,
        options: &PlanOptions,
        new_state: impl FnOnce() -> Result<State, Problem>,
    ) -> Result<of::Plan, Failure> {
        let made = of::make(&self.server, &self.store, &self.desired, options, new_state).await;
        made.map_err(|found| problems(&found))
    }

    pub(super) fn saved(&self, plan: &of::Plan, options: &PlanOptions, files: &Files) -> SavedPlan {
        let paths = files.paths.iter();
        let paths = paths.map(|path| path.to_string_lossy().into_owned());
        let mut saved = SavedPlan::new(plan, options, self.server.as_ref(), paths.collect());
        saved.server.clone_from(&files.server);
        saved.state.clone_from(&self.state);
        saved.allow_literal_secrets = files.allow_literal_secrets;
        saved
    }
}

/// The record of an owner.
pub(super) async fn store(
    client: Client,
    state: Option<&str>,
    owner: &str,
) -> Result<Arc<Store>, Failure> {
    let location = match state {
        Some(text) => {
            Location::parse(text).map_err(|error| Failure::local(format!("-state: {error}")))?
        }
        None => Location::default_of(owner),
    };
    let server: Arc<dyn Server> = Arc::new(client);
    let store = Store::open(&server, &location, owner).await;
    let store = store.map_err(|problem| Failure::local(problem.to_string()))?;
    Ok(Arc::new(store))
}

/// What the files say.
///
/// # Errors
/// Everything that is wrong in them.
pub(super) fn desired(files: &Files, address: Option<&str>) -> Result<Desired, Failure> {
    if files.paths.is_empty() {
        return Err(Failure::local("name a file or a folder with -f PATH"));
    }
    let standard_input = || {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    };
    let sources = of::read(&files.paths, standard_input).map_err(|found| problems(&found))?;
    let surroundings = Surroundings {
        environment: &lookup,
        address,
        server: files.server.as_deref(),
        owner: files.owner.as_deref(),
        allow_literal_secrets: files.allow_literal_secrets,
    };
    of::interpret(&sources, &surroundings).map_err(|found| problems(&found))
}

pub(super) fn problems(found: &[Problem]) -> Failure {
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    Failure::local(lines.join("\n"))
}

pub(super) fn write_plan(path: &Path, plan: &SavedPlan) -> Result<(), Failure> {
    let failed =
        |reason: String| Failure::local(format!("cannot write `{}`: {reason}", path.display()));
    if plan.files.iter().any(|file| file == "-") {
        return Err(failed(
            "a plan of standard input cannot be applied later".to_owned(),
        ));
    }
    let text = serde_json::to_string_pretty(plan).map_err(|error| failed(error.to_string()))?;
    of::write_private(path, &text).map_err(|error| failed(error.to_string()))
}

/// Writes a file that is not there yet: what people have written stays.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::local(format!("cannot write `{}`: {error}", path.display())))
}

pub(super) fn read_plan(path: &Path) -> Result<SavedPlan, Failure> {
    let failed = |reason: String| Failure::local(format!("`{}`: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    SavedPlan::parse(&text).map_err(|problem| failed(problem.to_string()))
}
