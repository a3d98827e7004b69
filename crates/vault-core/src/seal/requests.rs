//! Requests to a vault: what it answers itself, and what it hands to the core.

use std::sync::Arc;

use super::unauthenticated;
use super::vault::Vault;
use crate::Answer;
use crate::errors::{self, Refusal};
use crate::request::{self, ClientRequest};

impl Vault {
    /// Answers a request. The future may be dropped at any time, when a client
    /// hangs up: changes that it began run to completion.
    pub async fn handle(self: &Arc<Self>, mut request: ClientRequest) -> Answer {
        if let Err(refusal) = request::normalize(&mut request) {
            return errors::answer(&refusal);
        }
        if let Some(answer) = unauthenticated::answer(self, &mut request).await {
            return answer;
        }
        let Some(core) = self.core() else {
            if unauthenticated::asks_to_seal(&request) {
                // It is sealed already, as anybody may see.
                return Answer::empty(204);
            }
            return errors::answer(&Refusal::Sealed);
        };
        if unauthenticated::asks_to_seal(&request) {
            let vault = Arc::clone(self);
            return self
                .to_completion(async move {
                    // The core decides whether the caller may.
                    let answer = core.handle_normalized(request).await;
                    if answer.status() == 204 {
                        vault.seal().await;
                    }
                    answer
                })
                .await;
        }
        core.handle_normalized(request).await
    }
}
