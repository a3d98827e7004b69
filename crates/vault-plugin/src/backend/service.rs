//! The services that a host calls about mounts. Each names its mount by the
//! metadata `multiplex_id`; one process serves any number of them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use logical::{BackendKind, Error, Existence, Factory, Operation};
use rustls::ClientConfig;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use super::instances::{Instance, Instances};
use super::{convert, errors};
use crate::go_plugin::broker::{self, Addresses};
use crate::pb::backend::backend_server::Backend;
use crate::pb::backend::{
    Empty, HandleExistenceCheckArgs, HandleExistenceCheckReply, HandleRequestArgs,
    HandleRequestReply, InitializeArgs, InitializeReply, InvalidateKeyArgs, SetupArgs, SetupReply,
    SpecialPathsReply, TypeReply,
};
use crate::pb::logical::plugin_version_server::PluginVersion;
use crate::pb::logical::{self as version, VersionReply};
use crate::pb::multiplexing::plugin_multiplexing_server::PluginMultiplexing;
use crate::pb::multiplexing::{MultiplexingSupportRequest, MultiplexingSupportResponse};

/// The metadata that names a mount's connection.
const MULTIPLEX_ID: &str = "multiplex_id";
/// The numbers of the kinds of backends (`sdk/logical/logical.go` in both hosts).
const SECRETS_ENGINE: u32 = 1;
const AUTH_METHOD: u32 = 2;

type Reply<T> = Result<Response<T>, Status>;

/// The engine behind every mount.
pub(crate) struct Engine {
    factory: Arc<dyn Factory>,
    addresses: Arc<Addresses>,
    tls: Arc<ClientConfig>,
    instances: Arc<Instances>,
}

impl Engine {
    /// Serves what `factory` makes. A mount's host is found in `addresses` and
    /// dialled with `tls`.
    pub(crate) fn new(
        factory: Arc<dyn Factory>,
        addresses: Arc<Addresses>,
        tls: Arc<ClientConfig>,
        instances: Arc<Instances>,
    ) -> Self {
        Self {
            factory,
            addresses,
            tls,
            instances,
        }
    }

    fn instance(&self, metadata: &MetadataMap) -> Result<Arc<Instance>, Status> {
        let id = multiplex_id(metadata)?;
        self.instances
            .get(&id)
            .ok_or_else(|| Status::failed_precondition("no backend instance found"))
    }
}

#[tonic::async_trait]
impl Backend for Engine {
    async fn setup(&self, request: Request<SetupArgs>) -> Reply<SetupReply> {
        let id = multiplex_id(request.metadata())?;
        let arguments = request.into_inner();
        let address = self.addresses.claim(arguments.broker_id).await?;
        let channel = broker::dial(address, Arc::clone(&self.tls)).await?;
        let err = match Instance::build(self.factory.as_ref(), channel, arguments) {
            Ok(instance) => {
                self.instances.add(id, instance).await;
                String::new()
            }
            Err(error) => error.to_string(),
        };
        Ok(Response::new(SetupReply { err }))
    }

    async fn initialize(&self, request: Request<InitializeArgs>) -> Reply<InitializeReply> {
        let instance = self.instance(request.metadata())?;
        let initialized = instance.call(logical::Backend::initialize).await;
        let err = initialized.err().map(|error| errors::typed(&error));
        Ok(Response::new(InitializeReply { err }))
    }

    async fn special_paths(&self, request: Request<Empty>) -> Reply<SpecialPathsReply> {
        let instance = self.instance(request.metadata())?;
        let paths = instance
            .call(async |backend| Ok(backend.special_paths()))
            .await
            .map_err(|error| Status::internal(error.to_string()))?;
        let paths = Some(convert::paths(paths));
        Ok(Response::new(SpecialPathsReply { paths }))
    }

    async fn r#type(&self, request: Request<Empty>) -> Reply<TypeReply> {
        self.instance(request.metadata())?;
        let r#type = match self.factory.kind() {
            BackendKind::Secrets => SECRETS_ENGINE,
            BackendKind::Auth => AUTH_METHOD,
        };
        Ok(Response::new(TypeReply { r#type }))
    }

    async fn handle_existence_check(
        &self,
        request: Request<HandleExistenceCheckArgs>,
    ) -> Reply<HandleExistenceCheckReply> {
        let instance = self.instance(request.metadata())?;
        let asked = request.into_inner().request.unwrap_or_default();
        let existence = match convert::request(asked) {
            Ok(request) => instance.call(|backend| backend.exists(request)).await,
            Err(unreadable) => Err(unreadable.into()),
        };
        Ok(Response::new(match existence {
            Ok(existence) => HandleExistenceCheckReply {
                check_found: existence != Existence::Unchecked,
                exists: existence == Existence::Present,
                err: None,
            },
            Err(error) => errors::existence_reply(&error),
        }))
    }

    async fn handle_request(
        &self,
        request: Request<HandleRequestArgs>,
    ) -> Reply<HandleRequestReply> {
        let instance = self.instance(request.metadata())?;
        let asked = request.into_inner().request.unwrap_or_default();
        let answer = match convert::request(asked) {
            Ok(request) if request.operation == Operation::Rollback => {
                let done = instance.call(logical::Backend::periodic).await;
                done.map(|()| None)
            }
            Ok(request) => {
                let span = tracing::info_span!(
                    "request",
                    request_id = request.id,
                    operation = request.operation.as_str(),
                    mount = request.mount_point,
                );
                let answer = instance.call(|backend| backend.handle(request));
                answer.instrument(span).await
            }
            Err(unreadable) => Err(Error::from(unreadable)),
        };
        Ok(Response::new(match answer {
            Ok(response) => HandleRequestReply {
                response: response.map(|response| convert::response(response, instance.now())),
                err: None,
            },
            Err(error) => errors::reply(&error),
        }))
    }

    async fn invalidate_key(&self, request: Request<InvalidateKeyArgs>) -> Reply<Empty> {
        let instance = self.instance(request.metadata())?;
        let key = request.into_inner().key;
        let invalidated = instance
            .call(async |backend| {
                backend.invalidate(&key).await;
                Ok(())
            })
            .await;
        // The host ignores the answer.
        if let Err(error) = invalidated {
            tracing::error!(%error, key, "cannot evict a key from the cache");
        }
        Ok(Response::new(Empty {}))
    }

    async fn cleanup(&self, request: Request<Empty>) -> Reply<Empty> {
        let id = multiplex_id(request.metadata())?;
        self.instances.stop(&id).await;
        Ok(Response::new(Empty {}))
    }
}

/// Says that one process serves several mounts.
pub(crate) struct Multiplexing;

#[tonic::async_trait]
impl PluginMultiplexing for Multiplexing {
    async fn multiplexing_support(
        &self,
        _request: Request<MultiplexingSupportRequest>,
    ) -> Reply<MultiplexingSupportResponse> {
        let supported = true;
        Ok(Response::new(MultiplexingSupportResponse { supported }))
    }
}

/// Says which version the plugin has.
pub(crate) struct Version {
    factory: Arc<dyn Factory>,
}

impl Version {
    /// The version of what `factory` makes.
    pub(crate) fn new(factory: Arc<dyn Factory>) -> Self {
        Self { factory }
    }
}

#[tonic::async_trait]
impl PluginVersion for Version {
    async fn version(&self, _request: Request<version::Empty>) -> Reply<VersionReply> {
        let asked = std::panic::catch_unwind(AssertUnwindSafe(|| self.factory.version().into()));
        let plugin_version = asked.map_err(|_| Status::internal("the plugin has no version"))?;
        Ok(Response::new(VersionReply { plugin_version }))
    }
}

/// The one id that every call about a mount carries.
fn multiplex_id(metadata: &MetadataMap) -> Result<String, Status> {
    let mut ids = metadata.get_all(MULTIPLEX_ID).iter();
    let id = ids.next().and_then(|id| id.to_str().ok());
    match (id, ids.next()) {
        (Some(id), None) if !id.is_empty() => Ok(id.to_owned()),
        _ => Err(Status::invalid_argument(format!(
            "the call names no mount: it needs the metadata `{MULTIPLEX_ID}` exactly once"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use logical::BackendContext;
    use rustls::RootCertStore;
    use tonic::transport::Endpoint;

    use super::*;

    /// Takes a while to clean up, and notes that it did.
    #[derive(Clone, Default)]
    struct Slow(Arc<AtomicBool>);

    impl Factory for Slow {
        fn create(&self, _: BackendContext) -> Result<Arc<dyn logical::Backend>, Error> {
            Ok(Arc::new(self.clone()))
        }

        fn version(&self) -> &'static str {
            "v0.0.1"
        }
    }

    #[async_trait]
    impl logical::Backend for Slow {
        async fn handle(&self, _: logical::Request) -> Result<Option<logical::Response>, Error> {
            Ok(None)
        }

        async fn exists(&self, _: logical::Request) -> Result<Existence, Error> {
            Ok(Existence::Unchecked)
        }

        async fn cleanup(&self) {
            tokio::time::sleep(Duration::from_secs(30)).await;
            self.0.store(true, Ordering::SeqCst);
        }
    }

    fn engine(factory: &Slow) -> Engine {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        Engine::new(
            Arc::new(factory.clone()),
            Arc::default(),
            Arc::new(tls),
            Arc::default(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_clean_up_that_the_host_stops_waiting_for_goes_on_to_its_end() {
        let slow = Slow::default();
        let engine = engine(&slow);
        let channel = Endpoint::from_static("http://localhost:1").connect_lazy();
        let instance = Instance::build(&slow, channel, SetupArgs::default()).unwrap();
        engine.instances.add("id".into(), instance).await;
        let mut request = Request::new(Empty {});
        let id = "id".parse().unwrap();
        request.metadata_mut().insert(MULTIPLEX_ID, id);
        let wait = Duration::from_secs(10);
        let waited = tokio::time::timeout(wait, engine.cleanup(request)).await;
        assert!(waited.is_err());
        assert!(!slow.0.load(Ordering::SeqCst));
        tokio::time::sleep(Duration::from_secs(25)).await;
        assert!(slow.0.load(Ordering::SeqCst));
    }

    #[test]
    fn a_call_must_name_exactly_one_mount() {
        let mut metadata = MetadataMap::new();
        assert!(multiplex_id(&metadata).is_err());
        metadata.append(MULTIPLEX_ID, "abc".parse().unwrap());
        assert_eq!(multiplex_id(&metadata).unwrap(), "abc");
        metadata.append(MULTIPLEX_ID, "abc".parse().unwrap());
        assert!(multiplex_id(&metadata).is_err());
        metadata.insert(MULTIPLEX_ID, "".parse().unwrap());
        assert!(multiplex_id(&metadata).is_err());
    }
}
