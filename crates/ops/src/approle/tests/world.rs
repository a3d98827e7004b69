//! A server, its tokens, targets and a journal in memory. The process that uses
//! them can be killed before or after any effect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use vault_client::Token;

use crate::approle::restrictions::MARK;
use crate::approle::{
    Aborted, Clock, Error, Event, IdEntry, Journal, Login, LoginAnswer, Made, NewId, Options,
    Parts, Place, Record, Restrictions, Result, Role, Rotation, SecretId, Server, Shell, Target,
    TokenEntry, Tokens, Wrapped, WrappedTarget,
};

pub(super) const ROLE_ID: &str = "role-id";

/// Where a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    /// At which effect, counted from 1.
    pub(super) at: usize,
    /// Before it is done, or after.
    pub(super) before: bool,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent of each other")]
pub(super) struct State {
    pub(super) ids: BTreeMap<String, (String, IdEntry)>,
    pub(super) tokens: BTreeMap<String, TokenEntry>,
    pub(super) dead_accessors: Vec<String>,
    /// The files by name; empty ones hold nothing.
    pub(super) files: BTreeMap<String, String>,
    pub(super) journal: Option<String>,
    pub(super) told: Vec<Event>,
    pub(super) logins_refused: Option<String>,
    pub(super) readable: Vec<String>,
    pub(super) lists_tokens: bool,
    pub(super) lacking: Vec<String>,
    /// Whether an agent removes each file after it has read it.
    pub(super) is_taken: bool,
    /// Whether consumers must be able to log in at every instant.
    pub(super) is_watched: bool,
    pub(super) taken: BTreeMap<String, String>,
    pub(super) token_max_ttl: u64,
    pub(super) batch: bool,
    /// Whether the secret id is handed over wrapped.
    pub(super) wraps: Option<Duration>,
    /// After how many seconds an application logs in with what the file holds.
    pub(super) consumer: Option<i64>,
    pub(super) commands: Vec<(String, Option<String>)>,
    pub(super) failures_of_commands: usize,
    /// What a command puts into the file.
    pub(super) overwrites: Option<String>,
    pub(super) now: i64,
    count: usize,
    kill: Option<Kill>,
    effects: usize,
    is_dead: bool,
    /// The wrapping tokens that were handed over.
    pub(super) handed_over: Vec<String>,
    /// Whether nothing can be handed over.
    pub(super) is_mute: bool,
}

#[derive(Clone)]
pub(super) struct World(Arc<Mutex<State>>);

/// What went wrong for a killed process, which it cannot tell anybody.
fn killed() -> Error {
    Error::Input("killed".to_owned())
}

impl World {
    /// A role with one secret id, in a file.
    pub(super) fn new(files: &[&str]) -> Self {
        let world = Self(Arc::new(Mutex::new(State {
            lists_tokens: true,
            is_watched: true,
            now: 1_800_000_000,
            ..State::default()
        })));
        let (secret, accessor) = world.state().mint(NewId {
            metadata: BTreeMap::new(),
            restrictions: Restrictions::default(),
        });
        world.state().issue("old-token", &accessor);
        for file in files {
            let mut state = world.state();
            state.files.insert((*file).to_owned(), secret.clone());
            state.taken.insert((*file).to_owned(), secret.clone());
        }
        world
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn accessors(&self) -> Vec<String> {
        self.state().ids.keys().cloned().collect()
    }

    /// Another process of the program, which is killed there.
    pub(super) fn restart(&self, kill: Option<Kill>) {
        let mut state = self.state();
        state.kill = kill;
        state.effects = 0;
        state.is_dead = false;
    }

    pub(super) fn effects(&self) -> usize {
        self.state().effects
    }

    pub(super) fn record(&self) -> Option<Record> {
        let state = self.state();
        let journal = state.journal.as_ref()?;
        serde_json::from_str(journal).ok()
    }

    /// Begins a rotation, or goes on with the one in the journal.
    pub(super) async fn rotate(&self, options: Options) -> Result<()> {
        let unfinished = self.record().is_some_and(|record| !record.stage.is_final());
        let (targets, tell, hand_over) = (self.targets(), self.listener(), self.receiver());
        let parts = self.parts(&targets, &tell, &hand_over);
        let mut rotation = if unfinished {
            Rotation::resume(parts).await?
        } else {
            let place = Place::new("approle", "Orders");
            Rotation::begin(parts, "rotation-1", place, options).await?
        };
        rotation.run().await
    }

    pub(super) async fn abort(&self) -> Result<Aborted> {
        let (targets, tell, hand_over) = (self.targets(), self.listener(), self.receiver());
        Rotation::abort(self.parts(&targets, &tell, &hand_over)).await
    }

    fn parts<'a>(
        &'a self,
        targets: &'a [Box<dyn Target>],
        tell: &'a (dyn Fn(&Event) + Send + Sync),
        hand_over: &'a (dyn Fn(&Wrapped) -> std::io::Result<()> + Send + Sync),
    ) -> Parts<'a> {
        Parts {
            server: self,
            targets,
            journal: self,
            shell: self,
            clock: self,
            hand_over,
            tell,
        }
    }

    fn targets(&self) -> Vec<Box<dyn Target>> {
        let names: Vec<String> = self.state().files.keys().cloned().collect();
        if let Some(ttl) = self.state().wraps {
            return vec![Box::new(WrappedTarget::new(ttl))];
        }
        let held = names.into_iter().map(|name| Held {
            world: self.clone(),
            name,
        });
        held.map(|held| Box::new(held) as Box<dyn Target>).collect()
    }

    fn listener(&self) -> impl Fn(&Event) + Send + Sync + use<> {
        let told = self.clone();
        move |event| told.state().told.push(event.clone())
    }

    /// Whoever gets wrapping tokens.
    fn receiver(&self) -> impl Fn(&Wrapped) -> std::io::Result<()> + Send + Sync + use<> {
        let world = self.clone();
        move |wrapped| {
            let mut state = world.state();
            if state.is_mute {
                return Err(std::io::Error::other("no space left"));
            }
            let token = wrapped.token.expose().to_owned();
            state.handed_over.push(token);
            Ok(())
        }
    }

    fn look<T>(&self, at: impl FnOnce(&State) -> T) -> Result<T> {
        let state = self.state();
        if state.is_dead {
            return Err(killed());
        }
        Ok(at(&state))
    }

    /// Does something that lasts, unless the process is killed before it.
    fn effect<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state = self.state();
        if state.is_dead {
            return Err(killed());
        }
        state.effects += 1;
        let effects = state.effects;
        let kill = state.kill.filter(|kill| kill.at == effects);
        if kill.is_some_and(|kill| kill.before) {
            state.is_dead = true;
            return Err(killed());
        }
        let done = act(&mut state);
        state.check();
        if kill.is_some() {
            state.is_dead = true;
            return Err(killed());
        }
        Ok(done)
    }
}

impl State {
    fn mint(&mut self, new: NewId) -> (String, String) {
        self.count += 1;
        let (secret, accessor) = (
            format!("secret-{}", self.count),
            format!("accessor-{}", self.count),
        );
        let mut restrictions = new.restrictions;
        restrictions.metadata = new.metadata;
        let entry = IdEntry {
            accessor: accessor.clone(),
            created: Timestamp::from_second(self.now + i64::try_from(self.count).unwrap()).ok(),
            ends: None,
            uses: restrictions.uses.unwrap_or_default(),
            restrictions,
        };
        self.ids.insert(accessor.clone(), (secret.clone(), entry));
        (secret, accessor)
    }

    /// Makes a secret id that no rotation knows of.
    pub(super) fn made_by_hand(&mut self) -> String {
        let (_, accessor) = self.mint(NewId {
            metadata: BTreeMap::new(),
            restrictions: Restrictions::default(),
        });
        accessor
    }

    /// A token that was got with a secret id.
    pub(super) fn issue(&mut self, token: &str, accessor: &str) {
        let mut metadata = self.ids[accessor].1.restrictions.metadata.clone();
        metadata.insert("role_name".to_owned(), "orders".to_owned());
        let entry = TokenEntry {
            accessor: token.to_owned(),
            path: "auth/approle/login".to_owned(),
            metadata,
            renewed: self.now,
            ttl: 3600,
        };
        self.tokens.insert(token.to_owned(), entry);
    }

    pub(super) fn logs_in(&self, secret: &str) -> bool {
        self.ids.values().any(|(known, _)| known == secret)
    }

    /// At every instant each consumer has a secret id that logs in.
    fn check(&self) {
        if !self.is_watched {
            return;
        }
        for (file, secret) in &self.files {
            let secret = if secret.is_empty() {
                &self.taken[file]
            } else {
                secret
            };
            assert!(
                self.logs_in(secret),
                "{file} holds {secret}: {:?}",
                self.ids
            );
        }
        let journal = self.journal.as_deref().unwrap_or_default();
        assert!(!journal.contains("secret-"), "{journal}");
    }
}

#[async_trait]
impl Server for World {
    fn address(&self) -> String {
        "http://vault.example/".to_owned()
    }

    async fn lacking(&self, _lists_tokens: bool) -> Result<Vec<String>> {
        self.look(|state| state.lacking.clone())
    }

    async fn role(&self) -> Result<Option<Role>> {
        self.look(|state| {
            Some(Role {
                role_id: ROLE_ID.to_owned(),
                binds_secret_id: true,
                uses: 0,
                ttl: 0,
                token_max_ttl: state.token_max_ttl,
            })
        })
    }

    async fn make(&self, new: &NewId) -> Result<Made> {
        let (secret, accessor) = self.effect(|state| state.mint(new.clone()))?;
        Ok(Made {
            id: SecretId::new(&secret).unwrap(),
            accessor,
        })
    }

    async fn make_wrapped(&self, new: &NewId, ttl: Duration) -> Result<Wrapped> {
        let (secret, _) = self.effect(|state| state.mint(new.clone()))?;
        Ok(Wrapped {
            token: Token::new(format!("wrapping-{secret}")).unwrap(),
            creation_path: "auth/approle/role/orders/secret-id".to_owned(),
            ttl: i64::try_from(ttl.as_secs()).unwrap(),
        })
    }

    async fn accessors(&self) -> Result<Vec<String>> {
        self.look(|state| {
            let alive = state.ids.keys().cloned();
            alive.chain(state.dead_accessors.iter().cloned()).collect()
        })
    }

    async fn look_up(&self, accessor: &str) -> Result<Option<IdEntry>> {
        self.look(|state| state.ids.get(accessor).map(|(_, entry)| entry.clone()))
    }

    async fn find(&self, id: &SecretId) -> Result<Option<IdEntry>> {
        self.look(|state| {
            let mut all = state.ids.values();
            all.find(|(secret, _)| secret == id.expose())
                .map(|(_, entry)| entry.clone())
        })
    }

    async fn destroy(&self, accessor: &str) -> Result<()> {
        self.effect(|state| {
            state.ids.remove(accessor);
        })
    }

    async fn tidy(&self) -> Result<()> {
        self.effect(|state| state.dead_accessors.clear())
    }

    async fn log_in(&self, role_id: &str, id: &SecretId) -> Result<LoginAnswer> {
        assert_eq!(role_id, ROLE_ID);
        self.effect(|state| {
            if let Some(text) = &state.logins_refused {
                return LoginAnswer::Refused { text: text.clone() };
            }
            let found = state.ids.values().find(|(known, _)| known == id.expose());
            let Some((_, entry)) = found else {
                return LoginAnswer::UnknownId {
                    text: "400 `invalid role or secret ID`".to_owned(),
                };
            };
            let accessor = entry.accessor.clone();
            state.count += 1;
            let token = format!("trial-{}", state.count);
            let is_batch = state.batch;
            if !is_batch {
                state.issue(&token, &accessor);
            }
            LoginAnswer::Token(Box::new(Login {
                token: Token::new(token.as_str()).unwrap(),
                accessor: if is_batch { String::new() } else { token },
                ttl: 3600,
            }))
        })
    }

    async fn can_read(&self, _token: &Token, path: &str) -> Result<bool> {
        self.look(|state| state.readable.iter().any(|readable| readable == path))
    }

    async fn end(&self, login: &Login) -> Result<()> {
        self.revoke(&login.accessor).await
    }

    async fn tokens(&self) -> Result<Tokens> {
        self.look(|state| {
            if state.lists_tokens {
                Tokens::All(state.tokens.keys().cloned().collect())
            } else {
                Tokens::Denied
            }
        })
    }

    async fn token(&self, accessor: &str) -> Result<Option<TokenEntry>> {
        self.look(|state| state.tokens.get(accessor).cloned())
    }

    async fn revoke(&self, accessor: &str) -> Result<()> {
        self.effect(|state| {
            state.tokens.remove(accessor);
        })
    }
}

#[async_trait]
impl Journal for World {
    fn name(&self) -> &'static str {
        "journal"
    }

    async fn load(&self) -> Result<Option<Record>> {
        self.look(|_| ())?;
        Ok(self.record())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_string(record).unwrap();
        self.effect(|state| state.journal = Some(text))
    }
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.state().now).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        let mut state = self.state();
        let seconds = SignedDuration::try_from(duration).unwrap().as_secs();
        state.now += seconds;
        let Some(left) = state.consumer else { return };
        state.consumer = Some(left - seconds);
        if left <= seconds {
            state.consumer = None;
            let held = state.files["a"].clone();
            let mut ids = state.ids.values();
            let found = ids.find(|(secret, _)| *secret == held);
            let accessor = found.map(|(_, entry)| entry.accessor.clone());
            state.issue("new-token", &accessor.unwrap());
        }
    }
}

#[async_trait]
impl Shell for World {
    async fn run(
        &self,
        command: &str,
        input: Option<&SecretId>,
    ) -> std::result::Result<(), String> {
        let mut state = self.state();
        let input = input.map(|id| id.expose().to_owned());
        state.commands.push((command.to_owned(), input));
        if let Some(secret) = state.overwrites.take() {
            state.files.insert("a".to_owned(), secret);
        }
        if state.failures_of_commands == 0 {
            return Ok(());
        }
        state.failures_of_commands -= 1;
        Err("the command ended with exit status: 1".to_owned())
    }
}

struct Held {
    world: World,
    name: String,
}

#[async_trait]
impl Target for Held {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Result<()> {
        self.world.look(|_| ())
    }

    async fn read(&self) -> Result<Option<SecretId>> {
        let name = &self.name;
        self.world.look(|state| SecretId::new(&state.files[name]))
    }

    async fn deliver(&self, id: &SecretId) -> Result<()> {
        self.world.effect(|state| {
            let text = id.expose().to_owned();
            state.taken.insert(self.name.clone(), text.clone());
            let text = if state.is_taken { String::new() } else { text };
            state.files.insert(self.name.clone(), text);
        })
    }
}

/// Whether a rotation made what carries this metadata.
pub(super) fn is_marked(metadata: &BTreeMap<String, String>) -> bool {
    metadata.contains_key(MARK)
}
