//! Addresses to listen on, and what to say when that fails.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use confluent_simulator::bind;
use tokio::net::TcpListener;

use crate::failure::Failure;

/// Reads `127.0.0.1:8200`, `[::1]:8200` or `localhost:8200`. Other names are
/// not looked up: one that means another machine would be a surprise.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, String> {
    let expected = "give an IP address or `localhost`, and a port: `127.0.0.1:8200`";
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| expected.to_owned())?;
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| expected.to_owned())
}

/// Whether other machines may reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Never: there is no flag that allows it.
    LoopbackOnly,
    /// Not without the flag `-allow-remote`.
    LoopbackUnlessAllowed,
    /// The flag was given.
    Remote,
}

/// A listener at an address. `flag` is what chooses another one.
///
/// # Errors
/// When the port is taken, or other machines could reach the address.
pub(crate) async fn listen(
    address: SocketAddr,
    reach: Reach,
    flag: &str,
) -> Result<TcpListener, Failure> {
    if reach != Reach::Remote && !address.ip().is_loopback() {
        return Err(Failure::local(remote(address, reach, flag)));
    }
    bind(address, reach == Reach::Remote)
        .await
        .map_err(|error| Failure::local(failed(address, flag, &error)))
}

fn remote(address: SocketAddr, reach: Reach, flag: &str) -> String {
    let remedy = match reach {
        Reach::LoopbackUnlessAllowed => ", or add -allow-remote",
        Reach::LoopbackOnly | Reach::Remote => "",
    };
    let port = address.port();
    format!(
        "cannot listen at {address}: other machines could reach it, and what runs there is for \
         trials on this machine; use {flag}=127.0.0.1:{port}{remedy}"
    )
}

fn failed(address: SocketAddr, flag: &str, error: &io::Error) -> String {
    let owner = match (error.kind(), address.port()) {
        (io::ErrorKind::AddrInUse, 8200) => {
            " (`bao server`, `vault server` and `lockkeeper dev` use this port by default)"
        }
        (io::ErrorKind::AddrInUse, 8201) => {
            " (`bao server` and `vault server` use this port by default)"
        }
        (io::ErrorKind::AddrInUse, 8210) => {
            " (the simulated Confluent Cloud of `lockkeeper dev` uses this port by default)"
        }
        (io::ErrorKind::AddrInUse, 8090) => " (`lockkeeper simulator` uses this port by default)",
        _ => "",
    };
    format!("cannot listen at {address}: {error}{owner}; {flag}=ADDRESS chooses another")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_an_address_and_other_names_are_refused() {
        assert_eq!(parse("localhost:8200"), parse("127.0.0.1:8200"));
        assert!(parse("[::1]:8200").is_ok());
        for text in ["vault.example:8200", "localhost", "localhost:x", "8200", ""] {
            assert!(parse(text).unwrap_err().contains("localhost"), "{text}");
        }
    }

    #[test]
    fn only_a_flag_that_exists_is_named() {
        let address = "0.0.0.0:8200".parse().unwrap();
        let dev = remote(address, Reach::LoopbackOnly, "-listen");
        assert!(!dev.contains("allow"), "{dev}");
        assert!(dev.ends_with("use -listen=127.0.0.1:8200"), "{dev}");
        let simulator = remote(address, Reach::LoopbackUnlessAllowed, "-listen");
        assert!(simulator.ends_with("or add -allow-remote"), "{simulator}");
    }

    #[test]
    fn the_error_for_a_taken_port_names_the_programs_that_use_it() {
        let taken = io::Error::from(io::ErrorKind::AddrInUse);
        let address = "127.0.0.1:8200".parse().unwrap();
        let text = failed(address, "-listen", &taken);
        assert!(text.contains("`bao server`"), "{text}");
        assert!(text.ends_with("-listen=ADDRESS chooses another"), "{text}");
    }
}
