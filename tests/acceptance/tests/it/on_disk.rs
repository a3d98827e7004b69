//! Our server as operators run it: started from a file, its state on disk, sealed
//! until somebody gives it its shares.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Http, Launch, Program, bin, free_port};

/// Starts a server whose state and configuration are in `folder`.
pub(crate) fn start(folder: &Path, port: u16) -> Program {
    let config = folder.join("server.hcl");
    let text = format!(
        "storage \"sqlite\" {{\n  path = \"{}\"\n}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\nlistener \"unix\" {{\n  address = \"{}\"\n}}\n",
        folder.join("store.db").display(),
        folder.join("s.sock").display(),
    );
    fs::write(&config, text).unwrap();
    let arguments = ["server".to_owned(), format!("-config={}", config.display())];
    let mut program = Launch::new(bin("lockkeeper")).args(arguments).start();
    program.wait_for_line("server started!");
    program
}

/// A server that is initialized and unsealed.
pub(crate) struct OnDisk {
    /// A client as root.
    pub(crate) root: Http,
    pub(crate) root_token: String,
    pub(crate) unseal_key: String,
    port: u16,
    program: Program,
    folder: TempDir,
}

impl OnDisk {
    pub(crate) fn start() -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let program = start(folder.path(), port);
        let anybody = Http::new(&format!("http://127.0.0.1:{port}"));
        let shares = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let (status, made) = anybody.request("PUT", "sys/init", Some(&shares));
        assert_eq!(status, 200, "{made}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let unseal_key = text(&made["keys_base64"][0]);
        let key = json!({ "key": unseal_key });
        let (status, state) = anybody.request("PUT", "sys/unseal", Some(&key));
        assert_eq!((status, &state["sealed"]), (200, &false.into()), "{state}");
        let root_token = text(&made["root_token"]);
        Self {
            root: anybody.with_token(&root_token),
            root_token,
            unseal_key,
            port,
            program,
            folder,
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Where its store is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops it, looks at its folder, starts it and unseals it again.
    pub(crate) fn restarted<T>(self, look: impl FnOnce(&Path) -> T) -> (Self, T) {
        self.program.stop();
        let seen = look(self.folder.path());
        let program = start(self.folder.path(), self.port);
        let key = json!({ "key": self.unseal_key });
        let (status, state) = self.root.request("PUT", "sys/unseal", Some(&key));
        assert_eq!((status, &state["sealed"]), (200, &false.into()), "{state}");
        (Self { program, ..self }, seen)
    }
}
