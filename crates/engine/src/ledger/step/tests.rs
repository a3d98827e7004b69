//! The rules, as small stories, and one property over random ones.

mod other_hands;

use proptest::prelude::*;

use super::*;
use crate::SecretText;
use crate::credential::{Proving, Purpose, example};
use crate::ids::RoleName;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// [`step`](super::step) at a second.
fn step_at(credential: &mut Credential, event: Event, now: i64) -> Result<Vec<Effect>, Refusal> {
    super::step(credential, event, at(now))
}

/// The same where the time does not matter.
fn step(credential: &mut Credential, event: Event) -> Result<Vec<Effect>, Refusal> {
    step_at(credential, event, 0)
}

fn holder(name: u8, deadline: i64) -> (HolderId, Holder) {
    let letter = char::from(b'A' + name);
    let id = HolderId::parse(&letter.to_string().repeat(13)).unwrap();
    (id, Holder::new(at(0), at(deadline)))
}

fn intended(sharing: Sharing) -> Credential {
    Credential {
        sharing,
        ..example::intended(at(0))
    }
}

fn key() -> KeyId {
    KeyId::new("KEY")
}

fn live(sharing: Sharing, first: (HolderId, Holder)) -> Credential {
    let mut credential = intended(sharing);
    let key = IssuedKey {
        id: key(),
        secret: (sharing == Sharing::Shared).then(|| SecretText::new("secret")),
        proving: Proving::NotAsked,
    };
    let made = Event::Made {
        key,
        holder: Some(first),
        organization: None,
    };
    step(&mut credential, made).unwrap();
    credential
}

#[test]
fn a_shared_key_is_stored_with_its_first_holder() {
    let mut credential = intended(Sharing::Shared);
    let first = holder(0, 100);
    let key = IssuedKey::without_secret(key());
    let effects = step(
        &mut credential,
        Event::Made {
            key,
            holder: Some(first.clone()),
            organization: None,
        },
    );
    assert_eq!(effects, Ok(vec![Effect::SaveHolder(first.0), Effect::Save]));
}

#[test]
fn a_single_use_key_is_deleted_at_once_when_its_lease_ends() {
    let first = holder(0, 100);
    let mut credential = live(Sharing::SingleUse, first.clone());
    let release = Event::Release { holder: first.0 };
    assert_eq!(
        step(&mut credential, release),
        Ok(vec![Effect::Delete(key())])
    );
    assert_eq!(
        step(&mut credential, Event::Deleted { doubtful: false }),
        Ok(vec![Effect::Save])
    );
    assert!(matches!(credential.state, State::Gone { .. }));
}

#[test]
fn a_shared_key_stays_while_another_holds_it() {
    let (first, second) = (holder(0, 100), holder(1, 100));
    let mut credential = live(Sharing::Shared, first.clone());
    step(
        &mut credential,
        Event::Attach {
            holder: second.clone(),
        },
    )
    .unwrap();
    let release = |holder: &(HolderId, Holder)| Event::Release {
        holder: holder.0.clone(),
    };
    assert_eq!(
        step(&mut credential, release(&first)),
        Ok(vec![Effect::DropHolder(first.0.clone())])
    );
    assert_eq!(
        step(&mut credential, release(&second)),
        Ok(vec![
            Effect::DropHolder(second.0.clone()),
            Effect::Save,
            Effect::Recheck
        ])
    );
}

#[test]
fn a_shared_key_that_another_process_handed_out_is_kept_for_it() {
    let first = holder(0, 100);
    let mut credential = live(Sharing::Shared, first.clone());
    let release = Event::Release { holder: first.0 };
    step(&mut credential, release).unwrap();
    let other = holder(7, 500);
    let rechecked = Event::Rechecked {
        holders: vec![other.clone()],
        pinned: false,
    };
    assert_eq!(step(&mut credential, rechecked), Ok(vec![Effect::Save]));
    assert!(matches!(credential.state, State::Live { .. }));
    assert!(credential.holders.contains_key(&other.0));
    let attach = Event::Attach {
        holder: holder(2, 100),
    };
    assert_eq!(step(&mut credential, attach), Err(Refusal::NotLive));
}

#[test]
fn nobody_attaches_to_a_key_that_is_retiring() {
    let first = holder(0, 100);
    let mut credential = live(Sharing::Shared, first.clone());
    let release = Event::Release { holder: first.0 };
    step(&mut credential, release).unwrap();
    let attach = Event::Attach {
        holder: holder(1, 100),
    };
    assert_eq!(step(&mut credential, attach), Err(Refusal::NotLive));
}

#[test]
fn a_second_lease_never_gets_a_single_use_key() {
    let mut credential = live(Sharing::SingleUse, holder(0, 100));
    let attach = Event::Attach {
        holder: holder(1, 100),
    };
    assert_eq!(step(&mut credential, attach), Err(Refusal::NotShared));
}

#[test]
fn a_deadline_never_moves_back() {
    let mut credential = live(Sharing::SingleUse, holder(0, 100));
    let renew = Event::Renew {
        holder: holder(0, 50),
    };
    step(&mut credential, renew).unwrap();
    assert_eq!(credential.holders[&holder(0, 0).0].deadline(), at(100));
}

#[test]
fn renewing_an_unknown_holder_of_a_live_key_makes_it_again() {
    let mut credential = live(Sharing::Shared, holder(0, 100));
    let unknown = holder(3, 200);
    let renew = Event::Renew {
        holder: unknown.clone(),
    };
    assert_eq!(
        step(&mut credential, renew),
        Ok(vec![Effect::SaveHolder(unknown.0)])
    );
}

#[test]
fn a_holder_lapses_at_its_deadline_and_not_before() {
    let mut credential = live(Sharing::SingleUse, holder(0, 100));
    assert_eq!(step_at(&mut credential, Event::Lapse, 99), Ok(Vec::new()));
    assert_eq!(
        step_at(&mut credential, Event::Lapse, 100),
        Ok(vec![Effect::Delete(key())])
    );
}

#[test]
fn a_key_that_is_found_after_a_lost_answer_is_deleted() {
    let mut credential = intended(Sharing::SingleUse);
    let found = Event::Found { key: key() };
    assert_eq!(
        step(&mut credential, found),
        Ok(vec![Effect::Save, Effect::Delete(key())])
    );
}

#[test]
fn an_intent_without_a_key_is_kept_for_a_day() {
    let mut credential = intended(Sharing::SingleUse);
    let hour = 3600;
    assert_eq!(
        step_at(&mut credential, Event::NotFound, 23 * hour),
        Ok(Vec::new())
    );
    assert_eq!(
        step_at(&mut credential, Event::NotFound, 24 * hour),
        Ok(vec![Effect::Forget])
    );
}

#[test]
fn a_key_that_cannot_be_deleted_costs_one_write_however_often_it_is_tried() {
    let first = holder(0, 100);
    let mut credential = live(Sharing::SingleUse, first.clone());
    let release = Event::Release { holder: first.0 };
    step(&mut credential, release).unwrap();
    let failed = || Event::DeleteFailed {
        cause: "unreachable".into(),
    };
    assert_eq!(step(&mut credential, failed()), Ok(vec![Effect::Save]));
    assert_eq!(step(&mut credential, failed()), Ok(Vec::new()));
}

#[test]
fn a_tombstone_that_lies_among_what_is_looked_at_is_moved() {
    let mut credential = live(Sharing::SingleUse, holder(0, 100));
    let deleted = Event::Deleted { doubtful: false };
    step(&mut credential, deleted).unwrap();
    assert_eq!(
        step_at(&mut credential, Event::Lapse, 1),
        Ok(vec![Effect::Save])
    );
}

#[test]
fn an_operator_ends_a_key_that_others_hold_and_its_holders_go_with_it() {
    let first = holder(0, 100);
    let mut credential = live(Sharing::Shared, first.clone());
    assert_eq!(
        step_at(&mut credential, Event::Kill, 5),
        Ok(vec![Effect::Save, Effect::Delete(key())])
    );
    let attach = Event::Attach {
        holder: holder(1, 100),
    };
    assert_eq!(step(&mut credential, attach), Err(Refusal::NotLive));
    let deleted = Event::Deleted { doubtful: false };
    assert_eq!(
        step(&mut credential, deleted),
        Ok(vec![Effect::Save, Effect::DropHolder(first.0)])
    );
}

#[test]
fn the_key_of_an_intent_older_than_a_day_is_not_touched() {
    let mut credential = intended(Sharing::SingleUse);
    let day = 24 * 3600;
    let found = || Event::Found { key: key() };
    assert_eq!(step_at(&mut credential, found(), day), Ok(Vec::new()));
    assert_eq!(credential.state, State::Intended);
    let effects = step_at(&mut credential, found(), day - 1);
    assert_eq!(effects, Ok(vec![Effect::Save, Effect::Delete(key())]));
}

fn any_event() -> impl Strategy<Value = Event> {
    let who = (0_u8..4, 0_i64..200).prop_map(|(name, deadline)| holder(name, deadline));
    prop_oneof![
        who.clone().prop_map(|holder| Event::Attach { holder }),
        who.clone().prop_map(|holder| Event::Renew { holder }),
        who.prop_map(|holder| Event::Release { holder: holder.0 }),
        Just(Event::Lapse),
        any::<bool>().prop_map(|doubtful| Event::Deleted { doubtful }),
        any::<bool>().prop_map(|exists| Event::LookedAgain { exists }),
        Just(Event::Rechecked {
            holders: Vec::new(),
            pinned: false
        }),
        Just(Event::DeleteFailed {
            cause: "unreachable".into()
        }),
    ]
}

proptest! {
    /// No early death: whatever happens, a key is deleted only when no holder
    /// is left, and it is not live without one.
    #[test]
    fn a_key_with_a_holder_is_never_deleted(
        events in prop::collection::vec((any_event(), 0_i64..200), 1..40),
    ) {
        for sharing in [Sharing::SingleUse, Sharing::Shared] {
            let mut credential = live(sharing, holder(0, 100));
            for (event, now) in events.clone() {
                let Ok(effects) = step_at(&mut credential, event, now) else { continue };
                let deletes = effects.iter().any(|effect| matches!(effect, Effect::Delete(_)));
                prop_assert!(!deletes || credential.holders.is_empty());
                let is_live = matches!(credential.state, State::Live { .. });
                prop_assert_eq!(is_live, !credential.holders.is_empty());
            }
        }
    }
}

/// A wall clock that was ahead when the key began to retire puts nothing off.
#[test]
fn a_key_that_is_retiring_is_due_whatever_the_clock_said_when_it_began() {
    let mut credential = live(Sharing::SingleUse, holder(0, 100));
    step_at(&mut credential, Event::Kill, 1_000_000).unwrap();
    assert!(credential.due() <= at(0));
    assert!(credential.due_again(at(0)) <= at(60));
}

fn pinned(sharing: Sharing) -> Credential {
    let mut credential = intended(sharing);
    credential.pinned = true;
    let made = Event::Made {
        key: IssuedKey::without_secret(key()),
        holder: None,
        organization: None,
    };
    assert_eq!(step(&mut credential, made), Ok(vec![Effect::Save]));
    credential
}

#[test]
fn a_key_that_neither_holder_nor_pin_would_keep_is_not_entered() {
    let mut credential = intended(Sharing::SingleUse);
    let made = Event::Made {
        key: IssuedKey::without_secret(key()),
        holder: None,
        organization: None,
    };
    assert_eq!(step(&mut credential, made), Err(Refusal::NotJustified));
    assert_eq!(credential, intended(Sharing::SingleUse));
}

#[test]
fn a_pinned_key_outlives_its_last_holder_and_is_due_at_no_time() {
    for sharing in [Sharing::SingleUse, Sharing::Shared] {
        let mut credential = live(sharing, holder(0, 10));
        assert_eq!(step(&mut credential, Event::Pin), Ok(vec![Effect::Save]));
        let effects = step_at(&mut credential, Event::Lapse, 11).unwrap();
        assert!(
            !effects
                .iter()
                .any(|effect| matches!(effect, Effect::Delete(_)))
        );
        assert!(matches!(credential.state, State::Live { .. }));
        assert_eq!(credential.due(), Timestamp::MAX);
    }
}

#[test]
fn a_key_that_is_let_go_lives_through_its_grace_and_no_longer() {
    for sharing in [Sharing::SingleUse, Sharing::Shared] {
        let mut credential = pinned(sharing);
        let unpin = Event::Unpin {
            grace: Some(holder(3, 50)),
        };
        let effects = step(&mut credential, unpin).unwrap();
        assert_eq!(effects.last(), Some(&Effect::Save));
        step_at(&mut credential, Event::Lapse, 49).unwrap();
        assert!(matches!(credential.state, State::Live { .. }));
        step_at(&mut credential, Event::Lapse, 50).unwrap();
        assert!(matches!(credential.state, State::Retiring { .. }));
    }
}

#[test]
fn a_key_that_is_let_go_without_grace_retires_at_once() {
    let mut credential = pinned(Sharing::SingleUse);
    let unpin = Event::Unpin { grace: None };
    assert_eq!(
        step(&mut credential, unpin),
        Ok(vec![Effect::Save, Effect::Delete(key())])
    );
    assert_eq!(step(&mut credential, Event::Pin), Err(Refusal::NotLive));
}

proptest! {
    /// Only what nothing justifies retires, in whatever order holders and pins
    /// come and go.
    #[test]
    fn a_key_retires_exactly_when_neither_holder_nor_pin_is_left(
        shared in any::<bool>(),
        events in prop::collection::vec((0..5_u8, 0..4_u8), 1..30),
    ) {
        let sharing = if shared { Sharing::Shared } else { Sharing::SingleUse };
        let mut credential = pinned(sharing);
        for (what, name) in events {
            let event = match what {
                0 => Event::Pin,
                1 => Event::Unpin { grace: None },
                2 => Event::Unpin { grace: Some(holder(name, 100)) },
                3 => Event::Renew { holder: holder(name, 100) },
                _ => Event::Release { holder: holder(name, 0).0 },
            };
            let before = credential.clone();
            let refused = step(&mut credential, event).is_err();
            let live = matches!(credential.state, State::Live { .. });
            if refused {
                prop_assert_eq!(&credential, &before);
            } else {
                prop_assert_eq!(live, credential.is_justified());
            }
            if !live {
                break;
            }
        }
    }
}

#[test]
fn a_shared_key_that_retires_without_a_cause_is_not_deleted_before_its_holders_are_listed_again() {
    let (first, second) = (holder(0, 100), holder(1, 100));
    let mut credential = live(Sharing::Shared, first.clone());
    let retire = Event::Release { holder: first.0 };
    step(&mut credential, retire).unwrap();
    let release = Event::Release {
        holder: second.0.clone(),
    };
    let effects = step(&mut credential, release).unwrap();
    let dropped = Effect::DropHolder(second.0);
    assert_eq!(effects, [dropped, Effect::Save, Effect::Recheck]);
    let lapsed = step_at(&mut credential, Event::Lapse, 3).unwrap();
    assert_eq!(lapsed, [Effect::Save, Effect::Recheck]);
    let failed = Event::DeleteFailed {
        cause: "no answer".into(),
    };
    step(&mut credential, failed).unwrap();
    let again = step_at(&mut credential, Event::Lapse, 4).unwrap();
    assert_eq!(again, [Effect::Delete(key())]);
}
