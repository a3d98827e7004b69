//! Lines in a file, on standard output, or nowhere.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use logical::Error;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use zeroize::Zeroizing;

use super::Options;
use super::writer::{Line, Target};

/// Of a new file: its owner reads and writes it.
const MODE: u32 = 0o600;
/// Of a new folder.
const FOLDER_MODE: u32 = 0o700;

/// The target of a `file` device.
pub(super) enum File {
    Path(PathTarget),
    Stdout,
    Discard,
}

impl File {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        let path = options.get("file_path").or_else(|| options.get("path"));
        let path = path.filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| Error::bad_request("file_path is required"))?;
        let mode = mode(options)?;
        Ok(match path.to_ascii_lowercase().as_str() {
            "stdout" => Self::Stdout,
            "discard" => Self::Discard,
            _ => Self::Path(PathTarget {
                path: path.into(),
                mode,
                file: None,
                is_torn: false,
                buffer: Zeroizing::default(),
            }),
        })
    }
}

/// Permissions in octal digits; `None` if the file is to keep its own.
fn mode(options: &Options) -> Result<Option<u32>, Error> {
    let Some(text) = options.get("mode") else {
        return Ok(Some(MODE));
    };
    let mode = u32::from_str_radix(text, 8).ok();
    let mode = mode.filter(|mode| *mode <= 0o777).ok_or_else(|| {
        Error::bad_request("`mode` must be permissions in octal digits, such as `0600`, or `0000`")
    })?;
    Ok((mode != 0).then_some(mode))
}

impl Target for File {
    fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        match self {
            Self::Discard => Ok(()),
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                for line in lines {
                    stdout.write_all(line)?;
                }
                stdout.flush()
            }
            Self::Path(target) => target.write(lines),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::Discard | Self::Stdout => Ok(()),
            Self::Path(target) => target.open().map(drop),
        }
    }
}

/// A file by its path.
pub(super) struct PathTarget {
    path: PathBuf,
    mode: Option<u32>,
    file: Option<fs::File>,
    /// Whether the file may end in the middle of a line.
    is_torn: bool,
    buffer: Zeroizing<Vec<u8>>,
}

impl PathTarget {
    pub(super) fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        self.buffer.clear();
        for line in lines {
            self.buffer.extend_from_slice(line);
        }
        let written = self.write_buffer();
        // The file may be another by now, and its folder may be there again.
        let written = written.or_else(|_| {
            self.open()?;
            self.write_buffer()
        });
        written.map_err(|error| {
            self.file = None;
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        })
    }

    #[cfg(test)]
    pub(super) fn tear(&mut self) {
        self.is_torn = true;
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.open()?;
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        if self.is_torn {
            file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_torn = rest.len() < self.buffer.len();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Opens the file of this path, which may have been moved away.
    fn open(&mut self) -> io::Result<()> {
        self.file = None;
        if let Some(folder) = self.path.parent().filter(|folder| *folder != Path::new("")) {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(FOLDER_MODE).create(folder)?;
        }
        let mut options = OpenOptions::new();
        let options = options.append(true).create(true);
        // A pipe that nobody reads is an error, and does not wait for a reader.
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let options = options.custom_flags(nonblocking);
        let file = options.mode(self.mode.unwrap_or(MODE)).open(&self.path)?;
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        if let Some(mode) = self.mode {
            let metadata = file.metadata()?;
            // Not of devices, such as `/dev/null`.
            if metadata.is_file() && metadata.permissions().mode() & 0o7777 != mode {
                file.set_permissions(fs::Permissions::from_mode(mode))?;
            }
        }
        self.file = Some(file);
        Ok(())
    }
}
