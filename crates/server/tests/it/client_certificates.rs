//! Which certificates of clients a listener takes, and what an engine is told of
//! them.

use std::fs;
use std::sync::Arc;

use server::{ClientCertificates, Limits, Tls};

use crate::authority::{Authority, Files, Identity, VERSIONS, get};
use crate::engine::hex;
use crate::running::Running;

fn serve(tls: &Arc<Tls>) -> Running {
    Running::tls(tls, Limits::default())
}

/// The certificates that an engine is told of, as the whole answer shows them;
/// nothing if the connection was refused.
fn told(server: &Running, files: &Files, identity: Option<&Identity>) -> Option<Vec<String>> {
    let answers = VERSIONS.map(|version| {
        let answer = get(
            &server.address,
            &files.client(version, identity),
            "echo/client",
        )?;
        let (head, body) = answer.text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let shown = body["data"]["certificates"].as_array().unwrap();
        let shown = shown.iter().map(|one| one.as_str().unwrap().to_owned());
        Some(shown.collect::<Vec<_>>())
    });
    let [first, second] = answers;
    assert_eq!(first, second, "the same over both versions of TLS");
    first
}

fn chain(identity: &Identity) -> Vec<String> {
    identity.chain.iter().map(|one| hex(one)).collect()
}

#[test]
fn a_certificate_that_nobody_vouches_for_reaches_the_engine_and_is_not_needed() {
    let (files, authority) = (Files::new(), Authority::new());
    let server = serve(&files.load(ClientCertificates::Requested).unwrap());
    let client = authority.identity();
    assert_eq!(told(&server, &files, Some(&client)), Some(chain(&client)));
    assert_eq!(told(&server, &files, None), Some(Vec::new()));
}

#[test]
fn a_client_has_to_prove_that_it_has_the_key_of_its_certificate() {
    let (files, authority) = (Files::new(), Authority::new());
    let server = serve(&files.load(ClientCertificates::Requested).unwrap());
    let thief = authority.identity().with_key_of(authority.identity());
    assert_eq!(told(&server, &files, Some(&thief)), None);
}

#[test]
fn a_listener_that_requires_a_certificate_takes_only_those_of_its_authorities() {
    let (files, ours, foreign) = (Files::new(), Authority::new(), Authority::new());
    files.trust(&ours);
    let required = ClientCertificates::Required {
        authorities: files.authorities(),
    };
    let tls = files.load(required).unwrap();
    let server = serve(&tls);
    let (one, other) = (ours.identity(), foreign.identity());
    assert_eq!(told(&server, &files, Some(&one)), Some(chain(&one)));
    assert_eq!(told(&server, &files, Some(&other)), None);
    assert_eq!(told(&server, &files, None), None);

    // Read again, and kept if the file cannot be used.
    files.trust(&foreign);
    tls.reload().unwrap();
    assert_eq!(told(&server, &files, Some(&other)), Some(chain(&other)));
    assert_eq!(told(&server, &files, Some(&one)), None);
    fs::write(files.authorities(), "nobody").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read an authority of clients in `"),
        "{error}"
    );
    assert!(error.contains("clients.pem"), "{error}");
    assert_eq!(told(&server, &files, Some(&other)), Some(chain(&other)));
}

#[test]
fn a_session_is_not_resumed_where_a_certificate_is_required() {
    let (files, authority) = (Files::new(), Authority::new());
    files.trust(&authority);
    let authorities = files.authorities();
    for (clients, resumes) in [
        (ClientCertificates::Requested, true),
        (ClientCertificates::Required { authorities }, false),
    ] {
        let server = serve(&files.load(clients).unwrap());
        let identity = authority.identity();
        for version in VERSIONS {
            let client = files.client(version, Some(&identity));
            let [first, second] = [(), ()].map(|()| {
                let answer = get(&server.address, &client, "echo/client");
                answer.unwrap().is_resumed
            });
            assert_eq!((first, second), (false, resumes), "{version:?}");
        }
    }
}

#[test]
fn a_listener_that_disables_them_asks_for_no_certificate() {
    let (files, authority) = (Files::new(), Authority::new());
    let server = serve(&files.load(ClientCertificates::Disabled).unwrap());
    let client = authority.identity();
    assert_eq!(told(&server, &files, Some(&client)), Some(Vec::new()));
}
