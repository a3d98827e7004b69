//! Lines to a peer, over TCP, UDP or a socket of this machine.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use logical::{Error, duration};

use super::Options;
use super::writer::{BATCH, Line, Target};

/// How long a connection or a line may take if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The target of a `socket` device.
pub(super) struct Socket {
    address: String,
    kind: Kind,
    timeout: Duration,
    connection: Option<Connection>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Tcp,
    Udp,
    Unix,
}

enum Connection {
    Tcp(TcpStream),
    Udp(UdpSocket),
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        let address = options.get("address").filter(|address| !address.is_empty());
        let address = address.ok_or_else(|| Error::bad_request("address is required"))?;
        let kind = match options.get("socket_type").map_or("tcp", String::as_str) {
            "tcp" => Kind::Tcp,
            "udp" => Kind::Udp,
            "unix" => Kind::Unix,
            _ => {
                return Err(Error::bad_request(
                    "`socket_type` must be `tcp`, `udp` or `unix`",
                ));
            }
        };
        let timeout = match options.get("write_timeout") {
            None => TIMEOUT,
            Some(text) => duration::parse(text)
                .map_err(|error| Error::bad_request(format!("`write_timeout`: {error}")))?,
        };
        if timeout.is_zero() {
            return Err(Error::bad_request("`write_timeout` must be above zero"));
        }
        Ok(Self {
            address: address.clone(),
            kind,
            timeout,
            connection: None,
        })
    }

    #[cfg(test)]
    pub(super) fn connection_lost(&mut self) {
        self.connection = None;
    }

    fn connect(&self) -> io::Result<Connection> {
        match self.kind {
            Kind::Unix => {
                let stream = UnixStream::connect(&self.address)?;
                stream.set_write_timeout(Some(self.timeout))?;
                Ok(Connection::Unix(stream))
            }
            Kind::Tcp => self.any(|address| {
                let stream = TcpStream::connect_timeout(&address, self.timeout)?;
                stream.set_write_timeout(Some(self.timeout))?;
                Ok(Connection::Tcp(stream))
            }),
            Kind::Udp => self.any(|address| {
                let own = if address.is_ipv4() {
                    SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
                } else {
                    SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
                };
                let socket = UdpSocket::bind(own)?;
                socket.connect(address)?;
                socket.set_write_timeout(Some(self.timeout))?;
                Ok(Connection::Udp(socket))
            }),
        }
    }

    /// The first address of the name that works.
    fn any<T>(&self, connect: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
        let mut result = Err(io::Error::other("the name has no address"));
        for address in self.address.to_socket_addrs()? {
            result = connect(address);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn try_write(&mut self, lines: &[Line]) -> io::Result<()> {
        if self.connection.as_mut().is_some_and(Connection::has_ended) {
            self.connection = None;
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        for line in lines {
            match &mut connection {
                Connection::Tcp(stream) => stream.write_all(line)?,
                Connection::Unix(stream) => stream.write_all(line)?,
                Connection::Udp(socket) => {
                    socket.send(line)?;
                }
            }
        }
        // Only one that works is kept: a line that broke off must not be continued.
        self.connection = Some(connection);
        Ok(())
    }
}

impl Connection {
    /// Whether the peer has closed it. The next line would be lost without an error.
    fn has_ended(&mut self) -> bool {
        let mut byte = [0];
        let read = match self {
            Self::Udp(_) => return false,
            Self::Tcp(stream) => {
                let _ = stream.set_nonblocking(true);
                let read = stream.read(&mut byte);
                let _ = stream.set_nonblocking(false);
                read
            }
            Self::Unix(stream) => {
                let _ = stream.set_nonblocking(true);
                let read = stream.read(&mut byte);
                let _ = stream.set_nonblocking(false);
                read
            }
        };
        match read {
            Ok(read) => read == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

impl Target for Socket {
    fn batch(&self) -> usize {
        match self.kind {
            Kind::Udp => 1,
            Kind::Tcp | Kind::Unix => BATCH,
        }
    }

    fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        let written = self.try_write(lines);
        // Once more with a new connection.
        written.or_else(|_| self.try_write(lines))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.connection = None;
        self.connection = Some(self.connect()?);
        Ok(())
    }
}
