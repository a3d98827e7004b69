//! Calls a server through vaultrs, and prints what that made of each answer as one
//! JSON object for each call.
//!
//! Arguments: the address of the server, a root token, and its unseal key.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::error::Error;

use serde::Serialize;
use serde_json::{Value, json};
use vaultrs::api::ResponseWrapper;
use vaultrs::api::auth::approle::requests::SetAppRoleRequest;
use vaultrs::api::kv2::requests::{
    SetConfigurationRequest, SetSecretMetadataRequest, SetSecretRequestOptions,
};
use vaultrs::api::sys::requests::{EnableEngineRequest, ListMountsRequest};
use vaultrs::api::token::requests::{CreateTokenRequest, SetTokenRoleRequest};
use vaultrs::api::{AuthInfo, sys::requests::ReadPolicyRequest};
use vaultrs::auth::approle;
use vaultrs::client::{Client, VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::{cubbyhole, kv1, kv2, sys, token};

type Outcome<T> = Result<T, ClientError>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, root, unseal_key] = arguments.as_slice() else {
        return Err("usage: clients ADDRESS TOKEN UNSEAL_KEY".into());
    };
    let provider = rustls::crypto::ring::default_provider();
    provider
        .install_default()
        .map_err(|_| "a second provider")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut run = Run {
        address: address.clone(),
        client: client(address, root)?,
    };
    runtime.block_on(run.all(unseal_key))
}

fn client(address: &str, token: &str) -> Result<VaultClient, Box<dyn Error>> {
    let mut settings = VaultClientSettingsBuilder::default();
    Ok(VaultClient::new(
        settings.address(address).token(token).build()?,
    )?)
}

/// Prints what came of a call, and hands it on.
fn told<T: Serialize>(call: &str, outcome: Outcome<T>) -> Option<T> {
    let (told, value) = match outcome {
        Ok(value) => (json!({ "call": call, "ok": value }), Some(value)),
        Err(error) => (json!({ "call": call, "failed": cause(&error) }), None),
    };
    println!("{told}");
    value
}

/// Like [`told`], for what vaultrs does not serialize.
fn told_auth(call: &str, outcome: Outcome<AuthInfo>) -> Option<AuthInfo> {
    let shown = outcome.as_ref().map(|auth| {
        json!({
            "policies": auth.policies, "token_policies": auth.token_policies,
            "metadata": auth.metadata.as_ref().map(sorted), "lease_duration": auth.lease_duration,
            "renewable": auth.renewable, "token_type": auth.token_type, "orphan": auth.orphan,
            "accessor": auth.accessor, "client_token": auth.client_token,
        })
    });
    match shown {
        Ok(shown) => println!("{}", json!({ "call": call, "ok": shown })),
        Err(error) => println!("{}", json!({ "call": call, "failed": cause(error) })),
    }
    outcome.ok()
}

fn sorted(map: &HashMap<String, String>) -> BTreeMap<&str, &str> {
    map.iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn cause(error: &ClientError) -> Value {
    if let ClientError::APIError { code, errors } = error {
        return json!({ "status": code, "errors": errors });
    }
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        causes.push(source.to_string());
        next = source.source();
    }
    json!(causes)
}

struct Run {
    address: String,
    client: VaultClient,
}

impl Run {
    async fn all(&mut self, unseal_key: &str) -> Result<(), Box<dyn Error>> {
        self.mounts().await;
        self.kv_1().await;
        self.kv_2().await;
        self.policies().await;
        self.tokens().await?;
        self.approle().await?;
        self.cubbyhole().await;
        self.wrapping().await?;
        self.seal(unseal_key).await;
        Ok(())
    }

    async fn mounts(&self) {
        let client = &self.client;
        let kv = sys::mount::enable(client, "one", "kv", None).await;
        told("sys::mount::enable kv", kv);
        let options = HashMap::from([("version".to_owned(), "2".to_owned())]);
        let mut second = EnableEngineRequest::builder();
        second.description("of vaultrs").options(options);
        let kv_2 = sys::mount::enable(client, "two", "kv", Some(&mut second)).await;
        told("sys::mount::enable kv-v2", kv_2);
        let again = sys::mount::enable(client, "two", "kv", None).await;
        told("sys::mount::enable again", again);
        let list = sys::mount::list(client).await;
        let of_ours = |path: &str| path == "one/" || path == "two/";
        let list = list.map(|list| {
            let list = list.into_iter().filter(|(path, _)| of_ours(path));
            list.collect::<BTreeMap<_, _>>()
        });
        told("sys::mount::list", list);
        let configuration = sys::mount::get_configuration_of_a_secret_engine(client, "two").await;
        told(
            "sys::mount::get_configuration_of_a_secret_engine",
            configuration,
        );
        let moved = sys::mount::enable(client, "before", "kv", None).await;
        told("sys::mount::enable to be moved", moved);
        let remount = sys::remount::remount(client, "before", "after").await;
        if let Some(begun) = told("sys::remount::remount", remount) {
            loop {
                let status = sys::remount::remount_status(client, &begun.migration_id).await;
                let goes_on = status
                    .as_ref()
                    .is_ok_and(|status| status.migration_info.status == "in-progress");
                if !goes_on {
                    told("sys::remount::remount_status", status);
                    break;
                }
            }
        }
        let disabled = sys::mount::disable(client, "after").await;
        told("sys::mount::disable", disabled);
        let method = sys::auth::enable(client, "roles", "approle", None).await;
        told("sys::auth::enable", method);
        let methods = sys::auth::list(client).await;
        told(
            "sys::auth::list",
            methods.map(|all| all.into_iter().collect::<BTreeMap<_, _>>()),
        );
    }

    async fn kv_1(&self) {
        let client = &self.client;
        let data = HashMap::from([("password", "canary")]);
        let set = kv1::set(client, "one", "app/orders", &data).await;
        told("kv1::set", set);
        let get: Outcome<Value> = kv1::get(client, "one", "app/orders").await;
        told("kv1::get", get);
        let raw = kv1::get_raw(client, "one", "app/orders").await;
        told(
            "kv1::get_raw",
            raw.map(|raw| json!([raw.data, raw.lease_duration, raw.renewable, raw.lease_id])),
        );
        let list = kv1::list(client, "one", "app").await;
        told("kv1::list", list.map(|list| list.data.keys));
        let none = kv1::list(client, "one", "none").await;
        told("kv1::list of nothing", none.map(|list| list.data.keys));
        let delete = kv1::delete(client, "one", "app/orders").await;
        told("kv1::delete", delete);
        let gone: Outcome<Value> = kv1::get(client, "one", "app/orders").await;
        told("kv1::get of what is gone", gone);
    }

    async fn kv_2(&self) {
        let client = &self.client;
        let mut configuration = SetConfigurationRequest::builder();
        configuration
            .max_versions(4_u64)
            .delete_version_after("24h");
        let set = kv2::config::set(client, "two", Some(&mut configuration)).await;
        told("kv2::config::set", set);
        let read = kv2::config::read(client, "two").await;
        told("kv2::config::read", read);
        for value in ["first", "second", "third"] {
            let set = kv2::set(client, "two", "app/orders", &json!({ "password": value })).await;
            told("kv2::set", set);
        }
        for cas in [3, 1] {
            let options = SetSecretRequestOptions { cas };
            let data = json!({ "password": "fourth" });
            let set = kv2::set_with_options(client, "two", "app/orders", &data, options).await;
            told(&format!("kv2::set_with_options cas={cas}"), set);
        }
        let read: Outcome<Value> = kv2::read(client, "two", "app/orders").await;
        told("kv2::read", read);
        let version: Outcome<Value> = kv2::read_version(client, "two", "app/orders", 2).await;
        told("kv2::read_version", version);
        let list = kv2::list(client, "two", "app").await;
        told("kv2::list", list);
        let mut metadata = SetSecretMetadataRequest::builder();
        let custom = HashMap::from([("team".to_owned(), "payments".to_owned())]);
        metadata.max_versions(5_u64).custom_metadata(custom);
        let set = kv2::set_metadata(client, "two", "app/orders", Some(&mut metadata)).await;
        told("kv2::set_metadata", set);
        let delete = kv2::delete_latest(client, "two", "app/orders").await;
        told("kv2::delete_latest", delete);
        let gone: Outcome<Value> = kv2::read(client, "two", "app/orders").await;
        told("kv2::read of a deleted version", gone);
        let back = kv2::undelete_versions(client, "two", "app/orders", vec![4]).await;
        told("kv2::undelete_versions", back);
        let some = kv2::delete_versions(client, "two", "app/orders", vec![1, 2]).await;
        told("kv2::delete_versions", some);
        let destroyed = kv2::destroy_versions(client, "two", "app/orders", vec![1]).await;
        told("kv2::destroy_versions", destroyed);
        let metadata = kv2::read_metadata(client, "two", "app/orders").await;
        let metadata = metadata.and_then(|read| {
            serde_json::to_value(read).map_err(|source| ClientError::JsonParseError { source })
        });
        told("kv2::read_metadata", metadata);
        let all = kv2::delete_metadata(client, "two", "app/orders").await;
        told("kv2::delete_metadata", all);
        let none = kv2::read_metadata(client, "two", "app/orders").await;
        told("kv2::read_metadata of what is gone", none);
    }

    async fn policies(&self) {
        let client = &self.client;
        let text = "path \"two/data/app/*\" { capabilities = [\"read\"] }";
        let set = sys::policy::set(client, "Reader", text).await;
        told("sys::policy::set", set);
        let wrong = sys::policy::set(
            client,
            "wrong",
            "path \"two/*\" { capabilities = [\"fly\"] }",
        );
        told("sys::policy::set of a wrong one", wrong.await);
        let read = sys::policy::read(client, "reader").await;
        told("sys::policy::read", read);
        let list = sys::policy::list(client).await;
        told("sys::policy::list", list);
        let set = sys::policy::set(client, "passing", text).await;
        told("sys::policy::set for a while", set);
        let delete = sys::policy::delete(client, "passing").await;
        told("sys::policy::delete", delete);
    }

    async fn tokens(&self) -> Result<(), Box<dyn Error>> {
        let client = &self.client;
        let request = || {
            let mut request = CreateTokenRequest::builder();
            request
                .policies(vec!["reader".to_owned()])
                .ttl("1h")
                .display_name("of-vaultrs")
                .meta(HashMap::from([("team".to_owned(), "payments".to_owned())]));
            request
        };
        let made = token::new(client, Some(&mut request())).await;
        let made = told_auth("token::new", made).ok_or("no token")?;
        let lookup = token::lookup(client, &made.client_token).await;
        told("token::lookup", lookup);
        let lookup = token::lookup_accessor(client, &made.accessor).await;
        told("token::lookup_accessor", lookup);
        let lookup = token::lookup_self(client).await;
        told(
            "token::lookup_self",
            lookup.map(|read| json!([read.policies, read.ttl, read.path, read.renewable])),
        );
        let renewed = token::renew(client, &made.client_token, Some("2h")).await;
        told_auth("token::renew", renewed);
        let renewed = token::renew_accessor(client, &made.accessor, Some("30m")).await;
        told_auth("token::renew_accessor", renewed);
        let mut own = self::client(&self.address, &made.client_token)?;
        told_auth("client.renew", own.renew(Some("1h")).await);
        told("client.lookup", own.lookup().await);
        told("client.revoke", own.revoke().await);
        told("client.lookup when revoked", own.lookup().await);

        let orphan = token::new_orphan(client, None).await;
        let orphan = told_auth("token::new_orphan", orphan).ok_or("no orphan")?;
        let revoked = token::revoke_accessor(client, &orphan.accessor).await;
        told("token::revoke_accessor", revoked);
        let parent = token::new(client, Some(&mut request())).await?;
        told(
            "token::revoke_orphan",
            token::revoke_orphan(client, &parent.client_token).await,
        );
        let other = token::new(client, Some(&mut request())).await?;
        told(
            "token::revoke",
            token::revoke(client, &other.client_token).await,
        );
        own.set_token(&other.client_token);
        told_auth(
            "token::renew_self when revoked",
            token::renew_self(&own, None).await,
        );

        let mut role = SetTokenRoleRequest::builder();
        role.allowed_policies(vec!["reader".to_owned()])
            .orphan(true)
            .token_period("1h");
        told(
            "token::role::set",
            token::role::set(client, "ci", Some(&mut role)).await,
        );
        told("token::role::read", token::role::read(client, "ci").await);
        told("token::role::list", token::role::list(client).await);
        let made = token::new_role(client, "ci", None).await;
        told_auth("token::new_role", made);
        told(
            "token::role::delete",
            token::role::delete(client, "ci").await,
        );
        told(
            "token::role::read when gone",
            token::role::read(client, "ci").await,
        );
        told("token::tidy", token::tidy(client).await);
        Ok(())
    }

    async fn approle(&self) -> Result<(), Box<dyn Error>> {
        let client = &self.client;
        let mut role = SetAppRoleRequest::builder();
        role.token_policies(vec!["reader".to_owned()])
            .token_ttl("10m")
            .secret_id_num_uses(2_u64)
            .secret_id_ttl("1h");
        let set = approle::role::set(client, "roles", "orders", Some(&mut role)).await;
        told("approle::role::set", set);
        let read = approle::role::read(client, "roles", "orders").await;
        told("approle::role::read", read);
        let list = approle::role::list(client, "roles").await;
        told("approle::role::list", list);
        let update = approle::role::update_id(client, "roles", "orders", "orders-id").await;
        told("approle::role::update_id", update);
        let id = approle::role::read_id(client, "roles", "orders").await;
        told("approle::role::read_id", id);
        let made = approle::role::secret::generate(client, "roles", "orders", None).await;
        let made = told("approle::role::secret::generate", made).ok_or("no secret id")?;
        let own = "a-secret-id-of-ones-own";
        let custom = approle::role::secret::custom(client, "roles", "orders", own, None).await;
        told("approle::role::secret::custom", custom);
        let list = approle::role::secret::list(client, "roles", "orders").await;
        told("approle::role::secret::list", list);
        let read = approle::role::secret::read(client, "roles", "orders", &made.secret_id).await;
        told("approle::role::secret::read", read);
        let accessor = &made.secret_id_accessor;
        let read = approle::role::secret::read_accessor(client, "roles", "orders", accessor).await;
        told("approle::role::secret::read_accessor", read);

        let anybody = self::client(&self.address, "")?;
        let login = approle::login(&anybody, "roles", "orders-id", &made.secret_id).await;
        told_auth("approle::login", login);
        let login = approle::login(&anybody, "roles", "orders-id", "none").await;
        told_auth("approle::login with a wrong secret id", login);
        let delete =
            approle::role::secret::delete_accessor(client, "roles", "orders", accessor).await;
        told("approle::role::secret::delete_accessor", delete);
        let delete = approle::role::secret::delete(client, "roles", "orders", own).await;
        told("approle::role::secret::delete", delete);
        let login = approle::login(&anybody, "roles", "orders-id", &made.secret_id).await;
        told_auth("approle::login with a destroyed secret id", login);
        told("approle::tidy", approle::tidy(client, "roles").await);
        let delete = approle::role::delete(client, "roles", "orders").await;
        told("approle::role::delete", delete);
        let disabled = sys::auth::disable(client, "roles").await;
        told("sys::auth::disable", disabled);
        Ok(())
    }

    async fn cubbyhole(&self) {
        let client = &self.client;
        let data = HashMap::from([("note", "canary")]);
        told(
            "cubbyhole::set",
            cubbyhole::set(client, "cubbyhole", "mine", &data).await,
        );
        let get: Outcome<Value> = cubbyhole::get(client, "cubbyhole", "mine").await;
        told("cubbyhole::get", get);
        let list = cubbyhole::list(client, "cubbyhole", "").await;
        told("cubbyhole::list", list.map(|list| list.data.keys));
        let delete = cubbyhole::delete(client, "cubbyhole", "mine").await;
        told("cubbyhole::delete", delete);
    }

    async fn wrapping(&self) -> Result<(), Box<dyn Error>> {
        let client = &self.client;
        let request = ReadPolicyRequest::builder().name("reader").build()?;
        let wrapped = request.wrap(client).await?;
        told("wrapped.lookup", wrapped.lookup(client).await);
        told("wrapped.unwrap", wrapped.unwrap(client).await);
        let again = wrapped.unwrap(client).await;
        told("wrapped.unwrap again", again);
        let mounts = ListMountsRequest::builder().build()?;
        let wrapped = mounts.wrap(client).await?;
        let lookup = sys::wrapping::lookup(client, &wrapped.info.token).await;
        told("sys::wrapping::lookup", lookup);
        let holder = self::client(&self.address, &wrapped.info.token)?;
        let unwrapped: Outcome<Value> = sys::wrapping::unwrap(&holder, None).await;
        let has_mount = unwrapped.map(|mounts| mounts.get("two/").is_some());
        told("sys::wrapping::unwrap with its own token", has_mount);
        Ok(())
    }

    async fn seal(&self, unseal_key: &str) {
        let client = &self.client;
        let status =
            |outcome: Outcome<sys::ServerStatus>| outcome.map(|status| format!("{status:?}"));
        told("sys::health", sys::health(client).await);
        told("client.status", status(client.status().await));
        let init = sys::start_initialization(client, 1, 1, None).await;
        told("sys::start_initialization again", init);
        told("sys::seal", sys::seal(client).await);
        told("client.status when sealed", status(client.status().await));
        let sealed: Outcome<Value> = kv2::read(client, "two", "app/orders").await;
        told("kv2::read when sealed", sealed);
        let unsealed = sys::unseal(client, Some(unseal_key.to_owned()), None, None).await;
        told("sys::unseal", unsealed);
        let list = sys::policy::list(client).await;
        told("sys::policy::list when unsealed", list);
    }
}
