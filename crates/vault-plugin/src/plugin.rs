//! The life cycle of a plugin program: start, handshake, service, end.

use std::future::Future;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use logical::Factory;
use runtime::SystemEntropy;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::backend::{Engine, Instances, MESSAGE_LIMIT, Multiplexing, Version};
use crate::go_plugin::broker::{Addresses, Broker};
use crate::go_plugin::controller::Controller;
use crate::go_plugin::handshake::{self, Launch, Refusal};
use crate::go_plugin::listener::Socket;
use crate::go_plugin::parent::Parent;
use crate::go_plugin::registration::Started;
use crate::go_plugin::stdio::Stdio;
use crate::go_plugin::tls::{Identity, MutualTls};
use crate::go_plugin::{health, log};
use crate::pb::backend::backend_server::BackendServer;
use crate::pb::logical::plugin_version_server::PluginVersionServer;
use crate::pb::multiplexing::plugin_multiplexing_server::PluginMultiplexingServer;
use crate::pb::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::pb::plugin::grpc_controller_server::GrpcControllerServer;
use crate::pb::plugin::grpc_stdio_server::GrpcStdioServer;

/// How long calls in flight may continue after the host's request to shut down,
/// and how long backends may then clean up. A host kills the process after two
/// seconds in all.
const DRAIN: Duration = Duration::from_millis(700);
const CLEAN_UP: Duration = Duration::from_millis(700);
/// For each request a host needs four times as much of a processor as its plugin,
/// and threads with too little to do spend their time on waking each other. With
/// two, a handler that blocks one does not stop the others.
const PROCESSORS_FOR_A_THREAD: usize = 4;
const FEWEST_THREADS: usize = 2;
const MOST_THREADS: usize = 8;
/// How many calls the host may take back before they were looked at. The
/// usual 20 protect from strangers; here the peer is the host, and when its
/// clients hang up together, all mounts would lose their connection.
const RESETS: usize = 100_000;
/// How long a host gets to read a line that makes it end this process.
const LAST_WORD: Duration = Duration::from_secs(5);

/// A secrets engine as a plugin program of Vault and OpenBao.
///
/// It serves protocol 5 with mutual TLS only, any number of mounts in one
/// process, and reports the factory's version.
pub struct Plugin {
    factory: Arc<dyn Factory>,
}

impl Plugin {
    /// A plugin whose mounts are made by this factory.
    pub fn new(factory: impl Factory + 'static) -> Self {
        Self {
            factory: Arc::new(factory),
        }
    }

    /// The whole `main` of a plugin program that has no runtime of its own:
    /// starts one and returns when the plugin has ended, as [`Plugin::serve`].
    pub fn run(self) -> ExitCode {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (processors / PROCESSORS_FOR_A_THREAD).clamp(FEWEST_THREADS, MOST_THREADS);
        let built = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build();
        match built {
            Ok(runtime) => {
                let code = runtime.block_on(self.serve());
                // A blocked thread must not delay the exit.
                runtime.shutdown_background();
                code
            }
            Err(error) => fail(&format!("cannot start the async runtime: {error}")),
        }
    }

    /// Serves until the host ends the plugin, or is gone itself, or sends
    /// `SIGTERM`; `SIGINT` is ignored, since a terminal sends it to the host
    /// and its plugins alike.
    ///
    /// Takes over standard output (the handshake), standard error (the log in
    /// the host's format, with what `tracing` records) and the panic hook.
    /// Needs a tokio runtime with time and I/O. The exit code is 0 after an
    /// orderly end, and 1 when the program was not started by a host, or could
    /// not serve it.
    pub async fn serve(self) -> ExitCode {
        let parent = Parent::now();
        let lookup = |name: &str| std::env::var(name).ok();
        match Launch::read(lookup) {
            Ok(launch) => {
                log::install(lookup);
                match self.serve_host(&launch, parent).await {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error) => {
                        tracing::error!(%error, "the plugin cannot serve");
                        ExitCode::FAILURE
                    }
                }
            }
            Err(Refusal::NotAPlugin) => fail(&Started::now().how_to_register()),
            Err(refusal) => {
                log::install(lookup);
                tracing::error!("{refusal}");
                if matches!(refusal, Refusal::OtherProtocol { .. })
                    && print(&handshake::line_of_another_protocol()).is_ok()
                {
                    tokio::time::sleep(LAST_WORD).await;
                }
                ExitCode::FAILURE
            }
        }
    }

    async fn serve_host(self, launch: &Launch, parent: Parent) -> io::Result<()> {
        let identity = Identity::generate().map_err(io::Error::other)?;
        let tls =
            MutualTls::new(&identity, launch.host_certificate.clone()).map_err(io::Error::other)?;
        let socket = Socket::bind(&launch.socket, &SystemEntropy)?;
        let line = launch.line(socket.path(), identity.certificate());

        let stop = CancellationToken::new();
        tokio::spawn(stop_when_asked(parent, stop.clone())?);
        let (place, connections) = socket.accept(TlsAcceptor::from(tls.server), stop.clone());
        let instances = Arc::new(Instances::default());
        let addresses = Arc::new(Addresses::default());
        let engine = Engine::new(
            Arc::clone(&self.factory),
            Arc::clone(&addresses),
            tls.client,
            Arc::clone(&instances),
        );
        let services = Server::builder()
            .http2_max_pending_accept_reset_streams(Some(RESETS))
            .add_service(health::service().await)
            .add_service(GrpcBrokerServer::new(Broker::new(addresses, stop.clone())))
            .add_service(GrpcControllerServer::new(Controller::new(stop.clone())))
            .add_service(GrpcStdioServer::new(Stdio::new(stop.clone())))
            .add_service(PluginMultiplexingServer::new(Multiplexing))
            .add_service(PluginVersionServer::new(Version::new(self.factory)))
            .add_service(
                BackendServer::new(engine)
                    .max_decoding_message_size(MESSAGE_LIMIT)
                    .max_encoding_message_size(MESSAGE_LIMIT),
            );
        let serving =
            services.serve_with_incoming_shutdown(connections, stop.clone().cancelled_owned());
        print(&line)?;

        let served = until_drained(serving, stop).await;
        if tokio::time::timeout(CLEAN_UP, instances.stop_all())
            .await
            .is_err()
        {
            tracing::warn!("the clean-up of mounts was cut short");
        }
        drop(place);
        served
    }
}

/// Cancels `stop` when the process should end.
fn stop_when_asked(
    parent: Parent,
    stop: CancellationToken,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    // With a listener of our own, the signal no longer ends the process.
    let interrupt: Signal = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            () = parent.gone() => tracing::warn!("the host is gone; the plugin exits"),
            _ = terminate.recv() => tracing::info!("the plugin received a signal to terminate"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
        drop(interrupt);
    })
}

/// Serves; after `stop`, only for as long as calls in flight may still take.
async fn until_drained(
    serving: impl Future<Output = Result<(), tonic::transport::Error>>,
    stop: CancellationToken,
) -> io::Result<()> {
    let cut_off = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served.map_err(io::Error::other),
        () = cut_off => {
            tracing::warn!("calls in flight were cut short");
            Ok(())
        }
    }
}

/// Standard output belongs to the handshake alone.
fn print(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

/// Explains to a person why the program does nothing.
fn fail(text: &str) -> ExitCode {
    // Where standard error is closed, nobody reads it.
    let _ = io::stderr().lock().write_all(text.as_bytes());
    ExitCode::FAILURE
}
