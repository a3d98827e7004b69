//! `sys/capabilities`: the capabilities of a token on paths.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Response};

use super::SysPaths;
use crate::tokens::ClientToken;

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("capabilities-self")
            .fields(fields())
            .on_write(answer(|sys: Arc<SysPaths>, call: Call| async move {
                let salted = call.request.client_token.clone();
                sys.capabilities(&salted, &call).await
            }))
            .help("Returns the caller's capabilities on paths.", ""),
        Path::new("capabilities")
            .fields(fields())
            .on_write(answer(|sys: Arc<SysPaths>, call: Call| async move {
                let token = call.fields.text("token");
                if token.is_empty() {
                    return Err(Error::bad_request(
                        "missing `token`: give the token to ask about",
                    ));
                }
                let salted = sys.tokens.salted(&ClientToken::new(token));
                sys.capabilities(&salted, &call).await
            }))
            .help("Returns the capabilities of a token on paths.", ""),
    ]
}

fn fields() -> [Field; 3] {
    [
        Field::new("token", FieldKind::Text, "The token."),
        Field::new("path", FieldKind::CommaList, "The path or paths."),
        Field::new("paths", FieldKind::CommaList, "The paths."),
    ]
}

impl SysPaths {
    async fn capabilities(&self, salted: &str, call: &Call) -> Result<Option<Response>, Error> {
        let given = call
            .fields
            .list("paths")
            .or_else(|| call.fields.list("path"));
        let paths = given
            .filter(|paths| !paths.is_empty())
            .ok_or_else(|| Error::bad_request("missing `paths`: give the paths to ask about"))?;
        let entry = self.tokens.lookup_salted(salted).await?;
        let entry = entry.ok_or_else(|| Error::bad_request("invalid token"))?;
        let acl = entry.acl();
        let mut data = Object::new();
        for path in paths {
            let capabilities = acl.capabilities(path.trim_start_matches('/'));
            if paths.len() == 1 {
                data.insert("capabilities".into(), capabilities.clone().into());
            }
            data.insert(path.clone(), capabilities.into());
        }
        Ok(Some(Response::with_data(data)))
    }
}
