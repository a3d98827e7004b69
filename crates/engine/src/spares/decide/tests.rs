//! What becomes of a spare, and which one a reader gets.

use jiff::SignedDuration;
use readiness::{Basis, Mode, Proof, Settings};

use super::*;
use crate::SecretText;
use crate::account_ref::AccountRef;
use crate::credential::{IssuedKey, Proving, example, later};
use crate::ids::KeyId;
use crate::role::sharing::SharedBy;
use crate::scope::SlotId;
use crate::spare_settings::SpareSettings;

const HOUR: i64 = 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// A role whose keys are proven, with spares that are kept for four hours.
fn role() -> Role {
    let role = serde_json::json!({
        "name": "warm", "target": { "owner": "sa-1", "resource": "lkc-1" },
        "ttl_seconds": 600, "max_ttl_seconds": HOUR, "generation": "GGGGGGGGGGGGG",
    });
    Role {
        readiness: Settings::of(Mode::Probe),
        spares: SpareSettings::new(1, 4 * 3600),
        ..serde_json::from_value(role).unwrap()
    }
}

/// The same, whose readers share a key until it is so many hours old.
fn sharing(hours: u64) -> Role {
    let mut role = role();
    role.sharing.by = SharedBy::Role;
    role.sharing.max_age_seconds = hours * 3600;
    role
}

fn organization(name: &str) -> OrganizationId {
    OrganizationId::new(name)
}

/// A spare of a role that was made at 0.
fn spare(role: &Role) -> Credential {
    Credential {
        purpose: role.purpose(),
        account: AccountRef::stored(None, Some(organization("org-1"))),
        sharing: sharing_of(role),
        state: State::Live {
            key: IssuedKey {
                id: KeyId::new("KEY"),
                secret: Some(SecretText::new("secret")),
                proving: Proving::Done(Proof {
                    basis: Basis::Probe,
                    at: at(60),
                }),
            },
        },
        pinned: true,
        ..example::intended(at(0))
    }
}

fn change(credential: &mut Credential, change: impl FnOnce(&mut IssuedKey)) {
    if let State::Live { key } = &mut credential.state {
        change(key);
    }
}

const FREE: Found = Found {
    may_be_in_the_making: false,
    is_in_slot: false,
};

/// What becomes of a spare of this role after a minute.
fn said(credential: &Credential, role: Option<&Role>) -> Verdict {
    let own = organization("org-1");
    judge(Some(credential), role, Some(&own), FREE, at(60))
}

fn goes(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::LetGo(_))
}

#[test]
fn a_spare_that_works_stays_until_nobody_took_it_in_time() {
    let role = role();
    let spare = spare(&role);
    assert_eq!(said(&spare, Some(&role)), Verdict::Keep(at(4 * HOUR)));
    let judged = |now| judge(Some(&spare), Some(&role), None, FREE, now);
    assert!(!goes(judged(at(4 * HOUR - 1))));
    assert!(goes(judged(at(4 * HOUR))));
}

#[test]
fn a_spare_that_is_not_proven_is_tried() {
    let role = role();
    let mut spare = spare(&role);
    change(&mut spare, |key| key.proving = Proving::UnderWay);
    assert_eq!(said(&spare, Some(&role)), Verdict::Try);
}

#[test]
fn a_pointer_without_a_spare_is_struck() {
    let role = role();
    assert_eq!(judge(None, Some(&role), None, FREE, at(0)), Verdict::Strike);
    let taken = Credential {
        pinned: false,
        ..spare(&role)
    };
    assert_eq!(said(&taken, Some(&role)), Verdict::Strike);
    let key = KeyId::new("KEY");
    for state in [
        State::Retiring {
            key: key.clone(),
            since: at(1),
            cause: None,
        },
        State::Gone {
            key,
            since: at(1),
            doubtful: true,
        },
    ] {
        let ended = Credential {
            state,
            ..spare(&role)
        };
        assert_eq!(said(&ended, Some(&role)), Verdict::Strike);
    }
}

#[test]
fn an_intent_is_left_to_its_maker_and_struck_after_that() {
    let role = role();
    let intent = Credential {
        state: State::Intended,
        ..spare(&role)
    };
    let judged = |may_be_in_the_making| {
        let found = Found {
            may_be_in_the_making,
            is_in_slot: false,
        };
        judge(Some(&intent), Some(&role), None, found, at(1))
    };
    assert_eq!(judged(true), Verdict::Making);
    assert_eq!(judged(false), Verdict::Strike);
}

#[test]
fn a_spare_goes_that_no_reader_of_its_role_can_get() {
    let wanted = role();
    let spare = spare(&wanted);
    assert!(goes(said(&spare, None)));
    let mut lost = spare.clone();
    change(&mut lost, |key| key.secret = None);
    assert!(goes(said(&lost, Some(&wanted))));
    let unasked = Role {
        readiness: Settings::of(Mode::None),
        ..wanted.clone()
    };
    for other in [unasked, sharing(0)] {
        assert!(goes(said(&spare, Some(&other))));
    }
    let other = organization("org-2");
    let judged = judge(Some(&spare), Some(&wanted), Some(&other), FREE, at(60));
    assert!(goes(judged));
}

#[test]
fn the_next_shared_key_waits_for_the_present_one_and_not_for_readers_of_spares() {
    let in_slot = Found {
        is_in_slot: true,
        ..FREE
    };
    for (hours, free, next) in [(2, 2, 2), (10, 4, 10), (0, 4, 4)] {
        let role = sharing(hours);
        let spare = spare(&role);
        let judged = |found| judge(Some(&spare), Some(&role), None, found, at(60));
        assert_eq!(judged(FREE), Verdict::Keep(at(free * HOUR)));
        assert_eq!(judged(in_slot), Verdict::Keep(at(next * HOUR)));
    }
}

fn ranked(credential: &Credential, role: &Role) -> Option<(bool, i64)> {
    let own = organization("org-1");
    rank(credential, (role, &role.purpose()), Some(&own), at(60))
}

/// One that works, one that does not yet, and both again, an hour younger.
fn of_two_ages(role: &Role) -> [Option<(bool, i64)>; 4] {
    let works = spare(role);
    let mut tried = works.clone();
    change(&mut tried, |key| key.proving = Proving::UnderWay);
    let younger = |credential: &Credential| Credential {
        intended_at: later(credential.intended_at, SignedDuration::from_hours(1)),
        ..credential.clone()
    };
    let all = [&works, &tried, &younger(&works), &younger(&tried)];
    all.map(|credential| ranked(credential, role))
}

#[test]
fn a_reader_rather_gets_a_spare_that_works_and_then_the_oldest() {
    for role in [role(), sharing(0)] {
        let [works, tried, younger, younger_tried] = of_two_ages(&role);
        assert!(works > younger && younger > tried && tried > younger_tried);
        assert!(younger_tried.is_some());
    }
}

#[test]
fn of_shared_keys_with_an_age_a_reader_rather_gets_the_youngest_that_works() {
    let [works, tried, younger, younger_tried] = of_two_ages(&sharing(2));
    assert!(younger > works && works > younger_tried && younger_tried > tried);
    assert!(tried.is_some());
}

#[test]
fn no_reader_gets_what_is_no_spare_of_the_role_any_more() {
    let wanted = role();
    let spare = spare(&wanted);
    let mut lost = spare.clone();
    change(&mut lost, |key| key.secret = None);
    let taken = Credential {
        pinned: false,
        ..spare.clone()
    };
    let old = Credential {
        intended_at: at(60 - 4 * HOUR),
        ..spare.clone()
    };
    for credential in [&lost, &taken, &old] {
        assert_eq!(ranked(credential, &wanted), None);
    }
    assert_eq!(ranked(&spare, &sharing(0)), None);
    let other = organization("org-2");
    assert_eq!(
        rank(&spare, (&wanted, &wanted.purpose()), Some(&other), at(60)),
        None
    );
    assert!(rank(&spare, (&wanted, &wanted.purpose()), None, at(60)).is_some());
}

fn slot(scope: &str) -> SlotId {
    SlotId {
        generation: role().generation,
        scope: serde_json::from_value(serde_json::json!(scope)).unwrap(),
    }
}

/// A key of one token, whose role has these hours as `max_age`.
fn of_token(hours: u64) -> (Role, SlotId, Credential) {
    let mut role = sharing(hours);
    role.sharing.by = SharedBy::Token;
    let slot = slot("00112233445566778899aabbccddeeff");
    let credential = Credential {
        purpose: role.purpose_of(&slot),
        ..spare(&role)
    };
    (role, slot, credential)
}

#[test]
fn a_key_of_one_token_is_for_readers_with_that_token_alone() {
    let (role, own, credential) = of_token(0);
    let other = slot("ffeeddccbbaa99887766554433221100");
    let ranked = |slot: &SlotId| rank(&credential, (&role, &role.purpose_of(slot)), None, at(60));
    assert!(ranked(&own).is_some());
    assert_eq!(ranked(&other), None);
    assert_eq!(
        rank(&credential, (&role, &role.purpose()), None, at(60)),
        None
    );
}

#[test]
fn keys_go_that_are_of_a_scope_unless_their_role_has_scopes() {
    let (by_token, _, of_token) = of_token(0);
    assert!(!goes(said(&of_token, Some(&by_token))));
    let by_role = sharing(0);
    assert!(goes(said(&of_token, Some(&by_role))));
    let of_role = spare(&by_role);
    assert!(!goes(said(&of_role, Some(&by_role))));
    assert!(goes(said(&of_role, Some(&by_token))));
}

/// It waits for a reader who may never come back.
#[test]
fn a_key_of_one_token_waits_for_an_hour_after_it_must_work() {
    let end = |hours| {
        let (role, _, credential) = of_token(hours);
        said(&credential, Some(&role))
    };
    let timeout = 20 * 60;
    assert_eq!(end(0), Verdict::Keep(at(timeout + HOUR)));
    assert_eq!(end(1), Verdict::Keep(at(HOUR)));
    assert_eq!(end(100), Verdict::Keep(at(timeout + 11 * HOUR)));
}
