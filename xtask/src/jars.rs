//! The jars of a real Kafka broker, of the console tools that come with it, of
//! Spring Boot as far as it reads configuration, and of Spring Vault: downloaded once by Maven from
//! the repository in its settings, pinned by hash, kept under
//! `target/test-tools/`.
//!
//! `jars.txt` has a line `group:artifact:version sha256` for each jar that a
//! broker in `KRaft` mode, the console producer, the console consumer, Spring's
//! reader of `application.yml` and Spring Vault load. Their transitive dependencies are left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::output;

/// The version of the broker among the pins.
const VERSION: &str = "4.3.1";
/// The version of Spring Boot among them.
const SPRING_BOOT: &str = "3.5.7";
/// The version of Spring Vault among them.
const SPRING_VAULT: &str = "3.2.0";
/// The oldest Java that runs it.
const OLDEST_JAVA: u32 = 17;
/// The Maven goal, as `plugin:version:goal`.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
const PINS: &str = include_str!("jars.txt");

/// The folder of the pinned jars, installed under `target` if missing;
/// with `offline` nothing is downloaded.
pub(crate) fn find_kafka(target: &Path, offline: bool) -> Result<PathBuf> {
    for tool in ["java", "javac"] {
        must_be_recent(tool)?;
    }
    let folder = target
        .join("test-tools")
        .join(format!(
            "kafka-{VERSION}-spring-boot-{SPRING_BOOT}-vault-{SPRING_VAULT}"
        ))
        .join("jars");
    if folder.is_dir() {
        return Ok(folder);
    }
    ensure!(
        !offline,
        "Kafka is not installed, and with --offline it is not fetched"
    );
    install(&folder).with_context(|| format!("cannot install Kafka {VERSION}"))?;
    Ok(folder)
}

/// The folder gets its final name only after every hash was checked,
/// so an interrupted installation leaves nothing that a later run would trust.
fn install(folder: &Path) -> Result<()> {
    println!("installing Kafka {VERSION} for the tests");
    let parent = folder.parent().context("a folder without a parent")?;
    let scratch = parent.join(format!("unpacking-{}", std::process::id()));
    fs::create_dir_all(&scratch)
        .with_context(|| format!("cannot create `{}`", scratch.display()))?;
    let result = fetch(&scratch).and_then(|jars| Ok(fs::rename(jars, folder)?));
    fs::remove_dir_all(&scratch).ok();
    result
}

/// Downloads all jars into a folder below `scratch`, and returns it.
fn fetch(scratch: &Path) -> Result<PathBuf> {
    let pins = pins(PINS)?;
    let pom = scratch.join("pom.xml");
    fs::write(&pom, project(&pins))?;
    let jars = scratch.join("jars");
    let property = |name: &str, value: &Path| format!("-D{name}={}", value.display());
    // Maven reports missing artifacts on standard output.
    let status = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "--file"])
        .arg(&pom)
        // Not the user's repository: nothing may be left outside `target/`.
        .arg(property("maven.repo.local", &scratch.join("repository")))
        .arg(property("outputDirectory", &jars))
        .arg(COPY)
        .status()
        .context("cannot start `mvn`: put Maven on the PATH (Debian: maven)")?;
    ensure!(
        status.success(),
        "`mvn` failed ({status}); it needs Maven 3.2.5 or later, and a repository with these jars"
    );
    let mut names: Vec<_> = fs::read_dir(&jars)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<_>>()?;
    names.sort();
    let sums = output(Command::new("sha256sum").args(&names).current_dir(&jars))?;
    compare(&sums, &pins)?;
    Ok(jars)
}

/// A jar by its Maven coordinates, and its hash.
#[derive(Debug, PartialEq, Eq)]
struct Pin<'a> {
    group: &'a str,
    artifact: &'a str,
    version: &'a str,
    sha256: &'a str,
}

impl Pin<'_> {
    fn file_name(&self) -> String {
        format!("{}-{}.jar", self.artifact, self.version)
    }
}

fn pins(text: &str) -> Result<Vec<Pin<'_>>> {
    let pin = |line| {
        let (coordinates, sha256) = str::split_once(line, ' ')?;
        let mut parts = coordinates.split(':');
        Some(Pin {
            group: parts.next()?,
            artifact: parts.next()?,
            version: parts.next()?,
            sha256,
        })
    };
    text.lines()
        .map(|line| pin(line).with_context(|| format!("`{line}` is no pin of a jar")))
        .collect()
}

/// A Maven project that depends on the pinned jars and on nothing else.
fn project(pins: &[Pin<'_>]) -> String {
    let dependency = |pin: &Pin<'_>| {
        format!(
            "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>\
             <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>\
             </exclusions></dependency>\n",
            pin.group, pin.artifact, pin.version
        )
    };
    let dependencies: String = pins.iter().map(dependency).collect();
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>lockkeeper.test</groupId>\
         <artifactId>kafka</artifactId><version>0</version><packaging>pom</packaging>\n\
         <dependencies>\n{dependencies}</dependencies></project>\n"
    )
}

/// Compares what `sha256sum` printed with the pins: all of them, no others.
fn compare(sums: &str, pins: &[Pin<'_>]) -> Result<()> {
    let lines = || sums.lines().filter_map(|line| line.split_once("  "));
    for (sum, name) in lines() {
        let Some(pin) = pins.iter().find(|pin| pin.file_name() == name) else {
            bail!("Maven brought `{name}`, which `xtask/src/jars.txt` does not pin");
        };
        ensure!(
            pin.sha256 == sum,
            "`{name}` has sha256 {sum}, expected {}",
            pin.sha256
        );
    }
    for name in pins.iter().map(Pin::file_name) {
        ensure!(
            lines().any(|(_, brought)| brought == name),
            "Maven did not bring `{name}`"
        );
    }
    Ok(())
}

/// Refuses a Java that is missing or too old, with the remedy.
fn must_be_recent(tool: &str) -> Result<()> {
    let remedy = || {
        format!(
            "a Kafka broker needs a JDK {OLDEST_JAVA} or later: \
             put its `{tool}` on the PATH (Debian: default-jdk-headless)"
        )
    };
    let printed = output(Command::new(tool).arg("--version")).with_context(remedy)?;
    ensure!(
        major(&printed).is_some_and(|major| major >= OLDEST_JAVA),
        "`{tool}` says that it is `{}`; {}",
        printed.lines().next().unwrap_or_default(),
        remedy()
    );
    Ok(())
}

/// 17 of `openjdk 17.0.15 2025-04-15` and of `javac 17.0.15`.
fn major(printed: &str) -> Option<u32> {
    let version = printed.split_whitespace().nth(1)?;
    let end = version.find(|c: char| !c.is_ascii_digit());
    version[..end.unwrap_or(version.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "org.example:some_2.13:4.0 abc";

    #[test]
    fn every_jar_is_pinned_by_a_whole_hash_and_the_versions_are_those_that_are_named() {
        let pins = pins(PINS).unwrap();
        assert!(pins.iter().all(|pin| pin.sha256.len() == 64));
        let version = |name| {
            let pin = pins.iter().find(|pin| pin.artifact == name);
            pin.unwrap().version
        };
        assert_eq!(version("kafka_2.13"), VERSION);
        assert_eq!(version("spring-boot"), SPRING_BOOT);
        assert_eq!(version("spring-vault-core"), SPRING_VAULT);
    }

    #[test]
    fn the_project_names_each_jar_and_nothing_that_it_depends_on() {
        let project = project(&pins(ONE).unwrap());
        let coordinates = "<groupId>org.example</groupId><artifactId>some_2.13</artifactId>\
                           <version>4.0</version><exclusions>";
        assert!(project.contains(coordinates), "{project}");
    }

    #[test]
    fn a_line_without_a_hash_is_refused() {
        assert!(pins("org.example:some:4.0").is_err());
    }

    #[test]
    fn a_changed_an_unknown_and_a_missing_jar_are_named() {
        let pins = pins(ONE).unwrap();
        assert!(compare("abc  some_2.13-4.0.jar\n", &pins).is_ok());
        for (sums, said) in [
            (
                "abd  some_2.13-4.0.jar\n",
                "`some_2.13-4.0.jar` has sha256 abd, expected abc",
            ),
            (
                "abc  other-1.jar\n",
                "Maven brought `other-1.jar`, which `xtask/src/jars.txt` does not pin",
            ),
            ("", "Maven did not bring `some_2.13-4.0.jar`"),
        ] {
            assert_eq!(compare(sums, &pins).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn the_version_of_java_is_read() {
        assert_eq!(major("openjdk 17.0.15 2025-04-15\nmore"), Some(17));
        assert_eq!(major("javac 25"), Some(25));
        assert_eq!(major("java"), None);
    }
}
