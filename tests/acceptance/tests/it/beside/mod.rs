//! Our server beside a real OpenBao: both get the same requests, and their answers
//! are compared.

pub(crate) mod compare;
mod decisions;
mod document_002;
mod load;
mod parameters;
mod requests;
mod sequences;
mod slapper;
mod templates;

use testkit::{Bao, BaoServer, Http};

use crate::on_disk::OnDisk;

/// Our server on disk, and an OpenBao, each with a client as root.
struct Pair {
    ours: Http,
    theirs: Http,
    _servers: (OnDisk, BaoServer),
}

impl Pair {
    fn start(bao: &Bao) -> Self {
        let (own, other) = (OnDisk::start(), BaoServer::start(bao));
        Self {
            ours: own.root.clone(),
            theirs: other.http(),
            _servers: (own, other),
        }
    }
}
