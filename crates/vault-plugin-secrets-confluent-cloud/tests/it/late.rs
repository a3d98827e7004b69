//! A wire to the simulator whose answers can be held back, as by a control
//! plane that does what it is asked and takes long to say so.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Passes requests on at once, and answers when it may.
pub(crate) struct LateAnswers {
    address: String,
    gate: Arc<Gate>,
    connections: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Gate {
    held: Mutex<bool>,
    changed: Condvar,
}

impl LateAnswers {
    /// A wire to the server at `url`, such as `http://127.0.0.1:40123`.
    pub(crate) fn to(url: &str) -> Self {
        let target = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let gate = Arc::new(Gate::default());
        let gates = Arc::clone(&gate);
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(&target) else {
                    continue;
                };
                let (requests, answers) = (client.try_clone(), server.try_clone());
                let gate = Arc::clone(&gates);
                thread::spawn(move || pass(requests.unwrap(), server, || ()));
                thread::spawn(move || pass(answers.unwrap(), client, || gate.wait()));
            }
        });
        Self {
            address,
            gate,
            connections,
        }
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> &str {
        &self.address
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Holds every answer back from now on, or lets all through.
    pub(crate) fn hold(&self, held: bool) {
        *self.gate.held.lock().unwrap() = held;
        self.gate.changed.notify_all();
    }
}

impl Gate {
    fn wait(&self) {
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |held| *held).unwrap());
    }
}

/// Copies until either end is closed, and then closes the other.
fn pass(mut from: TcpStream, mut to: TcpStream, wait: impl Fn()) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        wait();
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
