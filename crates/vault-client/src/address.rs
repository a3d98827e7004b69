//! Addresses of servers: which are this machine's own, and how they are shown.

use url::Url;

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
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        let address = Url::parse("https://user:canary@vault:1/a").unwrap();
        assert_eq!(without_login(&address).as_str(), "https://vault:1/a");
    }
}
