//! A real Kafka broker that asks a control plane who may log in, and the
//! console tools that come with it as its clients.

use std::fs;
use std::path::Path;
use std::time::Duration;

use testkit::{Kafka, Program, eventually, free_port};

/// The topic of all records.
const TOPIC: &str = "orders";
/// What the broker asks the control plane with.
const HANDLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kafka/AskControlPlane.java");
/// A producer that reads its key anew at each login.
const KEEPS_UP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kafka/KeepsUp.java");
/// A client that does nothing but log in.
const LOG_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kafka/LogIn.java");
/// How long a broker may take to start; it takes five seconds.
const READY: Duration = Duration::from_mins(2);
/// How often a broker is started anew because a port was taken meanwhile.
const TRIES: usize = 5;
/// What a client logs whose open connection the broker ends, because it asked
/// for the key again and does not take it.
const CAST_OUT: &str = "Failed re-authentication with";
/// What a client logs that the broker does not let in.
const TURNED_AWAY: &str = "Failed authentication with";
/// The broker's words to both.
const REASON: &str = "Authentication failed: Invalid username or password";

/// A broker in `KRaft` mode with one topic, on loopback. Dropping it ends it.
pub(crate) struct Broker {
    kafka: Kafka,
    ports: Ports,
    _program: Program,
}

/// A listener of the broker for clients.
#[derive(Clone, Copy)]
pub(crate) enum Listener {
    /// With a key, which is asked for again every five seconds.
    AsksAgain,
    /// With a key, which is asked for once for each connection.
    AsksOnce,
}

#[derive(Clone, Copy)]
struct Ports {
    again: u16,
    once: u16,
    /// Without a key, for the broker itself and for whoever watches.
    inside: u16,
    controller: u16,
}

impl Broker {
    /// Starts one; whoever gets 200 from `control_plane` may log in.
    pub(crate) fn start(kafka: &Kafka, control_plane: &str) -> Self {
        for _ in 0..TRIES {
            if let Some(broker) = Self::try_start(kafka, control_plane) {
                return broker;
            }
        }
        panic!("found no free ports for a broker in {TRIES} tries");
    }

    /// A producer that sends records until a line is written to it, and takes its
    /// key from a file whenever it logs in.
    pub(crate) fn producer_that_keeps_up(&self, file: &Path) -> Program {
        let launch = self.kafka.java().with_input();
        self.kafka.compile(Path::new(KEEPS_UP), &launch);
        launch
            .args(["KeepsUp", &self.address(Listener::AsksAgain), TOPIC])
            .args([file])
            .start()
    }

    /// A client that logs in with each `key secret` that is written to it.
    pub(crate) fn login(&self) -> Program {
        let launch = self.kafka.java().with_input();
        self.kafka.compile(Path::new(LOG_IN), &launch);
        let address = self.address(Listener::AsksOnce);
        launch.args(["LogIn", &address]).start()
    }

    fn address(&self, listener: Listener) -> String {
        let port = match listener {
            Listener::AsksAgain => self.ports.again,
            Listener::AsksOnce => self.ports.once,
        };
        format!("127.0.0.1:{port}")
    }

    /// A producer that sends each line that is written to it, logged in with
    /// `jaas` as its configuration.
    pub(crate) fn producer(&self, listener: Listener, jaas: &str) -> Producer {
        let launch = self.kafka.java().with_input();
        let configuration = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={jaas}\n"
        );
        fs::write(launch.folder().join("client.properties"), configuration).unwrap();
        let program = launch
            .args(["org.apache.kafka.tools.ConsoleProducer"])
            .args(["--topic", TOPIC, "--command-config", "client.properties"])
            .args(["--bootstrap-server", &self.address(listener)])
            .start();
        Producer { program }
    }

    /// A consumer that prints every record of the topic as a line.
    pub(crate) fn consumer(&self) -> Program {
        let inside = format!("127.0.0.1:{}", self.ports.inside);
        self.kafka
            .java()
            .args(["org.apache.kafka.tools.consumer.ConsoleConsumer"])
            .args(["--topic", TOPIC, "--partition", "0", "--offset", "earliest"])
            .args(["--bootstrap-server", &inside])
            .start()
    }

    fn try_start(kafka: &Kafka, control_plane: &str) -> Option<Self> {
        let ports = Ports {
            again: free_port(),
            once: free_port(),
            inside: free_port(),
            controller: free_port(),
        };
        let launch = kafka.java();
        kafka.compile(Path::new(HANDLER), &launch);
        let file = launch.folder().join("server.properties");
        fs::write(&file, configuration(ports, launch.folder(), control_plane)).unwrap();
        format_storage(kafka, &file);
        let mut program = launch.args(["kafka.Kafka"]).args([&file]).start();
        let port_was_taken = eventually("the broker serves", READY, || {
            let log = program.stderr();
            if program.ended().is_some() {
                let taken = log.contains("Address already in use");
                assert!(taken, "the broker ended by itself:\n{log}");
                return Some(true);
            }
            log.contains("Kafka Server started").then_some(false)
        });
        (!port_was_taken).then(|| Self {
            kafka: kafka.clone(),
            ports,
            _program: program,
        })
    }
}

/// A console producer. Dropping it ends it.
pub(crate) struct Producer {
    program: Program,
}

impl Producer {
    /// Sends one record.
    pub(crate) fn send(&mut self, record: &str) {
        self.program.write_line(record);
    }

    /// Whether the broker has ended its open connection.
    pub(crate) fn is_cast_out(&self) -> bool {
        self.logged(CAST_OUT)
    }

    /// Whether the broker has not let it in.
    pub(crate) fn is_turned_away(&self) -> bool {
        self.logged(TURNED_AWAY)
    }

    /// Ends it at once: asked to end, it would wait for the broker to take what
    /// it still has.
    pub(crate) fn kill(self) {
        self.program.kill();
    }

    fn logged(&self, what: &str) -> bool {
        let log = self.program.stderr();
        log.lines()
            .any(|line| line.contains(what) && line.contains(REASON))
    }
}

/// Gives a broker that is about to start its place for data.
fn format_storage(kafka: &Kafka, configuration: &Path) {
    // It looks for the classes that the configuration names.
    let launch = kafka.java();
    kafka.compile(Path::new(HANDLER), &launch);
    // Any 16 bytes in Base64 name a cluster.
    let id = "bG9ja2tlZXBlci10ZXN0cw";
    let mut program = launch
        .args(["kafka.tools.StorageTool", "format", "--standalone"])
        .args(["--cluster-id", id, "--config"])
        .args([configuration])
        .start();
    let status = eventually("the storage is formatted", READY, || program.ended());
    assert!(status.success(), "{}", program.stderr());
}

fn configuration(ports: Ports, folder: &Path, control_plane: &str) -> String {
    let Ports {
        again,
        once,
        inside,
        controller,
    } = ports;
    let data = folder.join("data");
    let data = data.display();
    let clients =
        format!("AGAIN://127.0.0.1:{again},ONCE://127.0.0.1:{once},INSIDE://127.0.0.1:{inside}");
    let keys = |listener: &str| {
        let plain = format!("listener.name.{listener}.plain");
        format!(
            "listener.name.{listener}.sasl.enabled.mechanisms=PLAIN\n\
             {plain}.sasl.jaas.config=\
             org.apache.kafka.common.security.plain.PlainLoginModule required;\n\
             {plain}.sasl.server.callback.handler.class=AskControlPlane\n"
        )
    };
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.listener.names=CONTROLLER\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners={clients},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners={clients}\n\
         listener.security.protocol.map=AGAIN:SASL_PLAINTEXT,ONCE:SASL_PLAINTEXT,\
         INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         inter.broker.listener.name=INSIDE\n\
         log.dirs={data}\n\
         control.plane.topics={control_plane}\n\
         principal.builder.class=AskControlPlane$OwnerOfKey\n\
         listener.name.again.plain.connections.max.reauth.ms=5000\n\
         {}{}",
        keys("again"),
        keys("once"),
    )
}
