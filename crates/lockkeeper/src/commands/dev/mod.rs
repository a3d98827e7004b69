//! `dev`: a server in memory with the engine at `confluent/`, and a simulated
//! Confluent Cloud with an account, a cluster, a service account and two roles.

mod example;
mod welcome;

use std::process::ExitCode;
use std::sync::Arc;

use confluent_simulator::{Options, Simulator};
use store::MemoryStorage;
use tokio::sync::watch;
use vault_core::{AuditConfig, ClientToken, Effects, MountRequest, Vault};

use self::welcome::Welcome;
use super::engines::{ENGINE, core_config};
use super::logging::{self, LogFormat};
use super::{shutdown_requested, simulator};
use crate::arguments::Dev;
use crate::failure::Failure;
use crate::listen::{Reach, listen};
use crate::output;

/// Where the engine is mounted.
const MOUNT: &str = "confluent";
pub(super) async fn run(dev: Dev) -> Result<ExitCode, Failure> {
    logging::install("warn", LogFormat::Standard)?;
    let options = Options {
        admin_key: simulator::admin_key(dev.simulator_admin_key.as_deref())?,
        ..Options::default()
    };
    let cloud = simulator::start(&options)?;
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
    let effects = server::effects(Arc::new(MemoryStorage::new()));
    let (vault, token) = start(effects, root_token).await?;
    let url = format!("http://{cloud_address}");
    let example = example::prepare(&vault, &token, &cloud, &url).await?;
    let serving = server::serve(
        vault,
        [server::Listener::new(listener)],
        shutdown_requested()?,
    );
    let serving = tokio::spawn(serving);
    let welcome = Welcome {
        address: format!("http://{address}"),
        token: token.expose().to_owned(),
        cloud: url,
        // A key of the user's own is known to the user.
        admin_key: options
            .admin_key
            .is_none()
            .then(|| cloud.admin_key().clone()),
        example,
    };
    output::say(&welcome.text())?;

    let served = serving.await;
    // The simulator ends last: leases that end with the server still need it.
    drop(end);
    let _ = cloud_serving.await;
    match served {
        Ok(Ok(())) => Ok(ExitCode::SUCCESS),
        Ok(Err(error)) => Err(Failure::local(format!("the server stopped: {error}"))),
        Err(error) => Err(Failure::local(format!("the server panicked: {error}"))),
    }
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

/// An unsealed vault with the engine mounted.
async fn start(
    effects: Effects,
    root_token: Option<ClientToken>,
) -> Result<(Arc<Vault>, ClientToken), Failure> {
    let broken =
        |error: logical::Error| Failure::local(format!("the server does not start: {error}"));
    // As in development servers of OpenBao, nobody makes a device: it would write to
    // any file of the user's.
    let audit = AuditConfig::default();
    let vault = Vault::load(core_config("inmem", audit), effects)
        .await
        .map_err(broken)?;
    // The one share of the key is gone with this process, as its memory is.
    let (core, made) = vault.develop(root_token).await.map_err(broken)?;
    let engine = MountRequest {
        path: MOUNT.to_owned(),
        kind: ENGINE.to_owned(),
        description: "API keys of a simulated Confluent Cloud".to_owned(),
        ..MountRequest::default()
    };
    // As in development servers of Vault and OpenBao.
    let secrets = MountRequest {
        path: "secret".to_owned(),
        kind: "kv-v2".to_owned(),
        description: "key/value secret storage".to_owned(),
        ..MountRequest::default()
    };
    for mount in [engine, secrets] {
        core.mount(mount).await.map_err(broken)?;
    }
    Ok((vault, made.root_token))
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
        let (vault, token) = start(effects, None).await.unwrap();
        let prepared = example::prepare(&vault, &token, &cloud, &running.url()).await;
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
