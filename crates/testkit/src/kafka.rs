//! Apache Kafka as jars, and the Java that runs them: a broker, and the
//! console tools that come with it. What a broker is told is the test's.

use std::path::{Path, PathBuf};

use crate::process::{Launch, clean_command};

/// Where a program's own classes lie, below its folder.
const CLASSES: &str = "classes";
/// Enough for one test, and quick to start.
const JVM: &[&str] = &["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// Kafka's jars; `java` and `javac` are those on the `PATH`.
#[derive(Debug, Clone)]
pub struct Kafka {
    jars: PathBuf,
}

impl Kafka {
    /// The jars in the folder that `LOCKKEEPER_KAFKA` names, as
    /// `cargo xtask test --kafka` sets it. Without the variable nobody asked
    /// for a broker, in CI neither; [`require_kafka!`](crate::require_kafka)
    /// calls it.
    ///
    /// # Panics
    ///
    /// When the variable names something that is not there.
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

    /// Prepares a Java program that may use Kafka's classes and those that
    /// were compiled for it; its main class is its first argument.
    pub fn java(&self) -> Launch {
        let launch = Launch::new("java");
        let own = launch.folder().join(CLASSES);
        let class_path = format!("{}:{}", own.display(), self.all_jars());
        launch.args(JVM).args(["-cp", &class_path])
    }

    /// Compiles one Java source for a program that was prepared.
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

    /// Java's own pattern for every jar of a folder.
    fn all_jars(&self) -> String {
        self.jars.join("*").display().to_string()
    }
}
