//! Records and plans are for one server, and for one namespace of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ops::configuration::{Location, Lock, SavedPlan, Surroundings, interpret, read};

use super::fake::{Fake, OPTIONS, Owner};
use super::lock::holder;

fn owner() -> Owner {
    Owner {
        server: Fake::new(),
        name: "one",
    }
}

#[tokio::test]
async fn a_record_in_a_file_is_refused_for_another_namespace() {
    let one = owner();
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("record.json"));
    let take = async || {
        let lock = Lock {
            store: one.store_at(&location).await,
            clock: Arc::new(|| 1000),
        };
        let held = lock.take(&holder("sally"), Duration::ZERO).await?;
        lock.give_back(held).await
    };
    take().await.unwrap();
    one.server.set_namespace(Some("team"));
    let refused = take().await.unwrap_err().to_string();
    let expected = "it is of the server at `http://127.0.0.1:8200/`, and this one is at \
                    `http://127.0.0.1:8200/`, namespace `team`";
    assert!(refused.contains(expected), "{refused}");
    one.server.set_namespace(None);
    take().await.unwrap();
}

#[tokio::test]
async fn a_plan_is_refused_in_another_namespace() {
    let one = owner();
    one.server.set_namespace(Some("team/"));
    let plan = one.plan("version: 1", &OPTIONS).await.unwrap();
    let saved = SavedPlan::new(&plan, &OPTIONS, one.server.as_ref(), Vec::new());
    let saved = SavedPlan::parse(&serde_json::to_string(&saved).unwrap()).unwrap();
    saved.check_server(one.server.as_ref()).unwrap();
    one.server.set_namespace(Some("other"));
    let refused = saved.check_server(one.server.as_ref()).unwrap_err();
    let expected = "the plan is for the server at `http://127.0.0.1:8200/`, namespace `team`, and \
                    this one is at `http://127.0.0.1:8200/`, namespace `other`";
    assert_eq!(refused.to_string(), expected);
}

#[tokio::test]
async fn the_login_in_an_address_is_not_kept() {
    let one = owner();
    let plan = one.plan("version: 1", &OPTIONS).await.unwrap();
    let saved = SavedPlan::new(&plan, &OPTIONS, one.server.as_ref(), Vec::new());
    let text = serde_json::to_string(&saved).unwrap();
    assert!(
        !text.contains("hunter2") && !text.contains("user"),
        "{text}"
    );
}

#[test]
fn a_server_is_known_by_its_address_whatever_login_is_in_it() {
    let text = "{version: 1, servers: [{name: here, address: 'http://a:b@127.0.0.1:8200'}]}";
    let sources = read(&[PathBuf::from("-")], || Ok(text.to_owned())).unwrap();
    let at = |address| {
        let surroundings = Surroundings {
            environment: &|_| None,
            address: Some(address),
            server: None,
            owner: None,
            allow_literal_secrets: false,
        };
        interpret(&sources, &surroundings).map(|desired| desired.server)
    };
    let found = at("http://user:hunter2@127.0.0.1:8200/").unwrap();
    assert_eq!(found.as_deref(), Some("here"));
    let refused = at("http://user:hunter2@127.0.0.1:8201/").unwrap_err();
    let text = refused[0].to_string();
    assert!(
        text.contains("127.0.0.1:8201") && !text.contains("hunter2"),
        "{text}"
    );
}
