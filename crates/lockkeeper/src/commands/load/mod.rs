//! `lockkeeper load`: reads what was given, shows the test while it runs, and prints
//! its summary. The test itself is `ops::load`.

mod files;
mod input;
mod login;
mod show;
mod terminal;
mod workload;

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use ops::load::headers::Headers;
use ops::load::plan::{Limits, Plan};
use ops::load::report::Report;
use ops::load::run::{self, Options, Protocol, Run};
use ops::load::screen::Axis;
use ops::load::targets::{Target, Turns};
use ops::load::workload::LOGIN;
use vault_client::{Settings, Trust};

use self::files::Files;
use self::login::Login;
use self::show::Show;
use self::workload::Planned;
use super::client::{local, lookup};
use super::shutdown_requested;
use crate::arguments::{Load, LoadFormat};
use crate::failure::Failure;
use crate::output;

/// Runs a load test.
pub(super) async fn run(load: Load) -> Result<ExitCode, Failure> {
    if let Some(which) = &load.remove_leftovers {
        return workload::remove_leftovers(&load, which).await;
    }
    let prepared = Prepared::new(&load)?;
    let Some(planned) = Planned::of(&load)? else {
        let (mut targets, turns) = input::targets(&load.targets, load.base64body)?;
        let login = Login::of(&load)?;
        prepared.check_names(&names(&targets))?;
        let files = Files::create(&load)?;
        let interrupted = shutdown_requested()?;
        let session = match login {
            Some(login) => Some(login.begin(&mut targets).await?),
            None => None,
        };
        let outcome = prepared.run(files, targets, turns, interrupted).await;
        if let Some(session) = session {
            session.end().await;
        }
        return outcome.and_then(finish);
    };
    prepared.check_names(&planned.target_names())?;
    planned.check().await?;
    let files = Files::create(&load)?;
    // From here on a signal ends the test, and not the program: what was made is to
    // be removed.
    let interrupted = shutdown_requested()?;
    let outcome = prepared
        .run_on_own_mounts(files, &planned, interrupted)
        .await;
    let removed = planned.remove().await;
    match (outcome.and_then(finish), removed) {
        (Err(failure), Err(not_removed)) => {
            output::tell(&format!("lockkeeper load: {not_removed}"));
            Err(failure)
        }
        (code, removed) => removed.and(code),
    }
}

fn names(targets: &[Target]) -> Vec<String> {
    targets.iter().map(Target::name).collect()
}

/// What the result means for the caller.
#[expect(clippy::needless_pass_by_value, reason = "as `and_then` hands it over")]
fn finish(report: Report) -> Result<ExitCode, Failure> {
    if report.summary.nothing_was_reached() {
        return Err(Failure::server("no server answered any request"));
    }
    if !report.is_as_expected() {
        return Err(Failure::local("an expectation was missed").with_code(3));
    }
    Ok(ExitCode::SUCCESS)
}

/// The flags of a test, checked before anything is sent.
struct Prepared<'l> {
    load: &'l Load,
    axis: Axis,
    headers: Headers,
}

impl<'l> Prepared<'l> {
    fn new(load: &'l Load) -> Result<Self, Failure> {
        let axis = Axis::new(load.min_y, load.max_y).map_err(Failure::local)?;
        if load.timeout.is_zero() {
            return Err(Failure::local(
                "-timeout is 0: no request could be answered",
            ));
        }
        let mut headers = Headers::default();
        for header in &load.headers {
            headers
                .add(header)
                .map_err(|problem| Failure::local(format!("-H: {problem}")))?;
        }
        let has_token = headers.map.contains_key("X-Vault-Token");
        if has_token && (load.login.is_some() || load.workload.is_some()) {
            return Err(Failure::local(
                "-H: -login and -workload send a token of their own: take `X-Vault-Token` away",
            ));
        }
        Ok(Self {
            load,
            axis,
            headers,
        })
    }

    fn check_names(&self, names: &[String]) -> Result<(), Failure> {
        for expected in &self.load.expect {
            expected
                .fits(names)
                .map_err(|problem| Failure::local(format!("-expect: {problem}")))?;
        }
        Ok(())
    }

    /// Makes the mounts and loads them. They are the caller's to remove.
    async fn run_on_own_mounts(
        mut self,
        files: Files,
        planned: &Planned,
        interrupted: impl Future<Output = ()>,
    ) -> Result<Report, Failure> {
        planned.add_namespace(&mut self.headers)?;
        let mut made = planned.set_up().await?;
        let with_token = made
            .targets
            .iter_mut()
            .filter(|target| target.name.as_deref() != Some(LOGIN));
        let session = made.login.begin(with_token).await?;
        let outcome = self.run(files, made.targets, made.turns, interrupted).await;
        session.end().await;
        outcome
    }

    /// Runs the test, shows it, and prints its result.
    async fn run(
        self,
        files: Files,
        targets: Vec<Target>,
        turns: Turns,
        interrupted: impl Future<Output = ()>,
    ) -> Result<Report, Failure> {
        let load = self.load;
        let tls = run::needs_tls(&targets).then(|| tls(load.insecure));
        let limits = Limits {
            duration: load.duration,
            requests: load.requests,
        };
        let options = Options {
            targets,
            turns,
            warm_up: load.warmup,
            headers: self.headers,
            plan: Plan::new(&load.rate, limits),
            workers: load.workers,
            timeout: load.timeout,
            tls: tls.transpose()?,
            protocol: if load.http2 {
                Protocol::Http2
            } else {
                Protocol::Http1
            },
        };
        let show = Show::new(self.axis, load.expect.clone());
        let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let started = Run::start(options);
        let mut run = started.map_err(|error| Failure::local(format!("cannot start: {error}")))?;
        show::until_end(&mut run, show, interrupted).await;
        let progress = run.progress();
        let report = run.with_record(|record| {
            let report = Report::new(record, &progress, &load.expect);
            let written = files.write(&report, record, began.unwrap_or_default(), progress.now);
            written.map(|()| report)
        })?;
        match load.format {
            LoadFormat::Text => output::say(&report.to_string())?,
            LoadFormat::Json => output::say(&files::json(&report)?)?,
        }
        Ok(report)
    }
}

/// As the environment says, as for all other commands.
fn tls(insecure: bool) -> Result<Arc<vault_client::TlsConfig>, Failure> {
    let mut settings = Settings::from_environment(lookup).map_err(local)?;
    if insecure {
        settings.trust = Trust::SkipVerification;
    }
    if settings.trust == Trust::SkipVerification {
        output::tell("lockkeeper load: certificates of servers are not verified");
    }
    vault_client::tls_config(&settings)
        .map(Arc::new)
        .map_err(local)
}
