//! `simulator`: a simulated Confluent Cloud that runs until it is interrupted.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use confluent_cloud::ids::{EnvironmentId, OrganizationId};
use confluent_simulator::{
    AdminKey, LimitBy, Options, RateLimits, Simulator, WorldFile, parse_admin_key, parse_clock,
    parse_propagation, parse_world,
};
use tokio::net::TcpListener;

use super::shutdown_requested;
use crate::arguments;
use crate::failure::Failure;
use crate::listen::{Reach, listen};
use crate::output;

pub(super) async fn run(arguments: arguments::Simulator) -> Result<ExitCode, Failure> {
    let options = options(&arguments)?;
    let simulator = start(&options)?;
    let reach = if arguments.allow_remote {
        Reach::Remote
    } else {
        Reach::LoopbackUnlessAllowed
    };
    let listener = listen(arguments.listen, reach, "-listen").await?;
    let address = address_of(&listener)?;
    let shutdown_requested = shutdown_requested()?;
    let admin = simulator.admin_key();
    let mut text = format!(
        "A simulated Confluent Cloud listens at http://{address}\n\
         Its state: http://{address}/simulator/state\n"
    );
    if options.admin_key.is_none() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "Cloud API key:     {}\nSecret:            {}",
            admin.id,
            admin.secret.expose()
        );
    }
    text.push_str("Stop it with Ctrl-C.");
    output::say(&text)?;
    simulator
        .serve(listener, shutdown_requested)
        .await
        .map_err(|error| Failure::local(format!("the simulator stopped: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// A simulator with these options.
pub(super) fn start(options: &Options) -> Result<Simulator, Failure> {
    Simulator::new(options)
        .map_err(|error| Failure::local(format!("the simulator does not start: {error}")))
}

/// The admin key of the command line.
pub(super) fn admin_key(given: Option<&str>) -> Result<Option<AdminKey>, Failure> {
    given
        .map(parse_admin_key)
        .transpose()
        .map_err(|error| Failure::local(error.to_string()))
}

pub(super) fn address_of(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::local(format!("a listener has no address: {error}")))
}

/// The world in a file.
fn world(file: &Path) -> Result<WorldFile, Failure> {
    let named = |problem: &dyn std::fmt::Display| {
        Failure::local(format!("-world `{}`: {problem}", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
    parse_world(&text).map_err(|error| named(&error))
}

fn options(arguments: &arguments::Simulator) -> Result<Options, Failure> {
    for (flag, given) in [
        ("-organization", arguments.organization.is_some()),
        ("-environments", !arguments.environments.is_empty()),
    ] {
        if given && arguments.world.is_some() {
            return Err(Failure::local(format!(
                "{flag}: the file of -world says what there is: leave {flag} out, and name it there"
            )));
        }
    }
    let organization = arguments
        .organization
        .as_deref()
        .map(OrganizationId::new)
        .transpose()
        .map_err(|error| Failure::local(format!("-organization: {error}")))?;
    let environments = arguments
        .environments
        .iter()
        .map(EnvironmentId::new)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::local(format!("-environments: {error}")))?;
    Ok(Options {
        admin_key: admin_key(arguments.admin_key.as_deref())?,
        seed: arguments.seed,
        propagation: parse_propagation(&arguments.propagation)
            .map_err(|error| Failure::local(format!("-propagation: {error}")))?,
        clock: parse_clock(&arguments.clock)
            .map_err(|error| Failure::local(format!("-clock: {error}")))?,
        rate_limits: rate_limits(arguments)?,
        world: arguments.world.as_deref().map(world).transpose()?,
        organization,
        environments: Some(environments).filter(|environments| !environments.is_empty()),
        ..Options::default()
    })
}

fn rate_limits(arguments: &arguments::Simulator) -> Result<RateLimits, Failure> {
    let by = arguments
        .rate_limit_by
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| Failure::local(format!("-rate-limit-by: {error}")))?;
    let limits = match (&arguments.rate_limit, by) {
        (None, None) => RateLimits::default(),
        (None, Some(_)) => {
            return Err(Failure::local(
                "-rate-limit-by: there is no limit to count: give one with \
                 -rate-limit=REQUESTS/PERIOD",
            ));
        }
        (Some(rate), by) => {
            let rate = rate
                .parse()
                .map_err(|error| Failure::local(format!("-rate-limit: {error}")))?;
            RateLimits::by(by.unwrap_or(LimitBy::Principal), rate)
        }
    };
    Ok(RateLimits {
        headers: arguments.rate_limit_headers,
        ..limits
    })
}
