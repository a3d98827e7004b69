//! Entry points for the fuzz targets in `fuzz/`: parsing of a host's messages.

use jiff::Timestamp;
use logical::{Error, Request, Response};

use super::{convert, errors};
use crate::pb::backend as pb;

/// The request of a host, and how its lease and data are answered again.
///
/// # Errors
/// What the backend's host is answered when the request cannot be read.
pub fn request(message: pb::Request) -> Result<(Request, pb::Response), Error> {
    let request = convert::request(message)?;
    let mut response = Response::with_data(request.data.clone());
    response.secret.clone_from(&request.secret);
    let message = convert::response(response, Timestamp::UNIX_EPOCH);
    Ok((request, message))
}

/// The error of a host's answer, and what another host is told of it.
pub fn error(text: &str) -> pb::HandleRequestReply {
    errors::reply(&errors::of_host("reading an entry", text))
}
