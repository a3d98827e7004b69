//! Our server as operators run it: started from a file, its state on disk, sealed
//! until somebody gives it its shares.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use testkit::{Http, Launch, Program, bin, free_port};

/// Starts a server whose state and configuration are in `folder`.
pub(crate) fn start(folder: &Path, port: u16) -> Program {
    let config = folder.join("server.hcl");
    let text = format!(
        "storage \"sqlite\" {{\n  path = \"{}\"\n}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\n",
        folder.join("store.db").display(),
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
    _program: Program,
    _folder: TempDir,
}

impl OnDisk {
    pub(crate) fn start() -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let program = start(folder.path(), port);
        let anybody = Http::new(&format!("http://127.0.0.1:{port}"));
        let shares = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let (status, made) = anybody.request("PUT", "sys/init", Some(&shares));
        assert_eq!(status, 200, "{made}");
        let key = json!({ "key": made["keys_base64"][0] });
        let (status, state) = anybody.request("PUT", "sys/unseal", Some(&key));
        assert_eq!((status, &state["sealed"]), (200, &false.into()), "{state}");
        Self {
            root: anybody.with_token(made["root_token"].as_str().unwrap()),
            _program: program,
            _folder: folder,
        }
    }
}
