//! Keys that go from one hand to another: spares that are taken, keys that static
//! roles import, take over or leave, and keys that never worked.

use readiness::Basis;

use super::*;

/// A spare: a key with its secret that a pointer names.
fn spare(sharing: Sharing) -> Credential {
    let mut credential = intended(sharing);
    credential.pinned = true;
    let key = IssuedKey {
        id: key(),
        secret: Some(SecretText::new("secret")),
        proving: Proving::UnderWay,
    };
    let made = Event::Made {
        key,
        holder: None,
        organization: None,
    };
    step(&mut credential, made).unwrap();
    credential
}

fn requester() -> RequestedBy {
    RequestedBy {
        name: "token-reader".into(),
        entity: String::new(),
        accessor_hash: String::new(),
    }
}

fn take(name: u8) -> Event {
    Event::Take {
        holder: holder(name, 100),
        requester: Some(Box::new(requester())),
    }
}

fn stored_secret(credential: &Credential) -> Option<&SecretText> {
    credential.live_key().and_then(|key| key.secret.as_ref())
}

#[test]
fn a_spare_becomes_the_key_of_one_lease_in_one_write_without_its_secret() {
    let mut credential = spare(Sharing::SingleUse);
    assert_eq!(step(&mut credential, take(0)), Ok(vec![Effect::Save]));
    assert!(!credential.pinned);
    assert_eq!(stored_secret(&credential), None);
    assert_eq!(credential.requester.as_deref(), Some(&requester()));
    assert_eq!(credential.holders, [holder(0, 100)].into());
}

#[test]
fn a_shared_spare_keeps_its_secret_and_its_holder_is_written_with_it() {
    let mut credential = spare(Sharing::Shared);
    let effects = step(&mut credential, take(0)).unwrap();
    assert_eq!(effects, [Effect::SaveHolder(holder(0, 0).0), Effect::Save]);
    assert!(!credential.pinned);
    assert_eq!(stored_secret(&credential), Some(&SecretText::new("secret")));
    assert_eq!(credential.requester.as_deref(), Some(&requester()));
    assert_eq!(credential.holders, [holder(0, 100)].into());
}

#[test]
fn a_spare_is_taken_once() {
    for sharing in [Sharing::SingleUse, Sharing::Shared] {
        let mut credential = spare(sharing);
        step(&mut credential, take(0)).unwrap();
        let taken = credential.clone();
        assert_eq!(step(&mut credential, take(1)), Err(Refusal::NotSpare));
        assert_eq!(credential, taken);
    }
}

/// A write of the entry would hide from whoever took it that another process did.
#[test]
fn a_key_that_was_handed_out_to_one_lease_is_not_written_when_it_is_proven() {
    let proven = |credential: &mut Credential| {
        let proof = Proof {
            basis: Basis::Probe,
            at: at(60),
        };
        step(credential, Event::Proven { proof })
    };
    for (sharing, written) in [
        (Sharing::SingleUse, vec![]),
        (Sharing::Shared, vec![Effect::Save]),
    ] {
        let mut credential = spare(sharing);
        step(&mut credential, take(0)).unwrap();
        assert_eq!(proven(&mut credential), Ok(written));
    }
}

#[test]
fn a_lease_on_what_looks_like_a_spare_is_its_readers_once_it_is_renewed() {
    let mut credential = spare(Sharing::SingleUse);
    let renewed = Event::Renew {
        holder: holder(0, 100),
    };
    assert_eq!(
        step(&mut credential, renewed.clone()),
        Ok(vec![Effect::Save])
    );
    assert!(!credential.is_spare());
    assert_eq!(stored_secret(&credential), None);
    let mut shared = spare(Sharing::Shared);
    step(&mut shared, renewed).unwrap();
    assert!(shared.is_spare() && stored_secret(&shared).is_some());
}

#[test]
fn nobody_takes_a_key_that_is_not_there_or_whose_secret_is_lost() {
    let mut intent = intended(Sharing::SingleUse);
    intent.pinned = true;
    assert_eq!(step(&mut intent, take(0)), Err(Refusal::NotLive));
    let mut lost = pinned(Sharing::SingleUse);
    assert_eq!(step(&mut lost, take(0)), Err(Refusal::NotSpare));
    let mut ended = spare(Sharing::SingleUse);
    step_at(&mut ended, Event::Kill, 1).unwrap();
    assert_eq!(step(&mut ended, take(0)), Err(Refusal::NotLive));
}

#[test]
fn nobody_takes_the_key_that_a_static_role_serves() {
    let mut credential = spare(Sharing::Shared);
    step(&mut credential, take_over("orders")).unwrap();
    assert_eq!(step(&mut credential, take(0)), Err(Refusal::NotSpare));
}

#[test]
fn a_key_that_never_worked_is_withdrawn_from_new_readers_by_one_write() {
    let mut credential = live(Sharing::Shared, holder(0, 100));
    let withdrawn = step(&mut credential, Event::Withdraw);
    assert_eq!(withdrawn, Ok(vec![Effect::Save]));
    let attach = Event::Attach {
        holder: holder(1, 100),
    };
    assert_eq!(step(&mut credential, attach), Err(Refusal::NotLive));
    assert_eq!(credential.holders.len(), 1);
    assert_eq!(step(&mut credential, Event::Withdraw), Ok(Vec::new()));
    step_at(&mut credential, Event::Kill, 1).unwrap();
    let refused = step(&mut credential, Event::Withdraw);
    assert_eq!(refused, Err(Refusal::NotLive));
}

#[test]
fn the_secret_of_the_last_import_counts_and_the_same_again_writes_nothing() {
    let import = |text: &str, proving| Event::Import {
        secret: SecretText::new(text),
        proving,
    };
    let at = at(1);
    let proof = |basis| Proving::Done(Proof { basis, at });
    let probed = proof(readiness::Basis::Probe);
    let mut credential = live(Sharing::Shared, holder(0, 100));
    let first = import("first", Proving::NotAsked);
    assert_eq!(step(&mut credential, first), Ok(vec![Effect::Save]));
    assert!(credential.pinned);
    let second = import("second", probed);
    let effects = step(&mut credential, second.clone());
    assert_eq!(effects, Ok(vec![Effect::Save]));
    assert_eq!(stored_secret(&credential), Some(&SecretText::new("second")));
    assert_eq!(credential.live_key().unwrap().proving, probed);
    assert_eq!(step(&mut credential, second.clone()), Ok(Vec::new()));
    step_at(&mut credential, Event::Kill, 1).unwrap();
    assert_eq!(step(&mut credential, second), Err(Refusal::NotLive));
}

fn take_over(by: &str) -> Event {
    Event::TakeOver {
        by: RoleName::new(by),
        proving: Proving::NotAsked,
    }
}

#[test]
fn a_shared_key_is_taken_over_once_by_one_static_role() {
    let mut credential = spare(Sharing::Shared);
    step(&mut credential, take(0)).unwrap();
    let first = step(&mut credential, take_over("orders"));
    assert_eq!(first, Ok(vec![Effect::Save]));
    let taken = credential.clone();
    assert!(taken.pinned && taken.purpose.slot().is_none());
    assert_eq!(taken.live_key().unwrap().proving, Proving::NotAsked);
    assert_eq!(taken.holders.len(), 1);
    step(&mut credential, take_over("orders")).unwrap();
    assert_eq!(credential, taken);
    let other = step(&mut credential, take_over("payments"));
    assert_eq!(other, Err(Refusal::TakenOver));
    assert_eq!(credential, taken);
}

#[test]
fn a_static_role_takes_over_only_a_shared_key_that_lives_with_its_secret() {
    let mut single = live(Sharing::SingleUse, holder(0, 100));
    let refused = step(&mut single, take_over("orders"));
    assert_eq!(refused, Err(Refusal::NotShared));
    let mut withdrawn = live(Sharing::Shared, holder(0, 100));
    step(&mut withdrawn, Event::Withdraw).unwrap();
    let mut ended = live(Sharing::Shared, holder(0, 100));
    step_at(&mut ended, Event::Kill, 1).unwrap();
    for mut credential in [withdrawn, ended] {
        let refused = step(&mut credential, take_over("orders"));
        assert_eq!(refused, Err(Refusal::NotLive));
    }
}

#[test]
fn a_key_that_is_left_alone_leaves_the_ledger_unless_leases_hold_it() {
    let mut credential = pinned(Sharing::Shared);
    let left = step(&mut credential, Event::Leave);
    assert_eq!(left, Ok(vec![Effect::Forget]));
    let mut held = live(Sharing::Shared, holder(0, 100));
    step(&mut held, Event::Pin).unwrap();
    let before = held.clone();
    assert_eq!(step(&mut held, Event::Leave), Ok(Vec::new()));
    assert_eq!(held, before);
    // Whoever retires deletes the key: forgetting it would leave it for ever.
    step_at(&mut held, Event::Kill, 1).unwrap();
    assert_eq!(step(&mut held, Event::Leave), Err(Refusal::NotLive));
}

#[test]
fn a_proof_that_came_first_stays() {
    let proven = |basis, second| Event::Proven {
        proof: Proof {
            basis,
            at: at(second),
        },
    };
    let mut credential = spare(Sharing::SingleUse);
    let first = step(&mut credential, proven(readiness::Basis::Probe, 1));
    assert_eq!(first, Ok(vec![Effect::Save]));
    let before = credential.clone();
    let again = step(&mut credential, proven(readiness::Basis::Assumed, 2));
    assert_eq!(again, Ok(Vec::new()));
    assert_eq!(credential, before);
}

#[test]
fn a_grace_that_is_given_twice_is_not_shortened() {
    let mut credential = spare(Sharing::Shared);
    let unpin = |deadline| Event::Unpin {
        grace: Some(holder(3, deadline)),
    };
    step(&mut credential, unpin(50)).unwrap();
    step(&mut credential, Event::Pin).unwrap();
    step(&mut credential, unpin(20)).unwrap();
    assert_eq!(credential.holders, [holder(3, 50)].into());
}

#[test]
fn a_key_of_one_lease_that_is_let_go_with_a_grace_stores_no_secret() {
    let mut credential = spare(Sharing::SingleUse);
    let unpin = Event::Unpin {
        grace: Some(holder(3, 50)),
    };
    step(&mut credential, unpin).unwrap();
    assert_eq!(stored_secret(&credential), None);
}

#[test]
fn a_time_away_extends_leases_and_no_grace_of_a_static_role() {
    let away = || Event::Away {
        since: at(10),
        until: at(200),
        longest: SignedDuration::from_hours(1),
    };
    let mut leased = live(Sharing::Shared, holder(0, 100));
    let extended = step(&mut leased, away());
    assert_eq!(extended, Ok(vec![Effect::SaveHolder(holder(0, 0).0)]));
    let purpose = Purpose::Static {
        static_role: RoleName::new("orders"),
        adopted: None,
    };
    let mut grace = Credential {
        purpose,
        ..live(Sharing::Shared, holder(0, 100))
    };
    assert_eq!(step(&mut grace, away()), Ok(Vec::new()));
    assert_eq!(grace.holders, [holder(0, 100)].into());
}

#[test]
fn a_shared_key_whose_deletion_takes_long_gets_no_cause_before_its_holders_are_listed_again() {
    let late = || Event::DeleteLate {
        cause: "its deletion took long".into(),
    };
    let retiring = |sharing| {
        let mut credential = live(sharing, holder(0, 100));
        let release = Event::Release {
            holder: holder(0, 0).0,
        };
        step(&mut credential, release).unwrap();
        credential
    };
    let mut single = retiring(Sharing::SingleUse);
    assert_eq!(step(&mut single, late()), Ok(vec![Effect::Save]));
    let mut shared = retiring(Sharing::Shared);
    assert_eq!(step(&mut shared, late()), Ok(Vec::new()));
    let again = step_at(&mut shared, Event::Lapse, 2);
    assert_eq!(again, Ok(vec![Effect::Save, Effect::Recheck]));
}
