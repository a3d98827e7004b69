//! The list of accessors, and tidying.

use std::sync::Arc;

use logical::framework::{Call, Path, answer};
use logical::{Error, Operation, Response};

use super::TokenPaths;

pub(super) fn paths() -> Vec<Path<TokenPaths>> {
    vec![
        Path::new("accessors/?")
            .on(Operation::List, answer(accessors))
            .help("Lists the accessors of all tokens.", ""),
        Path::new("tidy").on(Operation::Update, answer(tidy)).help(
            "Checks all tokens and removes what is left of those that are gone.",
            "The work continues after the answer.",
        ),
    ]
}

async fn accessors(paths: Arc<TokenPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(Some(Response::list(paths.tokens.accessors().await?)))
}

async fn tidy(paths: Arc<TokenPaths>, _: Call) -> Result<Option<Response>, Error> {
    let tokens = Arc::clone(&paths.tokens);
    paths.tasks.spawn(Box::pin(async move {
        match tokens.tidy().await {
            Ok(removed) => tracing::info!(removed, "tokens were tidied"),
            Err(error) => tracing::warn!(%error, "tidying tokens failed"),
        }
    }));
    let warning = "Tidy operation successfully started. Any information from the operation will be \
                   printed to the server's logs.";
    Ok(Some(Response::default().warn(warning).with_status(202)))
}
