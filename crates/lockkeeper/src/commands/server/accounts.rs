//! Users and groups by name, as the files of the system have them.
//!
//! Only `/etc/passwd` and `/etc/group` are asked, because a static program has no
//! other directory; numbers always work.

use std::fs;

use server::Access;

use super::config::Socket;

/// Who may connect to a socket.
///
/// # Errors
/// A sentence about a name that is not known.
pub(super) fn access(socket: &Socket) -> Result<Access, String> {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let number = |name: &Option<String>, key: &str, file: &str| {
        let name = name.as_deref();
        name.map(|name| {
            id(name, &read(file)).ok_or_else(|| {
                format!(
                    "`{key}` is `{name}`, which is not in {file}: give one that is, or its number"
                )
            })
        })
        .transpose()
    };
    Ok(Access {
        mode: socket.mode,
        user: number(&socket.user, "socket_user", "/etc/passwd")?,
        group: number(&socket.group, "socket_group", "/etc/group")?,
    })
}

/// The number of a name: the third field of its line.
fn id(name: &str, file: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let mut lines = file.lines().map(|line| line.split(':'));
    let mut line = lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    line.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_and_a_number_is_taken_as_it_is() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nlockkeeper:x:973:974::/:/bin/false\nodd\n";
        assert_eq!(id("lockkeeper", passwd), Some(973));
        assert_eq!(id("root", passwd), Some(0));
        assert_eq!(id("1000", passwd), Some(1000));
        for unknown in ["lock", "odd", "", "x"] {
            assert_eq!(id(unknown, passwd), None, "{unknown}");
        }
    }
}
