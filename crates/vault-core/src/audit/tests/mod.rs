//! The audit log, from the point of view of clients and of those who read it.

mod devices;
mod failing;
mod lines;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use logical::{Error, Operation, Storage as _};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{AuditConfig, AuditDevice, AuditSink, AuditSinks};
use crate::tests::{Does, Seen, World, ask, ask_as, ask_wrapped};
use crate::{ClientRequest, ClientToken, Core, CoreConfig, Vault};

const SECOND: Duration = Duration::from_secs(1);
const NOT_LOGGED: &str = "no audit device could log this request, so it is not answered: the log of \
                          the server says why";

/// What a sink does with its next lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    Work,
    Fail,
    Hang,
    /// So many are written, then none.
    Left(usize),
}

/// Lines in memory, and what happens to new ones.
pub(crate) struct Page {
    lines: Mutex<Vec<String>>,
    next: Mutex<Lines>,
    takes: Mutex<Duration>,
    reopened: AtomicBool,
}

impl Page {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lines: Mutex::default(),
            next: Mutex::new(Lines::Work),
            takes: Mutex::default(),
            reopened: AtomicBool::new(false),
        })
    }

    fn next(&self, lines: Lines) {
        *self.next.lock().unwrap() = lines;
    }

    /// Each line takes this long.
    pub(crate) fn takes(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }

    /// So many lines are written from now on, and none after them.
    pub(crate) fn ends_after(&self, lines: usize) {
        self.next(Lines::Left(lines));
    }

    /// All lines are written from now on.
    pub(crate) fn heal(&self) {
        self.next(Lines::Work);
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().concat()
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// The lines since the last call.
    fn take(&self) -> Vec<Value> {
        let lines = self.lines();
        self.lines.lock().unwrap().clear();
        lines
    }
}

struct PageSink(Arc<Page>);

impl AuditSink for PageSink {
    fn write(&self, line: Zeroizing<Vec<u8>>) -> BoxFuture<'static, Result<(), Error>> {
        let mut next = self.0.next.lock().unwrap();
        match &mut *next {
            Lines::Hang => return std::future::pending().boxed(),
            Lines::Fail | Lines::Left(0) => {
                return async { Err(Error::internal("the disk is full")) }.boxed();
            }
            Lines::Left(left) => *left -= 1,
            Lines::Work => {}
        }
        let line = String::from_utf8(line.to_vec()).unwrap();
        assert!(line.ends_with('\n'));
        self.0.lines.lock().unwrap().push(line);
        let takes = *self.0.takes.lock().unwrap();
        async move {
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn reopen(&self) -> BoxFuture<'static, Result<(), Error>> {
        self.0.reopened.store(true, Ordering::SeqCst);
        async { Ok(()) }.boxed()
    }
}

/// Sinks of the type `page`, by the option `name`.
#[derive(Default)]
pub(crate) struct Pages(Mutex<BTreeMap<String, Arc<Page>>>);

impl Pages {
    pub(crate) fn page(&self, name: &str) -> Arc<Page> {
        let mut pages = self.0.lock().unwrap();
        Arc::clone(pages.entry(name.to_owned()).or_insert_with(Page::new))
    }
}

impl AuditSinks for Pages {
    fn sink(
        &self,
        kind: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<Arc<dyn AuditSink>, Error> {
        if kind != "page" {
            return Err(Error::bad_request(format!(
                "unknown backend type: {kind:?}"
            )));
        }
        let name = options
            .get("name")
            .ok_or_else(|| Error::bad_request("name is required"))?;
        Ok(Arc::new(PageSink(self.page(name))))
    }
}

/// A device that is declared, writing to the page of its name.
pub(crate) fn device(name: &str, options: &[(&str, &str)]) -> AuditDevice {
    let all = [("name", name)];
    let all = all.iter().chain(options);
    AuditDevice {
        path: name.to_owned(),
        kind: "page".into(),
        description: String::new(),
        options: all
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        local: false,
    }
}

struct Audited {
    world: World,
    pages: Arc<Pages>,
    config: CoreConfig,
}

impl Audited {
    /// A world whose devices are declared.
    fn new(devices: Vec<AuditDevice>) -> Self {
        Self::with(devices, true)
    }

    fn with(devices: Vec<AuditDevice>, allows_api: bool) -> Self {
        let world = World::new();
        let pages = Arc::new(Pages::default());
        let audit = AuditConfig::new(Arc::clone(&pages) as _, allows_api);
        let config = CoreConfig {
            audit: audit.with_declared(devices),
            ..world.config()
        };
        Self {
            world,
            pages,
            config,
        }
    }

    async fn start(&self) -> Arc<Core> {
        let core = Core::start(self.config.clone(), self.world.effects()).await;
        let core = core.unwrap();
        let root = Some(ClientToken::new("root"));
        core.create_root_token(root).await.unwrap();
        core
    }

    /// A core with the puppet, a key/value engine, and an empty page.
    async fn mounted(&self) -> Arc<Core> {
        let core = self.start().await;
        for (path, body) in [
            ("sys/mounts/puppet", json!({"type": "puppet"})),
            ("sys/mounts/kv", json!({"type": "kv"})),
            ("sys/auth/approle", json!({"type": "approle"})),
        ] {
            let seen = ask(&core, Operation::Update, path, body).await;
            assert_eq!(seen.status, 204, "{seen:?}");
        }
        self.page().lines.lock().unwrap().clear();
        core
    }

    fn page(&self) -> Arc<Page> {
        self.pages.page("one")
    }
}

fn one() -> Vec<AuditDevice> {
    vec![device("one", &[])]
}

async fn write(core: &Core, path: &str, body: Value) -> Seen {
    ask(core, Operation::Update, path, body).await
}

async fn read(core: &Core, path: &str) -> Seen {
    ask(core, Operation::Read, path, Value::Null).await
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{pointer} of {value}"))
}
