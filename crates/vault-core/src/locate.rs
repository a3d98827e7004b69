//! The form of a request's path: what is refused before anybody is asked, and
//! which answers are shown twice.

use logical::Operation;

use crate::{Answer, ClientRequest};

/// Paths under `sys/` whose answers repeat their data beside the envelope, for
/// old clients (`http/handler.go` in Vault).
const DOUBLED: [&str; 3] = ["sys/mounts", "sys/auth", "sys/capabilities"];

/// Brings a request into the form that everybody else relies on.
///
/// # Errors
/// The answer to a request that no mount may see.
pub(crate) fn check(request: &mut ClientRequest) -> Result<(), Answer> {
    let path = &request.path;
    if path.chars().any(char::is_control) {
        return Err(Answer::error(
            400,
            "path cannot contain non-printable characters",
        ));
    }
    if path.split('/').any(|segment| segment == "..") {
        return Err(Answer::error(400, "path cannot contain relative segments"));
    }
    match request.operation {
        Operation::List | Operation::Scan if !path.is_empty() && !path.ends_with('/') => {
            request.path.push('/');
            Ok(())
        }
        Operation::Create | Operation::Update | Operation::Patch if path.ends_with('/') => {
            Err(Answer::error(400, "cannot write to a path ending in '/'"))
        }
        // Leases are ended through `sys/leases`, never from outside on a path.
        Operation::Renew | Operation::Revoke | Operation::Rollback => Err(Answer::wordless(405)),
        _ => Ok(()),
    }
}

/// Whether the data of an answer is repeated beside the envelope.
pub(crate) fn is_doubled(path: &str) -> bool {
    DOUBLED.iter().any(|doubled| path.starts_with(doubled))
}

#[cfg(test)]
mod tests {
    use logical::Object;

    use super::*;

    fn checked(operation: Operation, path: &str) -> Result<String, u16> {
        let mut request = ClientRequest {
            operation,
            path: path.into(),
            data: Object::new(),
            token: None,
        };
        match check(&mut request) {
            Ok(()) => Ok(request.path),
            Err(answer) => Err(answer.status()),
        }
    }

    #[test]
    fn a_list_gets_a_slash_and_a_write_must_not_have_one() {
        assert_eq!(checked(Operation::List, "a/role"), Ok("a/role/".into()));
        assert_eq!(checked(Operation::List, "a/role/"), Ok("a/role/".into()));
        assert_eq!(checked(Operation::Read, "a/role"), Ok("a/role".into()));
        assert_eq!(checked(Operation::Update, "a/role/"), Err(400));
    }

    #[test]
    fn odd_paths_and_operations_of_hosts_are_refused() {
        assert_eq!(checked(Operation::Read, "a/../b"), Err(400));
        assert_eq!(checked(Operation::Read, "a\u{0}"), Err(400));
        assert_eq!(checked(Operation::Revoke, "a/creds/x"), Err(405));
        assert_eq!(checked(Operation::Read, "a/..b"), Ok("a/..b".into()));
    }
}
