//! The socket in the data folder.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tokio::net::{UnixListener, UnixStream};

/// The socket's name in the data folder.
const SOCKET_NAME: &str = "control.sock";

/// The kernel's room for a socket's path is 108 bytes, its terminator included; longer ones need a detour.
const PATH_BYTES_MAX: usize = 107;

/// Why the control socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the control socket `{}`", path.display())]
pub(crate) struct SocketError {
    path: PathBuf,
    source: io::Error,
}

/// Binds the control socket of a data folder, for the owner only.
///
/// A socket file that is already there is a leftover: the caller holds the store, and nobody else can.
pub(crate) fn bind(data: &Path) -> Result<UnixListener, SocketError> {
    let path = data.join(SOCKET_NAME);
    bind_at(data, &path).map_err(|source| SocketError { path, source })
}

fn bind_at(data: &Path, path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let address = Address::of(data)?;
    let listener = UnixListener::bind(address.path())?;
    // Between the two calls the folder's own 0700 keeps others out.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the engine that runs on a data folder.
pub(super) async fn connect(data: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(Address::of(data)?.path()).await
}

/// A path that the kernel accepts for the socket of a data folder, however deep the folder lies.
enum Address {
    Plain(PathBuf),
    /// By way of the folder's descriptor, which must stay open while the path is used.
    ByDescriptor {
        path: PathBuf,
        _folder: OwnedFd,
    },
}

impl Address {
    fn of(data: &Path) -> io::Result<Self> {
        let plain = data.join(SOCKET_NAME);
        if plain.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self::Plain(plain));
        }
        let folder = rustix::fs::open(data, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_NAME}", folder.as_raw_fd()));
        Ok(Self::ByDescriptor { path, _folder: folder })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Plain(path) | Self::ByDescriptor { path, .. } => path,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_works_in_a_deep_folder_and_over_a_leftover_and_for_its_owner_only() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("deep".repeat(40));
        fs::create_dir_all(&data).unwrap();
        drop(bind(&data).unwrap());
        assert!(connect(&data).await.is_err(), "nobody listens on a leftover");
        let listener = bind(&data).unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), connect(&data));
        assert!(accepted.is_ok() && connected.is_ok());
        let mode = fs::metadata(data.join(SOCKET_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
