//! The files of `lockkeeper render`, read by the programs that users have: for
//! each reader thousands of random credentials, of which every value must come
//! back as it was.

mod cases;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use credential_formats::{Fields, Form, Profile, fields};
use serde_json::{Map, Value, json};
use testkit::{Launch, Reader, eventually, require_kafka, require_reader};

use self::cases::{Case, held_by};

/// What a test waits for a reader of all cases; it takes some seconds.
const PATIENCE: Duration = Duration::from_mins(3);
/// How many processes read at the same time, where a process reads one file.
const AT_ONCE: usize = 8;

/// A script for one language.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("readers")
        .join(name)
}

fn kubernetes() -> Form {
    // A name that is a number without its quotes.
    Form::Kubernetes("1234".parse().unwrap())
}

/// Lets a reader compare all cases: it prints how many it read, and which wrong.
fn compare(mut launch: Launch, arguments: &[&str], lines: &[Value]) {
    let mut text = String::new();
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
    let cases = launch.folder().join("cases.jsonl");
    fs::write(&cases, text).unwrap();
    launch = launch.args(arguments).args([&cases]);
    let mut program = launch.start();
    let status = eventually("all cases were read", PATIENCE, || program.ended());
    let printed = program.stdout();
    assert!(status.success(), "{printed}");
    let expected = format!("{} read, 0 wrong\n", lines.len());
    let beginning: String = printed.chars().take(4000).collect();
    assert_eq!(beginning, expected);
}

fn object(fields: &Fields) -> Value {
    let members = fields
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(members.collect::<Map<_, _>>())
}

/// A line for each credential that the form can hold, in the form's usual
/// profile.
fn lines(form: &Form, profile: Profile) -> Vec<Value> {
    let held = held_by(profile, |fields| form.write(fields));
    let line = |(_, fields, text): &(Case, Fields, _)| {
        let text: &credential_formats::SecretText = text;
        json!({ "text": text.expose(), "expect": object(fields) })
    };
    held.iter().map(line).collect()
}

#[test]
fn python_reads_every_dotenv_json_and_yaml_file() {
    let Some(_) = Reader::Python.find_or_leave_out() else {
        return;
    };
    for (name, form, profile) in [
        ("dotenv", Form::Dotenv, Profile::Env),
        ("json", Form::Json, Profile::Librdkafka),
        ("kubernetes", kubernetes(), Profile::KafkaJava),
        ("spring-yaml", Form::SpringYaml, Profile::Spring),
    ] {
        let launch = require_reader!(Reader::Python).args([script("read.py")]);
        compare(launch, &[name], &lines(&form, profile));
    }
}

#[test]
fn node_reads_every_dotenv_json_and_yaml_file() {
    for (name, form, profile) in [
        ("dotenv", Form::Dotenv, Profile::Env),
        ("json", Form::Json, Profile::Librdkafka),
        ("kubernetes", kubernetes(), Profile::KafkaJava),
        ("spring-yaml", Form::SpringYaml, Profile::Spring),
    ] {
        let launch = require_reader!(Reader::Node).args([script("read.cjs")]);
        compare(launch, &[name], &lines(&form, profile));
    }
}

#[test]
fn bash_takes_every_variable() {
    shell(require_reader!(Reader::Bash));
}

#[test]
fn sh_takes_every_variable() {
    shell(require_reader!(Reader::Sh));
}

/// A shell cannot read JSON: it gets files, and prints what it took.
fn shell(launch: Launch) {
    let held = held_by(Profile::Env, |fields| Form::Env.write(fields));
    let mut expected = String::new();
    let mut files = Vec::new();
    for (number, (_, fields, text)) in held.iter().enumerate() {
        let file = format!("./{number}.env");
        fs::write(launch.folder().join(&file), text.expose()).unwrap();
        files.push(file);
        for (_, value) in fields.iter() {
            expected.extend([value, "\0"]);
        }
    }
    let names = held[0].1.iter().map(|(name, _)| name);
    let mut program = launch
        .args([script("read.sh")])
        .args(names)
        .args(["--"])
        .args(files)
        .start();
    let status = eventually("all files were read", PATIENCE, || program.ended());
    assert!(status.success(), "{}", program.stderr());
    let took = program.stdout();
    for (index, (took, value)) in took.split('\0').zip(expected.split('\0')).enumerate() {
        assert_eq!(took, value, "value {index}");
    }
    assert_eq!(took.len(), expected.len());
}

#[test]
fn kcat_reads_every_configuration_of_librdkafka() {
    // For its folder only: each file needs a process of its own.
    let folder = require_reader!(Reader::Kcat);
    let folder = folder.folder();
    let held = held_by(Profile::Librdkafka, |fields| Form::Librdkafka.write(fields));
    std::thread::scope(|scope| {
        for part in held.chunks(held.len().div_ceil(AT_ONCE)) {
            scope.spawn(move || {
                for (case, fields, text) in part {
                    let file = folder.join(case.number.to_string());
                    fs::write(&file, text.expose()).unwrap();
                    assert_kcat_takes(&file, fields);
                }
            });
        }
    });
}

fn assert_kcat_takes(file: &Path, fields: &Fields) {
    let output = Command::new("kcat")
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .arg("-F")
        .arg(file)
        .args(["-X", "dump"])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    for (name, value) in fields.iter() {
        // It prints the names of other things than texts in lower case.
        let value = match name {
            "security.protocol" => &value.to_lowercase(),
            _ => value,
        };
        // Its other name.
        let name = name.replace("bootstrap.servers", "metadata.broker.list");
        let line = format!("{name} = {value}");
        assert!(
            printed.split('\n').any(|own| own == line),
            "expected `{line}`:\n{printed}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn kafka_loads_every_properties_file_and_logs_in() {
    let kafka = require_kafka!();
    let held = held_by(Profile::KafkaJava, |fields| Form::Properties.write(fields));
    let line = |(case, fields, text): &(Case, Fields, credential_formats::SecretText)| {
        json!({
            "text": text.expose(),
            "expect": object(fields),
            "login": [case.key(), case.secret()],
        })
    };
    let lines: Vec<Value> = held.iter().map(line).collect();
    compare(java(&kafka), &["properties"], &lines);
    // Of a Schema Registry: no login, but the same file.
    let registry = lines_of_registry();
    compare(java(&kafka), &["properties"], &registry);
}

fn lines_of_registry() -> Vec<Value> {
    lines(&Form::Properties, Profile::SchemaRegistry)
}

#[test]
fn kafka_logs_in_with_the_fields_of_every_java_profile() {
    let kafka = require_kafka!();
    for profile in [Profile::KafkaJava, Profile::Compat] {
        let held = held_by(profile, |_| Ok(()));
        let line = |(case, fields, ()): &(Case, Fields, ())| {
            json!({
                "fields": object(fields),
                "expect": object(fields),
                "login": [case.key(), case.secret()],
            })
        };
        let lines: Vec<Value> = held.iter().map(line).collect();
        compare(java(&kafka), &["fields"], &lines);
    }
    // Templates put their line where the client's own name of it is.
    let held = held_by(Profile::Template, |_| Ok(()));
    let line = |(case, fields, ()): &(Case, Fields, ())| {
        let jaas = fields.iter().find(|(name, _)| *name == "sasl_jaas_config");
        let client = json!({ "sasl.jaas.config": jaas.unwrap().1 });
        json!({ "fields": client, "expect": client, "login": [case.key(), case.secret()] })
    };
    let lines: Vec<Value> = held.iter().map(line).collect();
    compare(java(&kafka), &["fields"], &lines);
}

#[test]
fn spring_hands_the_fields_of_an_answer_to_kafka_and_logs_in() {
    let kafka = require_kafka!();
    let held = held_by(Profile::Spring, |_| Ok(()));
    let line = |(case, of_answer, ()): &(Case, Fields, ())| {
        let client = fields(&[Profile::KafkaJava], &case.credential).unwrap();
        json!({
            "fields": object(of_answer),
            "expect": object(&client),
            "login": [case.key(), case.secret()],
        })
    };
    let lines: Vec<Value> = held.iter().map(line).collect();
    compare(java(&kafka), &["spring-fields"], &lines);
}

#[test]
fn spring_hands_every_value_to_kafka_and_logs_in() {
    let kafka = require_kafka!();
    let held = held_by(Profile::Spring, |fields| Form::SpringYaml.write(fields));
    let line = |(case, _, text): &(Case, Fields, credential_formats::SecretText)| {
        let client = fields(&[Profile::KafkaJava], &case.credential).unwrap();
        json!({
            "text": text.expose(),
            "expect": object(&client),
            "login": [case.key(), case.secret()],
        })
    };
    let lines: Vec<Value> = held.iter().map(line).collect();
    compare(java(&kafka), &["spring-yaml"], &lines);
}

fn java(kafka: &testkit::Kafka) -> Launch {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/ReadFiles.java");
    let launch = kafka
        .java()
        // A client logs its whole configuration.
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]);
    kafka.compile(&source, &launch);
    launch.args(["ReadFiles"])
}
