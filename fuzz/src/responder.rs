//! A server on loopback that answers every request with the same answer, for
//! targets that read answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Runs until the process ends.
pub(crate) struct Responder {
    pub(crate) address: SocketAddr,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Responder {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback can be bound");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let shared = Arc::clone(&answer);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let answer = Arc::clone(&shared);
                thread::spawn(move || serve(connection, &answer));
            }
        });
        Self { address, answer }
    }

    /// Sets status and body of every answer from now on.
    pub(crate) fn set(&self, status: u16, body: &[u8]) {
        let mut answer =
            format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n").into_bytes();
        // Those two have no body on the wire.
        if matches!(status, 204 | 304) {
            answer.extend(b"\r\n");
        } else {
            answer.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
            answer.extend(body);
        }
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}

/// Answers requests of a connection until it is closed.
fn serve(connection: TcpStream, answer: &Mutex<Vec<u8>>) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let mut writer = connection.try_clone().ok()?;
    let mut reader = BufReader::new(connection);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let bytes = answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        writer.write_all(&bytes).ok()?;
    }
}
