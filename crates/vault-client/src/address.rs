//! Addresses of servers: which are this machine's own, and how they are shown.

use std::path::PathBuf;

use url::Url;

/// The scheme of a socket of this machine, as Vault's clients have it.
pub(crate) const SOCKET: &str = "unix";
/// What requests through a socket are sent to: a server asks for some host.
const BEHIND_SOCKET: &str = "http://localhost/";

/// The path of the socket, if the address is one.
pub(crate) fn socket(address: &Url) -> Option<PathBuf> {
    if address.scheme() != SOCKET || address.host().is_some_and(|host| host.to_string() != "") {
        return None;
    }
    // Decoded as the path of a file is.
    let file = Url::parse(&format!("file://{}", address.path())).ok()?;
    let path = file.to_file_path().ok()?;
    path.file_name().is_some().then_some(path)
}

/// What the paths of requests are below.
pub(crate) fn base(address: &Url) -> Url {
    if address.scheme() != SOCKET {
        return address.clone();
    }
    Url::parse(BEHIND_SOCKET).unwrap_or_else(|_| address.clone())
}

/// The address without a user and password, which errors must not show.
pub(crate) fn without_login(address: &Url) -> Url {
    let mut shown = address.clone();
    // Only an address without a host has no place for them.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown
}

/// Whether the address is this machine's own.
pub(crate) fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => address.scheme() == SOCKET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_a_whole_path_on_this_machine() {
        let socket_of = |text: &str| socket(&Url::parse(text).unwrap());
        let path = Some(PathBuf::from("/run/lock keeper.sock"));
        assert_eq!(socket_of("unix:///run/lock%20keeper.sock"), path);
        for text in ["unix:///", "unix://run/x.sock", "unix:x", "http://vault/x"] {
            assert_eq!(socket_of(text), None, "{text}");
        }
        let address = Url::parse("unix:///run/s.sock").unwrap();
        assert!(is_loopback(&address));
        assert_eq!(base(&address).as_str(), "http://localhost/");
    }

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        let address = Url::parse("https://user:canary@vault:1/a").unwrap();
        assert_eq!(without_login(&address).as_str(), "https://vault:1/a");
    }
}
