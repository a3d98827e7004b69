//! A server with the echo engine at `echo/`, on a runtime of its own, so that
//! blocking clients can ask it.

use std::collections::BTreeMap;
use std::sync::Arc;

use logical::Factory;
use server::{Limits, Listener, Tls};
use store::MemoryStorage;
use testkit::Http;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vault_core::{ClientToken, CoreConfig, MountRequest, ServerInfo, Vault};

use crate::engine::{EchoFactory, Waiting};

pub(crate) struct Running {
    pub(crate) address: String,
    pub(crate) waiting: Arc<Waiting>,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<std::io::Result<()>>>,
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::limited(Limits::default())
    }

    /// One that limits its connections.
    pub(crate) fn limited(limits: Limits) -> Self {
        Self::listening(|| {
            let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}", tcp.local_addr().unwrap());
            (
                address,
                Listener::new(tokio_listener(tcp)).with_limits(limits),
            )
        })
    }

    /// One with TLS. Its address is `https://`.
    pub(crate) fn tls(tls: &Arc<Tls>, limits: Limits) -> Self {
        Self::listening(|| {
            let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("https://{}", tcp.local_addr().unwrap());
            let listener = Listener::tls(tokio_listener(tcp), Arc::clone(tls));
            (address, listener.with_limits(limits))
        })
    }

    /// One with a listener, which is told with its address.
    pub(crate) fn listening(listen: impl FnOnce() -> (String, Listener)) -> Self {
        let runtime = Runtime::new().unwrap();
        let waiting = Arc::new(Waiting::default());
        let factory: Arc<dyn Factory> = Arc::new(EchoFactory(Arc::clone(&waiting)));
        let (stop, stopped) = oneshot::channel();
        let (address, serving) = runtime.block_on(async {
            let config = CoreConfig::new(
                ServerInfo {
                    version: server::VAULT_VERSION.into(),
                    lockkeeper_version: "0.1.0".into(),
                    storage_type: "inmem".into(),
                },
                BTreeMap::from([("echo".to_owned(), factory)]),
            );
            let effects = server::effects(Arc::new(MemoryStorage::new()));
            let vault = Vault::load(config, effects).await.unwrap();
            let root = Some(ClientToken::new("root"));
            let (core, _) = vault.develop(root).await.unwrap();
            let mount = MountRequest {
                path: "echo".into(),
                kind: "echo".into(),
                ..MountRequest::default()
            };
            core.mount(mount).await.unwrap();
            let (address, listener) = listen();
            let serving = tokio::spawn(server::serve(vault, [listener], async {
                let _ = stopped.await;
            }));
            (address, serving)
        });
        Self {
            address,
            waiting,
            runtime,
            stop: Some(stop),
            serving: Some(serving),
        }
    }

    pub(crate) fn http(&self) -> Http {
        Http::new(&self.address).with_token("root")
    }

    /// Tells the server to end and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.stop.take();
        let serving = self.serving.take().unwrap();
        self.runtime.block_on(serving).unwrap().unwrap();
    }
}

fn tokio_listener(tcp: std::net::TcpListener) -> TcpListener {
    tcp.set_nonblocking(true).unwrap();
    TcpListener::from_std(tcp).unwrap()
}
