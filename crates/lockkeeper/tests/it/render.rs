//! `lockkeeper render`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use testkit::{BaoServer, Cli, bin, require_bao};

use crate::own_server::OwnServer;

const PATH: &str = "confluent/creds/app";

#[test]
fn a_credential_is_written_for_its_owner_only_and_ends_with_the_lease_that_is_told() {
    let server = OwnServer::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.properties");
    fs::write(&file, "old").unwrap();
    let before = server.alive();

    let said = server.cli().run(&[
        "render",
        PATH,
        "-as=properties",
        "-bootstrap-servers=pkc-1.example:9092",
        &format!("-out={}", file.display()),
    ]);

    assert_eq!(said.status, 0, "{said:?}");
    let text = fs::read_to_string(&file).unwrap();
    let alive = server.alive();
    let mut made = alive.iter().filter(|id| !before.contains(id));
    let key = made.next().unwrap();
    let begin = format!(
        "bootstrap.servers=pkc-1.example:9092\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n\
         sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
         username=\"{key}\" password=\"cflt"
    );
    assert!(
        text.starts_with(&begin) && text.ends_with("\";\n"),
        "{text}"
    );
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        said.stdout,
        format!("Success! Credential written to: {}\n", file.display())
    );
    assert!(!said.stderr.contains("cflt"), "{}", said.stderr);
    let lease = said
        .stderr
        .split_whitespace()
        .find(|word| word.starts_with(PATH));
    server
        .cli()
        .ok(&["lease", "revoke", "-sync", lease.unwrap()]);
    assert_eq!(server.alive(), before);
}

#[test]
fn every_form_is_printed_with_the_same_shared_key() {
    let server = OwnServer::start();
    let cli = server.cli();
    let key = cli.ok(&["read", "-field=key_id", "confluent/creds/shared"]);
    let secret = cli.ok(&["read", "-field=secret", "confluent/creds/shared"]);
    for (options, part) in [
        (
            &["-as=properties"][..],
            format!("username=\"{key}\" password=\"{secret}\";\n"),
        ),
        (&["-as=librdkafka"], format!("sasl.password={secret}\n")),
        (
            &["-as=spring-yaml"],
            format!("password=\\\"{secret}\\\";\"\n"),
        ),
        (
            &["-as=env"],
            format!("export KAFKA_API_SECRET='{secret}'\n"),
        ),
        (&["-as=dotenv"], format!("KAFKA_API_SECRET='{secret}'\n")),
        (&["-as=kubernetes"], "  name: \"shared\"\n".to_owned()),
        (
            &["-as=kubernetes", "-name=a.b"],
            "  name: \"a.b\"\n".to_owned(),
        ),
        (&["-as=json"], format!("\"sasl.password\": \"{secret}\"\n")),
        (
            &["-as=json", "-profile=minimal"],
            format!("\"secret\": \"{secret}\"\n"),
        ),
        (
            &["-as=env", "-kind=flink"],
            format!("export FLINK_API_KEY='{key}'\n"),
        ),
    ] {
        let mut arguments = vec!["render", "confluent/creds/shared"];
        arguments.extend(options);
        let printed = cli.ok(&arguments);
        assert!(printed.contains(&part), "{options:?}: {printed}");
    }
}

#[test]
fn what_cannot_be_written_leaves_neither_a_file_nor_a_key() {
    let server = OwnServer::start();
    let folder = tempfile::tempdir().unwrap();
    let out = format!("-out={}", folder.path().join("a").display());
    let before = server.alive();
    for (options, part) in [
        (
            &["-as=env", "-profile=kafka-java"][..],
            "use output profile `env`",
        ),
        (
            &["-as=spring-yaml", "-profile=minimal"],
            "use output profile `spring`",
        ),
        (
            &["-as=json", "-profile=aws-managed"],
            "needs `serviceAccountId`",
        ),
        (
            &["-as=properties", "-kind=cloud", "-profile=librdkafka"],
            "not for keys of kind `cloud`",
        ),
        (
            &["-as=dotenv", "-bootstrap-servers=a'b"],
            "`KAFKA_BOOTSTRAP_SERVERS` has `'` in it",
        ),
    ] {
        let mut arguments = vec!["render", PATH, &out];
        arguments.extend(options);
        let said = server.cli().run(&arguments);
        assert_eq!((said.status, said.stdout.as_str()), (1, ""), "{said:?}");
        assert!(said.stderr.contains(part), "{}", said.stderr);
        assert_eq!(server.alive(), before, "{options:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_reader_that_went_away_leaves_no_key() {
    let server = OwnServer::start();
    let before = server.alive();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(bin("lockkeeper"))
        .args(["render", PATH, "-as=json"])
        .env("VAULT_ADDR", &server.address)
        .env("VAULT_TOKEN", "root")
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("cannot print the credential: "), "{said}");
    assert_eq!(server.alive(), before);
}

#[test]
fn mistakes_are_found_before_a_key_is_made() {
    let server = OwnServer::start();
    let before = server.alive();
    let wrapping = server.cli().env("VAULT_WRAP_TTL", "60s");
    for (said, part) in [
        (
            server
                .cli()
                .run(&["render", PATH, "-as=json", "-out=/no/such/folder/file"]),
            "cannot write `/no/such/folder/file`",
        ),
        (
            server
                .cli()
                .run(&["render", PATH, "-as=kubernetes", "-name=Orders"]),
            "`Orders` is no name of a Kubernetes Secret",
        ),
        (
            server
                .cli()
                .run(&["render", PATH, "-as=json", "-profile=java"]),
            "",
        ),
        (
            wrapping.run(&["render", PATH, "-as=json"]),
            "unset VAULT_WRAP_TTL",
        ),
        (
            wrapping.run(&["exec", PATH, "--", "true"]),
            "unset VAULT_WRAP_TTL",
        ),
    ] {
        assert_eq!((said.status, said.stdout.as_str()), (1, ""), "{said:?}");
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
    assert_eq!(server.alive(), before);
    let absent = server
        .cli()
        .run(&["render", "confluent/creds/none", "-as=json"]);
    assert_eq!(
        (absent.status, absent.stdout.as_str()),
        (2, ""),
        "{absent:?}"
    );
}

#[test]
fn a_secret_of_openbaos_kv_engine_is_written_and_what_holds_no_key_is_refused() {
    let bao = require_bao!();
    let server = BaoServer::start(&bao);
    let cli = server.cli();
    cli.ok(&[
        "kv",
        "put",
        "secret/orders",
        "username=K7",
        "password=a'b",
        "bootstrap_servers=h:1",
    ]);
    cli.ok(&["kv", "put", "secret/other", "color=turquoise"]);
    let ours = Cli::new(bin("lockkeeper"), server.address(), server.root_token());
    let printed = ours.ok(&["render", "secret/data/orders", "-as=env", "-kind=kafka"]);
    assert_eq!(
        printed,
        "export KAFKA_API_KEY='K7'\nexport KAFKA_API_SECRET='a'\\''b'\n\
         export KAFKA_BOOTSTRAP_SERVERS='h:1'\n"
    );
    let refused = ours.run(&["render", "secret/data/other", "-as=json"]);
    assert_eq!(
        (refused.status, refused.stdout.as_str()),
        (1, ""),
        "{refused:?}"
    );
    assert!(
        refused.stderr.contains("has no API key"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("turquoise"), "{}", refused.stderr);
}

/// There is no lease to tell of, and nothing to revoke.
#[test]
fn the_key_of_a_static_role_is_written_and_handed_on_and_lives() {
    let server = OwnServer::start();
    let cli = server.cli();
    let mut role = vec![
        "write".to_owned(),
        "confluent/static-role/orders".to_owned(),
    ];
    for field in ["owner", "resource", "resource_env"] {
        let value = cli.ok(&["read", &format!("-field={field}"), "confluent/role/app"]);
        role.push(format!("{field}={value}"));
    }
    role.extend(["rotation=manual", "readiness=none"].map(str::to_owned));
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    cli.ok(&role);
    let key = cli.ok(&["read", "-field=key_id", "confluent/static-creds/orders"]);
    let before = server.alive();
    assert!(before.contains(&key));
    for path in ["confluent/static-creds/orders", "confluent/data/orders"] {
        let written = cli.run(&["render", path, "-as=env"]);
        assert_eq!(
            (written.status, written.stderr.as_str()),
            (0, ""),
            "{written:?}"
        );
        let begin = format!("export KAFKA_API_KEY='{key}'\nexport KAFKA_API_SECRET='cflt");
        assert!(
            written.stdout.starts_with(&begin),
            "{path}: {}",
            written.stdout
        );
        let ran = cli.run(&["exec", path, "--", "sh", "-c", "echo $KAFKA_API_KEY"]);
        let said = (ran.status, ran.stdout.trim(), ran.stderr.as_str());
        assert_eq!(said, (0, key.as_str(), ""), "{path}: {ran:?}");
    }
    assert_eq!(server.alive(), before);
}
