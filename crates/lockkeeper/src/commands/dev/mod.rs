//! `dev`: a server with the engine at `confluent/`, in memory or in a file, and a
//! simulated Confluent Cloud with an account, a cluster, a service account and
//! two roles.

mod example;
mod kept;
mod start;
mod welcome;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use confluent_simulator::{AdminKey, Options, Simulator, parse_admin_key, parse_world};
use store::{MemoryStorage, SqliteStorage};
use tokio::sync::watch;
use vault_core::{ClientToken, Effects};

use self::kept::Kept;
use self::welcome::Welcome;
use super::logging::{self, LogFormat};
use super::{shutdown_requested, simulator};
use crate::arguments::{Dev, DevStorage};
use crate::failure::Failure;
use crate::listen::{Reach, listen};
use crate::output;

/// Where the engine is mounted.
const MOUNT: &str = "confluent";

pub(super) async fn run(dev: Dev) -> Result<ExitCode, Failure> {
    logging::install("warn", LogFormat::Standard)?;
    let (storage, file) = open(&dev.storage)?;
    let kept = file.map(Kept::load).transpose()?.flatten();
    let effects = server::effects(storage);
    let given = simulator::admin_key(dev.simulator_admin_key.as_deref())?;
    let is_given = given.is_some();
    let cloud = simulator::start(&cloud_options(given, kept.as_ref(), file, &effects)?)?;
    let root_token = dev.root_token.as_deref().map(root_token).transpose()?;
    // Both addresses are bound before anything is created, so that one that is
    // taken costs nothing.
    let reach = Reach::LoopbackOnly;
    let cloud_listener = listen(dev.simulator_listen, reach, "-simulator-listen").await?;
    let listener = listen(dev.listen, reach, "-listen").await?;
    let cloud_address = simulator::address_of(&cloud_listener)?;
    let address = simulator::address_of(&listener)?;

    let (end, ended) = watch::channel(());
    let cloud_serving = tokio::spawn(serve_cloud(cloud.clone(), cloud_listener, ended));
    let running = start::start(effects, file, kept, root_token).await?;
    let keep = || -> Result<(), Failure> {
        let Some(file) = file else {
            return Ok(());
        };
        running.kept(&cloud)?.save(file)
    };
    // First of all: the key that unseals the store is nowhere else.
    keep()?;
    running.mount().await?;
    let url = format!("http://{cloud_address}");
    let example = example::prepare(&running.vault, &running.root_token, &cloud, &url).await?;
    keep()?;
    let serving = server::serve(
        Arc::clone(&running.vault),
        [server::Listener::new(listener)],
        shutdown_requested()?,
    );
    let serving = tokio::spawn(serving);
    let welcome = Welcome {
        address: format!("http://{address}"),
        token: running.root_token.expose().to_owned(),
        unseal_key: running.unseal_key.as_str().to_owned(),
        store: file.map(Path::to_owned),
        cloud: url,
        // A key of the user's own is known to the user.
        admin_key: (!is_given).then(|| cloud.admin_key().clone()),
        example,
    };
    output::say(&welcome.text())?;

    let served = serving.await;
    // The simulator ends last: leases that end with the server still need it.
    drop(end);
    let _ = cloud_serving.await;
    keep()?;
    match served {
        Ok(Ok(())) => Ok(ExitCode::SUCCESS),
        Ok(Err(error)) => Err(Failure::local(format!("the server stopped: {error}"))),
        Err(error) => Err(Failure::local(format!("the server panicked: {error}"))),
    }
}

/// The store, and its file if it has one.
fn open(storage: &DevStorage) -> Result<(Arc<dyn logical::Storage>, Option<&Path>), Failure> {
    Ok(match storage {
        DevStorage::Memory => (Arc::new(MemoryStorage::new()), None),
        DevStorage::Sqlite(file) => {
            let store = SqliteStorage::open(file);
            let store = store.map_err(|error| Failure::local(format!("-storage: {error}")))?;
            (Arc::new(store), Some(file))
        }
    })
}

/// The simulated cloud: a new one, or that of an earlier start with all that is
/// in it. Ids go on from another seed, so that no new key has the id of an old
/// one.
fn cloud_options(
    given: Option<AdminKey>,
    kept: Option<&Kept>,
    file: Option<&Path>,
    effects: &Effects,
) -> Result<Options, Failure> {
    let mut options = Options {
        admin_key: given,
        ..Options::default()
    };
    if file.is_some() {
        let mut seed = [0; 8];
        effects.entropy.fill(&mut seed);
        options.seed = u64::from_le_bytes(seed);
    }
    if let Some(kept) = kept {
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::local(format!("the simulated cloud of an earlier start: {error}"))
        };
        if options.admin_key.is_none() {
            let key = parse_admin_key(&kept.admin_key).map_err(|error| unusable(&error))?;
            options.admin_key = Some(key);
        }
        let world = parse_world(&kept.cloud.to_string()).map_err(|error| unusable(&error))?;
        options.world = Some(world);
    }
    Ok(options)
}

/// The root token of the command line. An error does not repeat it.
fn root_token(text: &str) -> Result<ClientToken, Failure> {
    let token = vault_client::Token::new(text).map_err(|_| {
        Failure::local(
            "-root-token: a token is at least one printable ASCII character, without spaces; leave \
             the flag out for a random one",
        )
    })?;
    Ok(ClientToken::new(token.expose()))
}

async fn serve_cloud(
    cloud: Simulator,
    listener: tokio::net::TcpListener,
    mut ended: watch::Receiver<()>,
) {
    let stopped = async move {
        // The sender is dropped at the end.
        let _ = ended.changed().await;
    };
    if let Err(error) = cloud.serve(listener, stopped).await {
        output::tell(&format!("the simulated Confluent Cloud stopped: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use logical::Metrics;

    use super::*;

    /// The names of the measurements that were taken.
    #[derive(Default)]
    struct Names(Mutex<BTreeSet<&'static str>>);

    impl Names {
        fn add(&self, name: &'static str) {
            self.0.lock().unwrap().insert(name);
        }
    }

    impl Metrics for Names {
        fn count(&self, name: &'static str, _: &[(&'static str, &str)], _: u64) {
            self.add(name);
        }

        fn gauge(&self, name: &'static str, _: &[(&'static str, &str)], _: f64) {
            self.add(name);
        }

        fn observe(&self, name: &'static str, _: &[(&'static str, &str)], _: f64) {
            self.add(name);
        }
    }

    #[tokio::test]
    async fn a_recorder_of_the_server_sees_requests_to_confluent_cloud() {
        let names = Arc::new(Names::default());
        let mut effects = server::effects(Arc::new(MemoryStorage::new()));
        effects.metrics = Arc::clone(&names) as Arc<dyn Metrics>;
        let cloud = simulator::start(&Options::default()).unwrap();
        let running = cloud.spawn().await.unwrap();
        let started = start::start(effects, None, None, None).await.unwrap();
        started.mount().await.unwrap();
        let (vault, token) = (&started.vault, &started.root_token);
        let prepared = example::prepare(vault, token, &cloud, &running.url()).await;
        prepared.unwrap();
        let names = names.0.lock().unwrap();
        for name in [
            "core_requests_total",
            "confluent_requests_total",
            "confluent_request_seconds",
            "confluent_pace_wait_seconds",
            "confluent_requests_in_flight",
        ] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
    }
}
