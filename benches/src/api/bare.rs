//! A server that answers every request with the same text, in a process of its
//! own so that its processor time can be read.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use testkit::{Http, eventually, free_port};
use tokio::net::TcpListener;

use crate::load::Target;

/// The argument under which this program is that server.
pub(crate) const ARGUMENT: &str = "bare-server";
/// As long as the answer to a small KV read.
const ANSWER: [u8; 500] = [b'x'; 500];

/// The process. It ends when dropped.
pub(super) struct Bare {
    child: Child,
    address: String,
}

impl Bare {
    pub(super) fn start() -> Result<Self> {
        let port = free_port();
        let child = Command::new(std::env::current_exe()?)
            .args([ARGUMENT.to_owned(), port.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start the bare server")?;
        let address = format!("http://127.0.0.1:{port}");
        let http = Http::new(&address);
        eventually("the bare server answers", crate::READY, || http.health());
        Ok(Self { child, address })
    }

    pub(super) fn target(&self) -> Target {
        Target::of(&self.address, "", "anything")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until the process is ended.
///
/// # Errors
/// When the port cannot be listened on.
pub(crate) fn serve(port: u16) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let service = service_fn(answer);
                // A client that goes away is no concern of the server's.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, http::Error> {
    Response::builder().body(Full::new(Bytes::from_static(&ANSWER)))
}
