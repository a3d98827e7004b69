//! Turns the result of a request into an answer, and counts it.

use logical::Operation;

use super::{Context, Reply};
use crate::active::Active;
use crate::answer::Answer;
use crate::errors::{self, Refusal};

/// Counter of requests by mount type, operation and status class.
const REQUESTS: &str = "core_requests_total";

/// The answer for a backend's response.
pub(super) fn reply(reply: Reply) -> Answer {
    let Reply {
        operation,
        response,
        envelope,
    } = reply;
    // Help is answered without the envelope.
    if operation == Operation::Help {
        return match response.and_then(|response| response.data) {
            Some(data) => Answer::bare(200, data),
            None => Answer::empty_errors(404),
        };
    }
    Answer::respond(operation, response, envelope)
}

/// The answer to a request that was refused or failed.
pub(super) fn refusal(refusal: &Refusal) -> Answer {
    errors::answer(refusal)
}

/// Counts a request.
pub(super) fn measure(active: &Active, context: &Context, status: u16) {
    let class = match status {
        ..400 => "success",
        400..500 => "client_error",
        _ => "server_error",
    };
    let request = &context.request;
    let labels = [
        ("mount_type", request.mount_type.as_str()),
        ("operation", request.operation.as_str()),
        ("class", class),
    ];
    active.effects.metrics.count(REQUESTS, &labels, 1);
}
