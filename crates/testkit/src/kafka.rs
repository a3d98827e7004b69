//! Apache Kafka as jars, and the Java that runs them: a broker, and its console
//! tools. The test writes their configuration.

use std::path::{Path, PathBuf};

use crate::process::{Launch, clean_command};

/// The folder of a program's own classes.
const CLASSES: &str = "classes";
/// JVM flags: enough memory for one test, quick to start.
const JVM: &[&str] = &["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// Kafka's jars; `java` and `javac` are those on the `PATH`.
#[derive(Debug, Clone)]
pub struct Kafka {
    jars: PathBuf,
}

impl Kafka {
    /// The jars in the folder that `LOCKKEEPER_KAFKA` names, as
    /// `cargo xtask test --kafka` sets it. Without the variable, the tests
    /// that need a broker are skipped, in CI too.
    /// [`require_kafka!`](crate::require_kafka) calls it.
    ///
    /// # Panics
    ///
    /// When the variable names a folder that does not exist.
    pub fn find_if_asked() -> Option<Self> {
        let Some(jars) = std::env::var_os("LOCKKEEPER_KAFKA").map(PathBuf::from) else {
            eprintln!("left out: only `cargo xtask test --kafka` runs this test");
            return None;
        };
        assert!(
            jars.is_dir(),
            "LOCKKEEPER_KAFKA names `{}`, which is no folder",
            jars.display()
        );
        Some(Self { jars })
    }

    /// Prepares a Java program with Kafka's classes and its own on the class
    /// path; the main class is its first argument.
    pub fn java(&self) -> Launch {
        let launch = Launch::new("java");
        let own = launch.folder().join(CLASSES);
        let class_path = format!("{}:{}", own.display(), self.all_jars());
        launch.args(JVM).args(["-cp", &class_path])
    }

    /// Compiles one Java source file for a prepared program.
    ///
    /// # Panics
    ///
    /// When the compiler is missing or does not accept it.
    pub fn compile(&self, source: &Path, program: &Launch) {
        let compiled = clean_command(Path::new("javac"), program.folder())
            .args(["-Xlint:all,-path", "-Werror", "-cp", &self.all_jars(), "-d"])
            .arg(program.folder().join(CLASSES))
            .arg(source)
            .output();
        let output = compiled.unwrap_or_else(|error| {
            panic!("cannot start `javac`: {error}; put that of a JDK on the PATH")
        });
        assert!(
            output.status.success(),
            "`javac` does not accept `{}`:\n{}",
            source.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The class path of every jar in a folder.
    fn all_jars(&self) -> String {
        self.jars.join("*").display().to_string()
    }
}
