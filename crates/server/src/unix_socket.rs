//! A socket in the file system at which a server listens.
//!
//! Its file says who may connect, so it has its owner and mode before the first
//! connection can be made. A file that a server left behind is replaced; one that
//! somebody answers at, or that is no socket, is not.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::UnixListener;

/// How many connections wait to be accepted: the usual number of the system.
const BACKLOG: i32 = 1024;

/// Who may connect. What is `None` is decided by the process and its umask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access {
    /// The mode of the file.
    pub mode: Option<u32>,
    /// The user that owns it.
    pub user: Option<u32>,
    /// Its group.
    pub group: Option<u32>,
}

/// A bound socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// The file of a socket, removed when this is dropped unless another took its
/// place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl UnixSocket {
    /// Binds a socket. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When something is at the path that is no socket, when a server answers
    /// there, or when the system refuses.
    pub fn bind(path: &Path, access: Access) -> io::Result<Self> {
        remove_stale(path)?;
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        let file = SocketFile::of(path)?;
        // Nobody can connect before `listen`.
        // The mode first: it follows links, and a new owner could put one here.
        if let Some(mode) = access.mode {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        if access.user.is_some() || access.group.is_some() {
            std::os::unix::fs::lchown(path, access.user, access.group)?;
        }
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self {
            listener: into_listener(socket)?,
            file,
        })
    }

    pub(crate) fn into_parts(self) -> (UnixListener, SocketFile) {
        (self.listener, self.file)
    }
}

fn into_listener(socket: OwnedFd) -> io::Result<UnixListener> {
    UnixListener::from_std(socket.into())
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        let is_own = found.is_ok_and(|file| (file.dev(), file.ino()) == (self.device, self.inode));
        if is_own {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the socket of a server that is gone.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let refuse = |why: &str| Err(io::Error::new(ErrorKind::AddrInUse, why.to_owned()));
    if !found.file_type().is_socket() {
        return refuse("there is a file that is no socket: move it away, or choose another path");
    }
    match UnixStream::connect(path) {
        Ok(_) => refuse("a server answers there: stop it, or choose another path"),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY_ELSE: Access = Access {
        mode: Some(0o600),
        user: None,
        group: None,
    };

    fn refusal(path: &Path) -> String {
        UnixSocket::bind(path, NOBODY_ELSE).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_and_vanishes_with_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        let socket = UnixSocket::bind(&path, NOBODY_ELSE).unwrap();
        let mode = fs::symlink_metadata(&path).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(UnixStream::connect(&path).is_ok());
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_a_socket_that_nobody_answers_at_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        let socket = UnixSocket::bind(&path, NOBODY_ELSE).unwrap();
        assert!(refusal(&path).contains("a server answers there"));
        assert!(UnixStream::connect(&path).is_ok());
        // The server is killed: its file stays.
        let (listener, file) = socket.into_parts();
        std::mem::forget(file);
        drop(listener);
        assert!(path.exists());
        drop(UnixSocket::bind(&path, NOBODY_ELSE).unwrap());
        fs::write(&path, "text").unwrap();
        assert!(refusal(&path).contains("no socket"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }

    #[tokio::test]
    async fn the_file_of_a_successor_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        let first = UnixSocket::bind(&path, Access::default()).unwrap();
        fs::remove_file(&path).unwrap();
        let second = UnixSocket::bind(&path, Access::default()).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
    }
}
