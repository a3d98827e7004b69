//! Lines to the system's log, each as one message (RFC 3164) to its local socket.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Zoned;
use logical::Error;
use zeroize::Zeroizing;

use super::Options;
use super::writer::{Line, Target};

/// Where systems have it.
const PATHS: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];
/// `informational`.
const SEVERITY: u8 = 6;
/// How long a message may take.
const TIMEOUT: Duration = Duration::from_secs(2);

const FACILITIES: [(&str, u8); 20] = [
    ("KERN", 0),
    ("USER", 1),
    ("MAIL", 2),
    ("DAEMON", 3),
    ("AUTH", 4),
    ("SYSLOG", 5),
    ("LPR", 6),
    ("NEWS", 7),
    ("UUCP", 8),
    ("CRON", 9),
    ("AUTHPRIV", 10),
    ("FTP", 11),
    ("LOCAL0", 16),
    ("LOCAL1", 17),
    ("LOCAL2", 18),
    ("LOCAL3", 19),
    ("LOCAL4", 20),
    ("LOCAL5", 21),
    ("LOCAL6", 22),
    ("LOCAL7", 23),
];

/// The target of a `syslog` device.
pub(super) struct Syslog {
    paths: Vec<PathBuf>,
    facility: u8,
    tag: String,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        Self::at(options, PATHS.map(PathBuf::from).into())
    }

    pub(super) fn at(options: &Options, paths: Vec<PathBuf>) -> Result<Self, Error> {
        let facility = options.get("facility").map_or("AUTH", String::as_str);
        let facility = facility.to_ascii_uppercase();
        let known = FACILITIES.iter().find(|(name, _)| *name == facility);
        let (_, facility) = known.ok_or_else(|| {
            Error::bad_request("`facility` must be one of syslog's, such as `AUTH` or `LOCAL0`")
        })?;
        let tag = options.get("tag").map_or("lockkeeper", String::as_str);
        let is_tag = |letter: char| letter.is_ascii_graphic() && !"[]:<>".contains(letter);
        if tag.is_empty() || !tag.chars().all(is_tag) {
            return Err(Error::bad_request(
                "`tag` must be letters, digits and signs without spaces, brackets and colons",
            ));
        }
        Ok(Self {
            paths,
            facility: *facility,
            tag: tag.to_owned(),
            socket: None,
        })
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        let mut result = Err(io::ErrorKind::NotFound.into());
        for path in &self.paths {
            result = socket.connect(path);
            if result.is_ok() {
                break;
            }
        }
        result.map_err(|error: io::Error| {
            io::Error::new(error.kind(), format!("the system's log: {error}"))
        })?;
        Ok(socket)
    }

    fn try_write(&mut self, lines: &[Line]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect()?,
        };
        let time = Zoned::now().strftime("%b %e %H:%M:%S").to_string();
        for line in lines {
            let head = format!(
                "<{}>{time} {}[{}]: ",
                self.facility * 8 + SEVERITY,
                self.tag,
                std::process::id()
            );
            let mut message = Zeroizing::new(Vec::with_capacity(head.len() + line.len()));
            message.extend_from_slice(head.as_bytes());
            message.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
            socket.send(&message)?;
        }
        self.socket = Some(socket);
        Ok(())
    }
}

impl Target for Syslog {
    fn batch(&self) -> usize {
        1
    }

    fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        let written = self.try_write(lines);
        // The log may have been started again.
        written.or_else(|_| self.try_write(lines))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.socket = None;
        self.socket = Some(self.connect()?);
        Ok(())
    }
}
