//! `validate`, `plan`, `apply`, `drift`, `import`, `prune` and `unlock`: what files say about
//! a server. What that means is decided in `ops`.

mod lock;
mod target;

use std::process::ExitCode;

use ops::configuration::{self as of, Applied, Event, PlanOptions, SavedPlan, State};

use self::target::{Target, desired, problems};
use super::client::{connect, format};
use crate::arguments::{
    Apply, Drift, Files, Format, Import, ImportPart, Manage, Plan, Prune, Scope, Unlock, Validate,
};
use crate::failure::Failure;
use crate::output;

/// There are changes.
const CHANGES: u8 = 2;
/// Somebody else has changed something.
const DRIFT: u8 = 3;
/// It stopped on the way.
const STOPPED: u8 = 4;

pub(super) fn validate(arguments: &Validate) -> Result<ExitCode, Failure> {
    let desired = desired(&arguments.files, None)?;
    for warning in &desired.warnings {
        output::tell(&format!("warning: {warning}"));
    }
    let count = desired.count();
    output::say(&format!(
        "Success! {count} object{} and no mistake",
        plural(count)
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn plan(arguments: Plan) -> Result<ExitCode, Failure> {
    let form = format(&arguments.output)?;
    let options = options(&arguments.scope, &arguments.manage);
    let client = connect(arguments.connection)?;
    let target = Target::open(client, &arguments.files, &arguments.manage).await?;
    let plan = target.plan(&options).await?;
    print(&plan, form, false)?;
    refuse(&plan)?;
    if let Some(file) = &arguments.out {
        let saved = target.saved(&plan, &options, &arguments.files);
        target::write_plan(file, &saved)?;
    }
    Ok(ExitCode::from(if plan.is_empty() { 0 } else { CHANGES }))
}

pub(super) async fn apply(mut arguments: Apply) -> Result<ExitCode, Failure> {
    let saved = arguments
        .plan
        .as_deref()
        .map(target::read_plan)
        .transpose()?;
    if let Some(saved) = &saved {
        restore(&mut arguments, saved);
    }
    let mut options = options(&arguments.scope, &arguments.manage);
    let patience = lock::patience(arguments.lock_timeout.as_deref())?;
    let client = connect(arguments.connection)?;
    if let Some(saved) = &saved {
        options.adopt = saved.adopt.clone();
        let checked = saved.check_server(&client);
        checked.map_err(|problem| Failure::local(problem.to_string()))?;
    }
    let target = Target::open(client, &arguments.files, &arguments.manage).await?;
    if arguments.vault_commands {
        let plan = target.plan(&options).await?;
        refuse(&plan)?;
        output::say(&of::vault_commands(&plan))?;
        return Ok(ExitCode::SUCCESS);
    }
    target.change(&options, patience, saved.as_ref()).await
}

/// What was said when the plan was made is said again.
fn restore(arguments: &mut Apply, saved: &SavedPlan) {
    arguments.files.paths = saved.files.iter().map(Into::into).collect();
    arguments.files.server.clone_from(&saved.server);
    arguments.files.owner = Some(saved.owner.clone());
    arguments.files.allow_literal_secrets = saved.allow_literal_secrets;
    arguments.manage.state.clone_from(&saved.state);
    arguments.scope = Scope {
        adopt: Vec::new(),
        prune: saved.prune,
        purge_unmanaged: saved.purge_unmanaged,
        allow_destroy: saved.allow_destroy,
    };
}

fn options(scope: &Scope, manage: &Manage) -> PlanOptions {
    PlanOptions {
        adopt: of::Adoption::of(&scope.adopt),
        prune: scope.prune,
        prune_only: false,
        purge_unmanaged: scope.purge_unmanaged,
        allow_destroy: scope.allow_destroy,
        parallel: manage.parallel.into(),
    }
}

pub(super) async fn drift(arguments: Drift) -> Result<ExitCode, Failure> {
    let form = format(&arguments.output)?;
    let options = PlanOptions {
        // What has no owner is no drift.
        adopt: of::Adoption::All,
        parallel: arguments.manage.parallel.into(),
        ..PlanOptions::default()
    };
    let client = connect(arguments.connection)?;
    let target = Target::open(client, &arguments.files, &arguments.manage).await?;
    let plan = target.plan(&options).await?;
    print(&plan, form, true)?;
    refuse(&plan)?;
    Ok(ExitCode::from(if plan.has_drift() { DRIFT } else { 0 }))
}

pub(super) async fn prune(arguments: Prune) -> Result<ExitCode, Failure> {
    let options = PlanOptions {
        prune: true,
        prune_only: true,
        allow_destroy: arguments.allow_destroy,
        parallel: arguments.manage.parallel.into(),
        ..PlanOptions::default()
    };
    let patience = lock::patience(arguments.lock_timeout.as_deref())?;
    let client = connect(arguments.connection)?;
    let target = Target::open(client, &arguments.files, &arguments.manage).await?;
    target.change(&options, patience, None).await
}

pub(super) async fn import(arguments: Import) -> Result<ExitCode, Failure> {
    let parts: Vec<of::Part> = arguments
        .only
        .iter()
        .map(|part| match part {
            ImportPart::Policies => of::Part::Policies,
            ImportPart::Secrets => of::Part::Secrets,
            ImportPart::Auth => of::Part::Auth,
            ImportPart::Approle => of::Part::Approle,
            ImportPart::Roles => of::Part::Roles,
            ImportPart::Groups => of::Part::Groups,
            ImportPart::Quotas => of::Part::Quotas,
            ImportPart::Passwords => of::Part::Passwords,
        })
        .collect();
    let client = connect(arguments.connection)?;
    let server: std::sync::Arc<dyn of::Server> = std::sync::Arc::new(client.clone());
    let text = of::import(&server, &parts, &arguments.owner).await;
    let text = text.map_err(|problem| Failure::local(problem.to_string()))?;
    let Some(out) = arguments.out else {
        output::say(text.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    };
    target::write_new(&out, &text)?;
    if !arguments.adopt {
        return Ok(ExitCode::SUCCESS);
    }
    let files = Files {
        paths: vec![out],
        server: None,
        owner: None,
        allow_literal_secrets: false,
    };
    let options = PlanOptions {
        adopt: of::Adoption::All,
        parallel: arguments.manage.parallel.into(),
        ..PlanOptions::default()
    };
    let target = Target::open(client, &files, &arguments.manage).await?;
    target
        .change(&options, std::time::Duration::ZERO, None)
        .await
}

pub(super) async fn unlock(arguments: Unlock) -> Result<ExitCode, Failure> {
    let client = connect(arguments.connection)?;
    let state = arguments.manage.state.as_deref();
    let store = target::store(client, state, &arguments.owner).await?;
    let freed = lock::of(store).free().await;
    let freed = freed.map_err(|problem| Failure::local(problem.to_string()))?;
    output::say(&match freed {
        Some(holder) => format!(
            "Success! Freed the lock of `{}` at `{}`",
            holder.who, holder.at
        ),
        None => "Nobody holds the lock".to_owned(),
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Target {
    /// Plans, shows the plan and carries it out.
    async fn change(
        self,
        options: &PlanOptions,
        patience: std::time::Duration,
        saved: Option<&SavedPlan>,
    ) -> Result<ExitCode, Failure> {
        let failed = |problem: of::Problem| Failure::local(problem.to_string());
        let lock = lock::of(std::sync::Arc::clone(&self.store));
        let interrupted = super::shutdown_requested()?;
        let held = lock.take(&lock::holder(), patience).await.map_err(failed)?;
        let outcome = tokio::select! {
            outcome = self.change_locked(options, saved, &held) => outcome,
            () = interrupted => {
                let text = "interrupted on the way: the same command continues";
                Err(Failure::local(text).with_code(STOPPED))
            }
        };
        if let Err(problem) = lock.give_back(held).await {
            output::tell(&format!("warning: the lock was not given back: {problem}"));
        }
        outcome
    }

    async fn change_locked(
        &self,
        options: &PlanOptions,
        saved: Option<&SavedPlan>,
        held: &of::Held,
    ) -> Result<ExitCode, Failure> {
        let plan = match saved {
            Some(saved) => self.plan_from(options, || Ok(saved.new_state())).await?,
            None => self.plan(options).await?,
        };
        print(&plan, Format::Table, false)?;
        refuse(&plan)?;
        if let Some(saved) = saved {
            saved
                .check(&plan)
                .map_err(|problem| Failure::local(problem.to_string()))?;
        }
        let is_empty = plan.is_empty();
        let applied = of::apply(
            &self.server,
            &self.store,
            held,
            plan,
            options.parallel,
            &mut tell,
        )
        .await
        .map_err(|problem| Failure::local(problem.to_string()))?;
        finish(&applied, is_empty)
    }

    async fn plan(&self, options: &PlanOptions) -> Result<of::Plan, Failure> {
        self.plan_from(options, || {
            State::new(&self.owner).map_err(of::Problem::from_text)
        })
        .await
    }
}

fn print(plan: &of::Plan, form: Format, drift_only: bool) -> Result<(), Failure> {
    match output::structured(&of::json(plan, drift_only), form)? {
        Some(text) => output::say(&text)?,
        None => output::say(&of::text(plan, drift_only))?,
    }
    for note in plan.notes.iter().filter(|_| !drift_only) {
        output::tell(&format!("note: {note}"));
    }
    Ok(())
}

/// A plan with problems is shown, and not carried out.
fn refuse(plan: &of::Plan) -> Result<(), Failure> {
    if plan.problems.is_empty() {
        return Ok(());
    }
    Err(problems(&plan.problems))
}

#[expect(clippy::needless_pass_by_value, reason = "as `apply` hands it over")]
fn tell(event: Event<'_>) {
    match event {
        Event::Done(change) => {
            let done = match change.action {
                of::Action::Create => "created",
                of::Action::Delete => "deleted",
                _ => "changed",
            };
            output::tell(&format!("{done} {}", change.path));
        }
        Event::ThereAlready(change) => {
            output::tell(&format!("{} was there already: left as it is", change.path));
        }
        Event::Failed(change, reason) => output::tell(&format!("failed {}: {reason}", change.path)),
    }
}

fn finish(applied: &Applied, was_empty: bool) -> Result<ExitCode, Failure> {
    for path in &applied.left {
        output::tell(&format!(
            "{path} cannot be deleted on this server: it is left as it is"
        ));
    }
    for (path, cause) in &applied.skipped {
        output::tell(&format!("not begun {path}: it depends on {cause}"));
    }
    if applied.failed.is_empty() && applied.skipped.is_empty() {
        if !was_empty {
            output::say(&format!(
                "Done: {} change{}.",
                applied.done,
                plural(applied.done)
            ))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let text = format!(
        "stopped on the way: {} done, {} failed, {} not begun; after the cause is removed, the same \
         command continues",
        applied.done,
        applied.failed.len(),
        applied.skipped.len()
    );
    Err(Failure::local(text).with_code(STOPPED))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
