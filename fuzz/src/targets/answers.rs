//! What servers answer to our clients: any status and body is read or becomes
//! an error, which does not repeat the client's secret.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use confluent_cloud::ids::{
    ApiKeyId, EnvironmentId, OrganizationId, OwnerId, ResourceId, ServiceAccountId,
};
use confluent_cloud::{
    ApiSecret, AppliedQuota, Client, ClientConfig, Credentials, Effects, Endpoint, Error,
    KeyResource, ListFilter, NewApiKey, ProbeAt, Prober, QuotaFilter, QuotaScope, RetryPolicy,
    RoleBindingFilter, Sleep,
};
use serde_json::Map;
use tokio::runtime::Runtime;
use url::Url;
use vault_client::{Settings, Token};

use crate::CANARY;
use crate::input::Input;
use crate::responder::Responder;
use crate::runtime::real;

/// A client, what answers it, and the runtime in which its connections live.
struct Answered<C> {
    client: C,
    responder: Responder,
    runtime: Runtime,
}

impl<C> Answered<C> {
    fn new(client: impl FnOnce(&str) -> C) -> Self {
        let responder = Responder::start();
        Self {
            client: client(&format!("http://{}", responder.address)),
            responder,
            runtime: real(),
        }
    }

    /// Sets the answer of the rest of an input.
    fn answer(&self, input: &mut Input<'_>) {
        let status = input.one_of(&[
            200, 400, 403, 404, 429, 500, 201, 202, 204, 401, 402, 409, 307, 412, 472, 473, 503,
        ]);
        self.responder.set(status, input.rest());
    }
}

/// Waits that are over at once.
#[derive(Debug)]
struct NoWaiting;

impl Effects for NoWaiting {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(async {})
    }

    fn random(&self) -> u64 {
        0
    }
}

fn confluent_client(address: &str) -> Client {
    let client = Client::new(ClientConfig {
        endpoint: Endpoint::parse(address).expect("loopback is an endpoint"),
        credentials: Credentials::Basic {
            key_id: ApiKeyId::new("ADMINKEY23456777").expect("an id"),
            secret: ApiSecret::new(CANARY),
        },
        ca_cert: None,
    });
    client
        .expect("a client can be made")
        .with_retries(RetryPolicy::never())
        .with_effects(Arc::new(NoWaiting))
}

pub(super) fn confluent(bytes: &[u8]) {
    static ANSWERED: OnceLock<Answered<Client>> = OnceLock::new();
    let answered = ANSWERED.get_or_init(|| Answered::new(confluent_client));
    let mut input = Input::new(bytes);
    let call = input.byte();
    answered.answer(&mut input);
    let outcome = answered.runtime.block_on(ask(&answered.client, call));
    if let Err(error) = outcome {
        assert!(!error.to_string().contains(CANARY), "{error}");
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
    }
}

async fn ask(client: &Client, call: u8) -> Result<(), Error> {
    let key = ApiKeyId::new("K1").expect("an id");
    let environment = EnvironmentId::new("env-1").expect("an id");
    let resource = ResourceId::new("lkc-1").expect("an id");
    match call % 14 {
        0 => client.list_api_keys(&ListFilter::default()).await.map(drop),
        1 => client.read_api_key(&key).await.map(drop),
        2 => {
            let new = NewApiKey {
                display_name: "a".into(),
                description: "b".into(),
                owner: OwnerId::new("sa-1").expect("an id"),
                resource: KeyResource::from_id("lkc-1", None).expect("a resource"),
            };
            client.create_api_key(&new).await.map(drop)
        }
        3 => client.delete_api_key(&key).await,
        4 => client.list_kafka_clusters(&environment).await.map(drop),
        5 => client
            .read_schema_registry(&environment, &resource)
            .await
            .map(drop),
        6 => client.list_organizations().await.map(drop),
        7 => {
            let organization = OrganizationId::new("0f0f").expect("an id");
            client.read_organization(&organization).await.map(drop)
        }
        8 => {
            let filter = QuotaFilter::of(QuotaScope::Organization);
            let quotas = client.list_applied_quotas(&filter).await?;
            let left = quotas.items.iter().filter_map(AppliedQuota::left);
            let _ = left.max();
            Ok(())
        }
        9 => {
            let filter = RoleBindingFilter {
                crn_pattern: "crn://confluent.cloud/organization=0f0f".into(),
                principal: None,
                role_name: None,
            };
            client.list_role_bindings(&filter).await.map(drop)
        }
        10 => {
            let id = ServiceAccountId::new("sa-1").expect("an id");
            client.read_service_account(&id).await.map(drop)
        }
        11 => {
            let secret = ApiSecret::new(CANARY);
            let at = ProbeAt::ControlPlane;
            let told = Prober::default().probe(client, &at, &key, &secret).await;
            assert!(!format!("{told:?}").contains(CANARY), "{told:?}");
            Ok(())
        }
        12 => locate(client, "lksqlc-1", &environment).await,
        _ => locate(client, "aws.us-east-1", &environment).await,
    }
}

async fn locate(client: &Client, id: &str, environment: &EnvironmentId) -> Result<(), Error> {
    let resource = KeyResource::from_id(id, Some(environment.clone())).expect("a resource");
    client.locate(&resource, Some(environment)).await.map(drop)
}

pub(super) fn confluent_seeds() -> Vec<Vec<u8>> {
    let key = r#"{"id":"K1","metadata":{"resource_name":"crn://api.confluent.cloud/organization=0f0f/service-account=sa-1/api-key=K1","created_at":"2026-01-01T00:00:00Z"},"spec":{"secret":"s","display_name":"a","description":"b","owner":{"id":"sa-1","kind":"ServiceAccount"},"resource":{"id":"lkc-1","kind":"Cluster","environment":"env-1"}}}"#;
    let list = |item: &str| {
        format!(r#"{{"metadata":{{"next":"https://a/b?page_token=x"}},"data":[{item}]}}"#)
    };
    let problem = r#"{"errors":[{"id":"r","status":"403","code":"forbidden_access","title":"Forbidden","detail":"no","source":{"pointer":"/spec"}}]}"#;
    let bodies: Vec<(u8, u8, String)> = vec![
        (0, 0, list(key)),
        (1, 0, key.into()),
        (2, 7, key.into()),
        (3, 8, String::new()),
        (4, 0, list(r#"{"id":"lkc-1","spec":{"display_name":"c","availability":"LOW","cloud":"AWS","region":"r","config":{"kind":"Basic"},"kafka_bootstrap_endpoint":"SASL_SSL://h:9092","http_endpoint":"https://h","environment":{"id":"env-1"}},"status":{"phase":"PROVISIONED"}}"#)),
        (5, 0, r#"{"id":"lsrc-1","spec":{"display_name":"d","http_endpoint":"https://h","environment":{"id":"env-1"}},"status":{"phase":"PROVISIONED"}}"#.into()),
        (6, 0, list(r#"{"id":"0f0f","display_name":"o","jit_enabled":true}"#)),
        (7, 0, r#"{"id":"0f0f","display_name":"o"}"#.into()),
        (8, 0, list(r#"{"id":"iam.max","scope":"ORGANIZATION","applied_limit":10,"usage":3,"organization":{"id":"0f0f"}}"#)),
        (9, 0, list(r#"{"id":"rb-1","principal":"User:sa-1","role_name":"OrganizationAdmin","crn_pattern":"crn://confluent.cloud/organization=0f0f"}"#)),
        (10, 0, r#"{"id":"sa-1","display_name":"a","description":"b"}"#.into()),
        (11, 9, r#"{"error_code":40101,"message":"invalid API key"}"#.into()),
        (12, 0, r#"{"id":"lksqlc-1","spec":{"display_name":"q"},"status":{"phase":"PROVISIONED","http_endpoint":"https://h"}}"#.into()),
        (13, 0, list(r#"{"id":"aws.us-east-1","http_endpoint":"https://h","private_http_endpoint":""}"#)),
        (2, 2, problem.into()),
        (2, 10, problem.into()),
        (1, 4, r#"{"error":{"code":429,"message":"slow down"}}"#.into()),
        (1, 1, format!(r#"{{"errors":[{{"detail":"key {CANARY} is currently limited to 10"}}]}}"#)),
        (0, 5, "<html>bad gateway</html>".into()),
        // Leaving out control characters put the secret together again.
        (8, 11, CANARY.replacen('-', "-\0\0", 1)),
    ];
    let seed = |(call, status, body): (u8, u8, String)| [&[call, status], body.as_bytes()].concat();
    bodies.into_iter().map(seed).collect()
}

fn vault_client(address: &str) -> vault_client::Client {
    let mut settings = Settings::new(Url::parse(address).expect("an address"));
    settings.token = Some(Token::new(CANARY).expect("a token"));
    settings.retries = 0;
    vault_client::Client::new(settings).expect("a client can be made")
}

pub(super) fn vault(bytes: &[u8]) {
    static ANSWERED: OnceLock<Answered<vault_client::Client>> = OnceLock::new();
    let answered = ANSWERED.get_or_init(|| Answered::new(vault_client));
    let mut input = Input::new(bytes);
    let call = input.byte();
    answered.answer(&mut input);
    let repeated = String::from_utf8_lossy(input.rest()).contains(CANARY);
    let client = &answered.client;
    let outcome = answered.runtime.block_on(async {
        match call % 8 {
            0 => client.read("a/b", &[]).await.map(drop),
            1 => client.list("a").await.map(drop),
            2 => client.write("a/b", &Map::new()).await.map(drop),
            3 => client.health().await.map(drop),
            4 => client.seal_status().await.map(drop),
            5 => client.leader().await.map(drop),
            6 => client.lookup_lease("a/b/c").await.map(drop),
            _ => client.delete("a/b", &[]).await.map(drop),
        }
    });
    if let Err(error) = outcome {
        assert!(repeated || !error.to_string().contains(CANARY), "{error}");
    }
}

pub(super) fn vault_seeds() -> Vec<Vec<u8>> {
    let secret = r#"{"request_id":"r","lease_id":"a/b/c","renewable":true,"lease_duration":60,"data":{"keys":["a"],"n":1.5},"wrap_info":null,"warnings":["w"],"auth":{"client_token":"t","accessor":"a","policies":["p"],"lease_duration":1,"renewable":false}}"#;
    let seal = r#"{"type":"shamir","initialized":true,"sealed":false,"t":1,"n":1,"progress":0,"nonce":"","version":"1.18.3","build_date":"","migration":false,"cluster_name":"c","cluster_id":"i","recovery_seal":false,"storage_type":"inmem"}"#;
    let health = r#"{"initialized":true,"sealed":false,"standby":false,"performance_standby":false,"server_time_utc":1,"version":"1.18.3","cluster_name":"c"}"#;
    let leader = r#"{"ha_enabled":true,"is_self":true,"active_time":"2026-01-01T00:00:00Z","leader_address":"http://a","leader_cluster_address":"","performance_standby":false}"#;
    let bodies: &[(u8, u8, &str)] = &[
        (0, 0, secret),
        (1, 0, secret),
        (2, 0, secret),
        (2, 8, ""),
        (3, 0, health),
        (3, 14, health),
        (4, 0, seal),
        (5, 0, leader),
        (6, 0, secret),
        (0, 3, r#"{"errors":[]}"#),
        (
            0,
            2,
            r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#,
        ),
        (0, 5, "<html>"),
        (7, 8, ""),
    ];
    let seed =
        |(call, status, body): &(u8, u8, &str)| [&[*call, *status], body.as_bytes()].concat();
    bodies.iter().map(seed).collect()
}
