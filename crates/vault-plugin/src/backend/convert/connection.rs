//! How a request reached its host. Each host sends the client's certificates in a form
//! of its own.

use logical::Connection;

use crate::pb::backend as pb;

/// The connection of a request, as its host describes it.
pub(super) fn from_wire(connection: pb::Connection) -> Connection {
    let mut read = Connection::default();
    read.remote_address = connection.remote_addr.parse().ok();
    read.remote_port = u16::try_from(connection.remote_port).unwrap_or(0);
    read.client_certificates = client_certificates(connection);
    read
}

/// The client's certificates, in the form in which this host sends them. A proxy
/// that the host trusts to name the client goes before the peer, which is then the
/// proxy itself; that is OpenBao's own order (`GetPreferredCerts`).
fn client_certificates(connection: pb::Connection) -> Vec<Vec<u8>> {
    if !connection.proxied_certificates_raw.is_empty() {
        return connection.proxied_certificates_raw;
    }
    if !connection.peer_certificates_raw.is_empty() {
        return connection.peer_certificates_raw;
    }
    // Vault, and OpenBao before 2.6.
    let state = connection.connection_state.unwrap_or_default();
    let chain = state.peer_certificates.unwrap_or_default();
    let certificates = chain.certificates.into_iter();
    certificates.map(|one| one.asn1_data).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an engine is told of the client's certificates.
    fn certificates_of(connection: pb::Connection) -> Vec<Vec<u8>> {
        from_wire(connection).client_certificates
    }

    fn state(certificates: &[&[u8]]) -> pb::ConnectionState {
        let certificate = |der: &&[u8]| pb::Certificate {
            asn1_data: der.to_vec(),
        };
        let chain = pb::CertificateChain {
            certificates: certificates.iter().map(certificate).collect(),
        };
        pb::ConnectionState {
            version: 0x0304,
            handshake_complete: true,
            peer_certificates: Some(chain),
            ..pb::ConnectionState::default()
        }
    }

    #[test]
    fn a_client_certificate_arrives_in_the_form_of_every_host() {
        // Vault, and OpenBao before 2.6.
        let vault = pb::Connection {
            connection_state: Some(state(&[&[1, 2], &[3]])),
            ..pb::Connection::default()
        };
        assert_eq!(certificates_of(vault), [vec![1, 2], vec![3]]);
        // OpenBao since 2.6, in the clear and behind a proxy.
        let raw = pb::Connection {
            peer_certificates_raw: vec![vec![4], vec![5]],
            ..pb::Connection::default()
        };
        assert_eq!(certificates_of(raw.clone()), [[4], [5]]);
        let proxied = pb::Connection {
            proxied_certificates_raw: vec![vec![6]],
            connection_state: Some(state(&[&[7]])),
            ..raw
        };
        assert_eq!(certificates_of(proxied), [[6]]);
    }

    #[test]
    fn a_client_without_a_certificate_has_none() {
        let without = [None, Some(pb::ConnectionState::default()), Some(state(&[]))];
        for connection_state in without {
            let connection = pb::Connection {
                connection_state,
                ..pb::Connection::default()
            };
            assert_eq!(certificates_of(connection), Vec::<Vec<u8>>::new());
        }
    }
}
