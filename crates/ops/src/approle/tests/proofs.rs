//! What is proven, and with what.

use super::world::World;
use crate::approle::{Evidence, Options, Revocation};

fn tried(world: &World) -> Vec<String> {
    let proofs = world.record().unwrap().proofs;
    proofs.into_iter().map(|proof| proof.tried).collect()
}

#[tokio::test]
async fn the_old_id_of_the_target_is_refused_and_the_new_one_logs_in() {
    let world = World::new(&["a"]);
    world.rotate(Options::default()).await.unwrap();
    assert_eq!(
        tried(&world),
        [
            "the new secret id, once delivered",
            "the old secret id",
            "the accessors of the old secret ids",
            "the new secret id, once the old ones are destroyed"
        ]
    );
    let proofs = world.record().unwrap().proofs;
    assert!(proofs[1].found.contains("invalid role or secret ID"));
    assert!(proofs[3].found.contains("logged in"));
}

#[tokio::test]
async fn without_an_old_id_a_witness_is_made_and_destroyed() {
    let world = World::new(&["a"]);
    world.state().files.insert("a".to_owned(), String::new());
    world.rotate(Options::default()).await.unwrap();
    assert_eq!(
        tried(&world)[1],
        "a secret id that was made and destroyed like the old ones"
    );
    assert_eq!(world.accessors().len(), 1);
}

#[tokio::test]
async fn evidence_tells_what_was_done_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidence.json");
    let world = World::new(&["a"]);
    let options = Options {
        revocation: Some(Revocation::Now),
        evidence: Some(file.display().to_string()),
        ..Options::default()
    };
    world.rotate(options).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("secret-"), "{text}");
    let evidence: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(evidence["stage"], "done");
    assert_eq!(evidence["role"], "orders");
    assert_eq!(evidence["destroyed_accessors"][0], "accessor-1");
    assert_eq!(evidence["revoked_token_accessors"][0], "old-token");
    assert_eq!(evidence["proofs"].as_array().unwrap().len(), 4);
    let record = world.record().unwrap();
    let again = serde_json::to_value(Evidence::of(&record)).unwrap();
    assert_eq!(again, evidence);
}
