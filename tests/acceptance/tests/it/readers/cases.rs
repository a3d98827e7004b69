//! Random credentials: such as Confluent makes, and such as nobody makes, with
//! every character that some reader takes for something else.

use credential_formats::{Credential, Fields, Kind, Profile, Refusal, SecretText, fields};
use logical::Entropy as _;
use virtual_world::SeededEntropy;

/// How many credentials every reader must read.
const CASES: usize = 5000;
/// The seed of all of them.
const SEED: u64 = 0x10c4;

/// Where secrets are taken from, each as likely as the others.
const ALPHABETS: [Alphabet; 6] = [
    // Confluent's own.
    Alphabet::Texts("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
    Alphabet::Range(' ', '~'),
    // What means something in some file.
    Alphabet::Texts("'\"\\$`{}()[]<>#:;=!%&*?|~@,- ab01nrtux"),
    Alphabet::Texts(" \t\n\r\u{b}\u{c}\0\u{1}\u{1b}\u{7f}\u{80}\u{85}\u{a0}\u{ad}ab'\"\\$"),
    Alphabet::Texts(
        "äßéœЖ字。\u{2028}\u{2029}\u{200b}\u{feff}\u{fffd}\u{ffff}\u{e000}😀𝕏\u{10ffff}a'\"\\",
    ),
    Alphabet::Range('\0', '\u{10ffff}'),
];

enum Alphabet {
    Texts(&'static str),
    Range(char, char),
}

/// A credential that some profile or form can hold.
pub(super) struct Case {
    pub(super) number: usize,
    pub(super) credential: Credential,
}

impl Case {
    pub(super) fn key(&self) -> &str {
        &self.credential.key_id
    }

    pub(super) fn secret(&self) -> &str {
        self.credential.secret.expose()
    }
}

/// Credentials that a profile and a form can hold, with the fields and what was
/// made of them.
///
/// # Panics
///
/// When most are refused: then there is not much to read.
pub(super) fn held_by<T>(
    profile: Profile,
    write: impl Fn(&Fields) -> Result<T, Refusal>,
) -> Vec<(Case, Fields, T)> {
    let random = Random(SeededEntropy::new(SEED));
    let mut held = Vec::with_capacity(CASES);
    let mut refused = 0;
    while held.len() < CASES {
        let number = held.len();
        let credential = random.credential(profile.kind().unwrap_or(Kind::Kafka));
        let written = fields(&[profile], &credential)
            .and_then(|fields| write(&fields).map(|written| (fields, written)));
        match written {
            Ok((fields, written)) => held.push((Case { number, credential }, fields, written)),
            Err(_) => refused += 1,
        }
        assert!(refused <= 2 * CASES, "{refused} were refused");
    }
    held
}

struct Random(SeededEntropy);

impl Random {
    fn credential(&self, kind: Kind) -> Credential {
        // Mostly as Confluent makes them, so that the secret is what is tried.
        let key = if self.below(4) > 0 {
            self.text(&Alphabet::Texts("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 16)
        } else {
            self.any(20)
        };
        let secret = if self.below(4) == 0 {
            self.text(&ALPHABETS[0], 64)
        } else {
            self.any(90)
        };
        Credential {
            bootstrap_servers: Some("pkc-1.example:9092,pkc-2.example:9092".to_owned()),
            schema_registry_url: Some("https://psrc-1.example".to_owned()),
            ..Credential::new(kind, key, SecretText::new(secret))
        }
    }

    fn any(&self, longest: usize) -> String {
        let alphabet = &ALPHABETS[self.below(ALPHABETS.len())];
        self.text(alphabet, 1 + self.below(longest))
    }

    fn text(&self, alphabet: &Alphabet, length: usize) -> String {
        let one = || match alphabet {
            Alphabet::Texts(texts) => texts.chars().nth(self.below(texts.chars().count())),
            Alphabet::Range(first, last) => {
                let span = u32::from(*last) - u32::from(*first) + 1;
                let offset = u32::try_from(self.below(span as usize)).unwrap();
                // Half of a pair is no character.
                char::from_u32(u32::from(*first) + offset)
            }
        };
        std::iter::repeat_with(one).flatten().take(length).collect()
    }

    fn below(&self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % end as u64).unwrap()
    }
}
