//! Networks in requests and roles, and which addresses are in them.

use core::net::IpAddr;

use crate::Error;
use ipnet::IpNet;

/// Reads networks; a single address is a network of its own.
///
/// # Errors
/// A bad request that names the field and the text.
pub fn parse(field: &str, texts: &[String]) -> Result<Vec<IpNet>, Error> {
    let networks = texts.iter().map(|text| {
        let text = text.trim();
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network.ok_or_else(|| {
            Error::bad_request(format!(
                "`{field}` has {text:?}: give addresses such as 10.1.2.3 or networks such as \
                 10.0.0.0/8"
            ))
        })
    });
    networks.collect()
}

/// Whether an address is in one of the networks. Without networks every address
/// is.
pub fn allows(networks: &[IpNet], address: Option<IpAddr>) -> bool {
    if networks.is_empty() {
        return true;
    }
    // The address of a client of IPv4 may arrive in the form of IPv6.
    let address = address.map(|address| address.to_canonical());
    address.is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
}

/// Whether each network lies in one of the outer ones.
pub fn are_inside(networks: &[IpNet], outer: &[IpNet]) -> bool {
    networks
        .iter()
        .all(|network| outer.iter().any(|outer| outer.contains(network)))
}

/// Networks as text.
pub fn shown(networks: &[IpNet]) -> Vec<String> {
    networks.iter().map(ToString::to_string).collect()
}

/// Networks as text; a single address without the length of its prefix.
pub fn shown_short(networks: &[IpNet]) -> Vec<String> {
    let short = |network: &IpNet| {
        if network.prefix_len() == network.max_prefix_len() {
            network.addr().to_string()
        } else {
            network.to_string()
        }
    };
    networks.iter().map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        parse("cidr_list", &texts).unwrap()
    }

    #[test]
    fn an_address_is_allowed_from_its_networks_only() {
        let networks = networks(&["10.0.0.0/8", "192.168.1.1"]);
        let from = |text: &str| Some(text.parse().unwrap());
        assert!(allows(&networks, from("10.9.9.9")) && allows(&networks, from("::ffff:10.0.0.1")));
        assert!(allows(&networks, from("192.168.1.1")) && !allows(&networks, from("192.168.1.2")));
        assert!(!allows(&networks, None) && allows(&[], None));
    }

    #[test]
    fn a_wrong_text_is_named_with_its_field() {
        let error = parse("cidr_list", &["x".to_owned()]).unwrap_err();
        assert!(error.message().contains("`cidr_list` has \"x\""), "{error}");
    }

    #[test]
    fn a_network_is_inside_another_or_not() {
        let is_inside =
            |inner: &[&str], outer: &[&str]| are_inside(&networks(inner), &networks(outer));
        assert!(is_inside(&["10.1.0.0/16"], &["10.0.0.0/8"]));
        assert!(!is_inside(&["10.0.0.0/8"], &["10.1.0.0/16"]));
        assert!(!is_inside(&["10.1.0.1", "::1"], &["10.0.0.0/8"]));
        assert!(is_inside(&[], &["10.0.0.0/8"]));
        assert_eq!(
            shown_short(&networks(&["10.0.0.1/32", "10.0.0.0/8"])),
            ["10.0.0.1", "10.0.0.0/8"]
        );
    }
}
