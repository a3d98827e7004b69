//! A host of our own: starts the plugin as Vault does, proves itself with the
//! kind of certificate that go-plugin makes, and offers storage on a socket of
//! its own. It trusts the plugin by the rules of the web, as Go does, so it
//! also tells whether the plugin's certificate is sound.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status};
use vault_plugin::pb::backend::backend_client::BackendClient;
use vault_plugin::pb::backend::storage_server::StorageServer;
use vault_plugin::pb::backend::{self as pb, SetupArgs, SetupReply};
use vault_plugin::pb::plugin::grpc_broker_client::GrpcBrokerClient;
use vault_plugin::pb::plugin::grpc_stdio_client::GrpcStdioClient;
use vault_plugin::pb::plugin::{ConnInfo, StdioData};

use crate::example;
use crate::fake_storage::FakeStorage;

const COOKIE: &str = "6669da05-b1c8-4f49-97d9-c8e5bed98e20";

/// A certificate with its key.
pub(crate) struct Identity {
    pub(crate) pem: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// As go-plugin makes it: P-521, self-signed, an authority.
    pub(crate) fn of_a_host() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }
}

/// The plugin's program, started with what a host puts into its environment.
pub(crate) fn command(host: &Identity, temporary: &Path) -> Command {
    let mut command = Command::new(example());
    command
        .env_clear()
        .env("TMPDIR", temporary)
        .env("VAULT_BACKEND_PLUGIN", COOKIE)
        .env("PLUGIN_PROTOCOL_VERSIONS", "5")
        .env("PLUGIN_CLIENT_CERT", &host.pem)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A host with one running plugin.
pub(crate) struct FakeHost {
    identity: Identity,
    child: Child,
    /// The plugin's temporary folder.
    temporary: TempDir,
    sockets: TempDir,
    socket: PathBuf,
    plugin: CertificateDer<'static>,
}

impl FakeHost {
    /// Starts a plugin and reads where it listens.
    pub(crate) async fn start() -> Self {
        let identity = Identity::of_a_host();
        let temporary = tempfile::tempdir().unwrap();
        let mut child = command(&identity, temporary.path()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        let fields: Vec<&str> = line.trim_end().split('|').collect();
        let [core, protocol, network, socket, kind, certificate] = fields[..] else {
            panic!("not the line of a plugin: {line:?}");
        };
        assert_eq!([core, protocol, network, kind], ["1", "5", "unix", "grpc"]);
        Self {
            identity,
            child,
            socket: socket.into(),
            plugin: STANDARD_NO_PAD.decode(certificate).unwrap().into(),
            sockets: tempfile::tempdir().unwrap(),
            temporary,
        }
    }

    /// A TLS configuration that trusts the plugin, without or with a
    /// certificate, and speaks HTTP/2.
    pub(crate) fn tls(&self, identity: Option<&Identity>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.trust());
        let mut config = match identity {
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.certificate.clone()], identity.key.clone_key())
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    /// The host's own, right configuration.
    pub(crate) fn right_tls(&self) -> ClientConfig {
        self.tls(Some(&self.identity))
    }

    /// A raw connection to the plugin.
    pub(crate) async fn plain(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    /// A TLS connection to the plugin.
    pub(crate) async fn secure(
        &self,
        config: ClientConfig,
    ) -> std::io::Result<TlsStream<UnixStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, self.plain().await)
            .await
    }

    /// A gRPC connection to the plugin, with the streams that hosts open first.
    pub(crate) async fn connect(&self) -> Connection {
        let stream = self.secure(self.right_tls()).await.unwrap();
        let mut stream = Some(TokioIo::new(stream));
        let channel = Endpoint::from_static("http://localhost")
            .connect_with_connector(tower::service_fn(move |_| {
                let stream = stream.take().ok_or(std::io::ErrorKind::NotConnected);
                async move { stream.map_err(std::io::Error::from) }
            }))
            .await
            .unwrap();
        let (addresses, told) = mpsc::unbounded_channel();
        let stdio = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await;
        let broker = GrpcBrokerClient::new(channel.clone())
            .start_stream(stream_of(told))
            .await;
        Connection {
            channel,
            addresses,
            stdio: stdio.unwrap().into_inner(),
            broker: broker.unwrap().into_inner(),
        }
    }

    /// Listens for one brokered connection and offers `storage` on it. Tells
    /// the address, and later whether the connection was closed.
    pub(crate) fn offer(&self, id: u32, storage: FakeStorage) -> (ConnInfo, mpsc::Receiver<()>) {
        self.offer_as(&self.identity, id, storage)
    }

    /// The same with another certificate. A plugin that hangs up during the
    /// handshake of TLS closes the connection, too.
    pub(crate) fn offer_as(
        &self,
        identity: &Identity,
        id: u32,
        storage: FakeStorage,
    ) -> (ConnInfo, mpsc::Receiver<()>) {
        let path = self.sockets.path().join(id.to_string());
        let listener = UnixListener::bind(&path).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(self.brokered_tls(identity)));
        let (open, closed) = mpsc::channel(1);
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let once = futures_util::stream::iter([Ok::<_, std::io::Error>(stream)]);
            let served = Server::builder()
                // Hosts, which are written in Go, have no such limit.
                .http2_max_pending_accept_reset_streams(Some(usize::MAX))
                .add_service(StorageServer::new(storage).max_decoding_message_size(usize::MAX))
                .serve_with_incoming(once)
                .await;
            drop(open);
            served.unwrap();
        });
        let address = ConnInfo {
            service_id: id,
            network: "unix".into(),
            address: path.display().to_string(),
            knock: None,
        };
        (address, closed)
    }

    /// The plugin's process.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// What the plugin left in its temporary folder.
    pub(crate) fn litter(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.temporary.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The end of the plugin, in the time that hosts give.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(Duration::from_secs(2), self.child.wait())
            .await
            .expect("the plugin ends within two seconds")
            .unwrap()
    }

    /// Everything that the plugin logged. It must have ended.
    pub(crate) async fn log(&mut self) -> String {
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut log).await.unwrap();
        log
    }

    fn brokered_tls(&self, identity: &Identity) -> ServerConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(self.trust().into(), provider.clone())
                .build()
                .unwrap();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    fn trust(&self) -> RootCertStore {
        let mut trust = RootCertStore::empty();
        trust.add(self.plugin.clone()).unwrap();
        trust
    }
}

/// A connection to the plugin.
pub(crate) struct Connection {
    pub(crate) channel: Channel,
    /// Where the host tells addresses.
    pub(crate) addresses: mpsc::UnboundedSender<ConnInfo>,
    pub(crate) stdio: tonic::Streaming<StdioData>,
    pub(crate) broker: tonic::Streaming<ConnInfo>,
}

impl Connection {
    /// Calls about mounts.
    pub(crate) fn backend(&self) -> BackendClient<Channel> {
        BackendClient::new(self.channel.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    }

    /// Sets a mount up.
    pub(crate) async fn setup(&self, mount: &str, broker_id: u32) -> SetupReply {
        self.try_setup(mount, broker_id).await.unwrap()
    }

    /// Sets a mount up, or not.
    pub(crate) async fn try_setup(
        &self,
        mount: &str,
        broker_id: u32,
    ) -> Result<SetupReply, Status> {
        let arguments = SetupArgs {
            broker_id,
            ..SetupArgs::default()
        };
        let reply = self.backend().setup(about(mount, arguments)).await?;
        Ok(reply.into_inner())
    }

    /// Sends a request to a mount.
    pub(crate) async fn request(
        &self,
        mount: &str,
        operation: &str,
        path: &str,
        data: &str,
    ) -> pb::HandleRequestReply {
        let arguments = pb::HandleRequestArgs {
            storage_id: 0,
            request: Some(pb::Request {
                operation: operation.into(),
                path: path.into(),
                data: data.into(),
                ..pb::Request::default()
            }),
        };
        let reply = self.backend().handle_request(about(mount, arguments)).await;
        reply.unwrap().into_inner()
    }
}

/// A call about a mount.
pub(crate) fn about<T>(mount: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let id = mount.parse().unwrap();
    request.metadata_mut().insert("multiplex_id", id);
    request
}

fn stream_of<T: Send + 'static>(
    mut receiver: mpsc::UnboundedReceiver<T>,
) -> impl futures_util::Stream<Item = T> + Send + 'static {
    futures_util::stream::poll_fn(move |context| receiver.poll_recv(context))
}
