//! A simulated Confluent Cloud that is served, and a client of it.

use confluent_cloud::ids::{ApiKeyId, OwnerId};
use confluent_cloud::{
    ApiSecret, Client, ClientConfig, Credentials, Endpoint, KeyResource, NewApiKey,
};
use confluent_simulator::{Options, Running, Simulator, State};

/// A simulator that is served, with a client of its admin key.
pub(crate) struct Cloud {
    pub(crate) simulator: Simulator,
    pub(crate) running: Running,
    pub(crate) client: Client,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::with(&Options::default()).await
    }

    pub(crate) async fn with(options: &Options) -> Self {
        let simulator = Simulator::new(options).unwrap();
        let running = simulator.spawn().await.unwrap();
        let admin = simulator.admin_key().clone();
        let client = client(&running.url(), admin.id, admin.secret);
        Self {
            simulator,
            running,
            client,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.simulator.state()
    }

    pub(crate) fn owner(&self) -> OwnerId {
        OwnerId::new(&*self.state().service_accounts[0].id).unwrap()
    }

    pub(crate) fn cluster(&self) -> KeyResource {
        KeyResource::from_id(&self.state().kafka_clusters[0].id, None).unwrap()
    }

    pub(crate) fn new_key(&self, name: &str) -> NewApiKey {
        NewApiKey {
            display_name: name.into(),
            description: "words".into(),
            owner: self.owner(),
            resource: self.cluster(),
        }
    }
}

/// A client of any key.
pub(crate) fn client(url: &str, key_id: ApiKeyId, secret: ApiSecret) -> Client {
    Client::new(ClientConfig {
        endpoint: Endpoint::parse(url).unwrap(),
        credentials: Credentials::Basic { key_id, secret },
        ca_cert: None,
    })
    .unwrap()
}
