//! `lockkeeper load`: reads what was given, shows the test while it runs, and prints
//! its summary. The test itself is `ops::load`.

mod files;
mod input;
mod login;
mod show;
mod terminal;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use ops::load::headers::Headers;
use ops::load::plan::{Limits, Plan};
use ops::load::report::Report;
use ops::load::run::{self, Options, Run};
use ops::load::screen::Axis;
use ops::load::targets::Target;
use vault_client::{Settings, Trust};

use self::files::Files;
use self::login::Login;
use self::show::Show;
use super::client::{local, lookup};
use super::shutdown_requested;
use crate::arguments::{Load, LoadFormat};
use crate::failure::Failure;
use crate::output;

/// Runs a load test.
pub(super) async fn run(load: Load) -> Result<ExitCode, Failure> {
    let axis = Axis::new(load.min_y, load.max_y).map_err(Failure::local)?;
    let mut options = options(&load)?;
    let login = Login::of(&load)?;
    let names: Vec<String> = options.targets.iter().map(Target::name).collect();
    for expected in &load.expect {
        expected
            .fits(&names)
            .map_err(|problem| Failure::local(format!("-expect: {problem}")))?;
    }
    let files = Files::create(&load)?;
    let session = match login {
        Some(login) => Some(login.begin(&mut options.targets).await?),
        None => None,
    };
    let interrupted = shutdown_requested()?;
    let show = Show::new(axis, load.expect.clone());
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let started = Run::start(options);
    let mut run = started.map_err(|error| Failure::local(format!("cannot start: {error}")))?;
    show::until_end(&mut run, show, interrupted).await;
    if let Some(session) = session {
        session.end().await;
    }
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
    if report.summary.nothing_was_reached() {
        return Err(Failure::server("no server answered any request"));
    }
    if !report.is_as_expected() {
        return Err(Failure::local("an expectation was missed").with_code(3));
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that can be wrong is found before anything is sent.
fn options(load: &Load) -> Result<Options, Failure> {
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
    let (targets, turns) = input::targets(&load.targets, load.base64body)?;
    let tls = run::needs_tls(&targets).then(|| tls(load.insecure));
    let limits = Limits {
        duration: load.duration,
        requests: load.requests,
    };
    Ok(Options {
        targets,
        turns,
        warm_up: load.warmup,
        headers,
        plan: Plan::new(&load.rate, limits),
        workers: load.workers,
        timeout: load.timeout,
        tls: tls.transpose()?,
    })
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
