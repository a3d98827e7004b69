//! The socket that a host connects to: its location, its permissions, and its
//! removal at the end.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::Stream;
use logical::Entropy;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::flush_coalescer::FlushCoalescer;
use super::tls::HTTP2;

/// The longest path of a socket on Linux, without the final zero.
const LONGEST_PATH: usize = 107;
/// Time limit of a TLS handshake.
const TLS_LIMIT: Duration = Duration::from_secs(10);
/// How long accepting pauses after a failure, such as no free descriptor.
const PAUSE: Duration = Duration::from_millis(100);

/// Location of the socket, and the group that may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocketConfig {
    /// The directory chosen by the host when it runs the plugin in a container.
    pub(crate) folder: Option<PathBuf>,
    /// A group, by name or number, that may use the socket.
    pub(crate) group: Option<String>,
    /// Otherwise, the parent of a new directory.
    pub(crate) temporary: PathBuf,
}

/// A bound socket. Dropping it removes its file, and its directory if it was
/// created here.
pub(crate) struct Socket {
    listener: UnixListener,
    place: Place,
}

/// The file of a socket.
pub(crate) struct Place {
    path: PathBuf,
    own_folder: Option<PathBuf>,
}

impl Socket {
    /// Binds a socket at the host's location, or else in a new directory that
    /// only this user may enter. Needs a running tokio runtime.
    pub(crate) fn bind(config: &SocketConfig, entropy: &dyn Entropy) -> io::Result<Self> {
        let mut random = [0; 8];
        entropy.fill(&mut random);
        let name = format!("plugin{:016x}", u64::from_ne_bytes(random));
        let place = match &config.folder {
            Some(folder) => Place {
                path: folder.join(name),
                own_folder: None,
            },
            None => Place::in_new_folder(&config.temporary, &name)?,
        };
        let listener = UnixListener::bind(&place.path)
            .map_err(|error| annotate(&error, "cannot bind the socket", &place.path))?;
        let socket = Self { listener, place };
        let mode = match &config.group {
            Some(group) => {
                chown(socket.path(), None, Some(group_id(group)?))?;
                0o660
            }
            None => 0o600,
        };
        fs::set_permissions(socket.path(), Permissions::from_mode(mode))?;
        Ok(socket)
    }

    /// The file of the socket.
    pub(crate) fn path(&self) -> &Path {
        &self.place.path
    }

    /// The connections of the host. Handshakes run concurrently, so a slow peer
    /// does not block others. The stream ends when `stop` is cancelled; the
    /// file is removed when the returned location is dropped.
    pub(crate) fn accept(
        self,
        tls: TlsAcceptor,
        stop: CancellationToken,
    ) -> (
        Place,
        impl Stream<Item = io::Result<FlushCoalescer<TlsStream<UnixStream>>>> + Send + 'static,
    ) {
        let Self { listener, place } = self;
        let (ready, mut proven) = mpsc::channel(16);
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        tokio::spawn(accept_tls(tls.clone(), stream, ready.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }));
        let stream = futures_util::stream::poll_fn(move |context| proven.poll_recv(context));
        (place, stream)
    }
}

impl Place {
    fn in_new_folder(temporary: &Path, name: &str) -> io::Result<Self> {
        let usable = |folder: &Path| {
            let bytes = folder.as_os_str().as_bytes();
            bytes.len() + "//socket".len() + name.len() <= LONGEST_PATH
                && !bytes.iter().any(|byte| b"|\n".contains(byte))
        };
        let temporary = if usable(temporary) {
            temporary
        } else {
            Path::new("/tmp")
        };
        let folder = temporary.join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| annotate(&error, "cannot make the socket's folder", &folder))?;
        Ok(Self {
            path: folder.join("socket"),
            own_folder: Some(folder),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A file that cannot be removed is harmless.
        let _ = fs::remove_file(&self.path);
        if let Some(folder) = &self.own_folder {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Accepts a peer that is the host and speaks HTTP/2.
async fn accept_tls(
    tls: TlsAcceptor,
    stream: UnixStream,
    ready: mpsc::Sender<io::Result<FlushCoalescer<TlsStream<UnixStream>>>>,
) {
    match tokio::time::timeout(TLS_LIMIT, tls.accept(stream)).await {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(HTTP2) => {
            // There is no receiver while the plugin is stopping.
            let _ = ready.send(Ok(FlushCoalescer::new(stream))).await;
        }
        Ok(Ok(_)) => tracing::warn!("refused a connection that does not speak HTTP/2"),
        Ok(Err(error)) => tracing::warn!(%error, "refused a connection that is not the host's"),
        Err(_) => tracing::warn!("refused a connection that proved nothing in time"),
    }
}

/// The number of a group that is given by number or by name.
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    find_group(&fs::read_to_string("/etc/group")?, group).ok_or_else(|| {
        let text = format!("`PLUGIN_UNIX_SOCKET_GROUP` names `{group}`, which is no group here");
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}

fn find_group(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

fn annotate(error: &io::Error, doing: &str, path: &Path) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("{doing} `{}`: {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use runtime::SystemEntropy;

    use super::*;

    fn wish(temporary: &Path) -> SocketConfig {
        SocketConfig {
            folder: None,
            group: None,
            temporary: temporary.to_owned(),
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_lies_in_a_folder_of_its_own_and_goes_with_it() {
        let temporary = tempfile::tempdir().unwrap();
        let socket = Socket::bind(&wish(temporary.path()), &SystemEntropy).unwrap();
        let folder = socket.path().parent().unwrap().to_owned();
        assert_eq!(folder.parent(), Some(temporary.path()));
        assert_eq!((mode(&folder), mode(socket.path())), (0o700, 0o600));
        drop(socket);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn the_host_can_choose_folder_and_group() {
        let shared = tempfile::tempdir().unwrap();
        let own_group = std::os::unix::fs::MetadataExt::gid(&fs::metadata(shared.path()).unwrap());
        let chosen = SocketConfig {
            folder: Some(shared.path().to_owned()),
            group: Some(own_group.to_string()),
            ..wish(shared.path())
        };
        let socket = Socket::bind(&chosen, &SystemEntropy).unwrap();
        assert_eq!(socket.path().parent(), Some(shared.path()));
        assert_eq!(mode(socket.path()), 0o660);
        drop(socket);
        assert_eq!(fs::read_dir(shared.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_temporary_folder_with_a_long_path_is_not_used() {
        let temporary = tempfile::tempdir().unwrap();
        let long = temporary.path().join("x".repeat(100));
        fs::create_dir(&long).unwrap();
        let socket = Socket::bind(&wish(&long), &SystemEntropy).unwrap();
        assert!(!socket.path().starts_with(&long));
    }

    #[test]
    fn a_group_is_found_by_name() {
        let groups = "root:x:0:\nvault:x:991:someone\n";
        assert_eq!(find_group(groups, "vault"), Some(991));
        assert_eq!(find_group(groups, "bao"), None);
    }
}
