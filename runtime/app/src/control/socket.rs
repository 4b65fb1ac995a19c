//! The socket: in the data folder, for the engine's own account; or elsewhere, for a group too.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tokio::net::{UnixListener, UnixStream};

use crate::configuration::ControlSettings;

/// The socket's name in the data folder.
const SOCKET_NAME: &str = "control.sock";

/// The kernel's room for a socket's path is 108 bytes, its terminator included; longer ones need a detour.
const PATH_BYTES_MAX: usize = 107;

/// Why the control socket could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("cannot open the control socket `{}`", path.display())]
    NotOpened { path: PathBuf, source: io::Error },
    #[error("another engine listens on the control socket `{}`", .0.display())]
    Taken(PathBuf),
    #[error("`{}` is to be the control socket, and is something else", .0.display())]
    NoSocket(PathBuf),
    #[error("this machine has no group `{0}` that could open the control socket")]
    UnknownGroup(String),
    #[error("cannot give the control socket `{}` to the group `{group}`", path.display())]
    NotGiven {
        path: PathBuf,
        group: String,
        source: io::Error,
    },
}

impl SocketError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NotOpened { path, .. } => format!(
                "its folder `{}` has to be there, and the engine has to be allowed to write into it",
                path.parent().unwrap_or(path).display()
            ),
            Self::Taken(_) => "each engine needs a `socket` of its own in `[control]` of transfuse.toml".to_owned(),
            Self::NoSocket(_) => "name another path as `socket` in `[control]` of transfuse.toml".to_owned(),
            Self::UnknownGroup(group) => format!("make it (`groupadd {group}`), or name another one in `[control]`"),
            Self::NotGiven { group, .. } => {
                format!("put the engine's account into the group (`usermod -aG {group} ACCOUNT`), and start it again")
            }
        }
    }
}

/// The path of the socket where a site says nothing else, and of a link to it where it does.
pub(super) fn in_data(data: &Path) -> PathBuf {
    data.join(SOCKET_NAME)
}

/// Binds the control socket: for the owner only, or for the group that the site names too.
///
/// A socket in the data folder that is already there is a leftover: the caller holds the store, and nobody else can. Elsewhere it is one
/// where nobody listens.
pub(crate) fn bind(site: &Path, data: &Path, settings: &ControlSettings) -> Result<UnixListener, SocketError> {
    let own = in_data(data);
    let not_opened = |path: &Path| {
        let path = path.to_owned();
        |source| SocketError::NotOpened { path, source }
    };
    remove(&own).map_err(not_opened(&own))?;
    let Some(socket) = &settings.socket else {
        return listen(&own).map_err(not_opened(&own));
    };
    let path = std::path::absolute(site.join(socket)).map_err(not_opened(&own))?;
    remove_leftover(&path)?;
    let listener = listen(&path).map_err(not_opened(&path))?;
    if let Some(group) = &settings.group {
        give(&path, group)?;
    }
    symlink(&path, &own).map_err(not_opened(&own))?;
    Ok(listener)
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let address = Address::of(path)?;
    let listener = UnixListener::bind(address.path())?;
    // Until then the folder keeps others out, or the umask, which lets nobody else write as it usually is.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn give(path: &Path, group: &str) -> Result<(), SocketError> {
    let number = group.parse().ok();
    let number = number.or_else(|| uzers::get_group_by_name(group).map(|found| found.gid()));
    let number = number.ok_or_else(|| SocketError::UnknownGroup(group.to_owned()))?;
    // The group first: what it may do must not be for another one, be it for a moment.
    std::os::unix::fs::chown(path, None, Some(number))
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o660)))
        .map_err(|source| SocketError::NotGiven {
            path: path.to_owned(),
            group: group.to_owned(),
            source,
        })
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Elsewhere may be anything, and be in use.
fn remove_leftover(path: &Path) -> Result<(), SocketError> {
    let Ok(there) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !there.file_type().is_socket() {
        return Err(SocketError::NoSocket(path.to_owned()));
    }
    let answers = Address::of(path).and_then(|address| std::os::unix::net::UnixStream::connect(address.path()));
    match answers {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            remove(path).map_err(|source| SocketError::NotOpened {
                path: path.to_owned(),
                source,
            })
        }
        _ => Err(SocketError::Taken(path.to_owned())),
    }
}

/// Connects to the engine that listens there.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(Address::of(path)?.path()).await
}

/// A path that the kernel accepts for a socket, however deep its folder lies.
enum Address {
    Plain(PathBuf),
    /// By way of the folder's descriptor, which must stay open while the path is used.
    ByDescriptor {
        path: PathBuf,
        _folder: OwnedFd,
    },
}

impl Address {
    fn of(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Self::Plain(path.to_owned()));
        };
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self::Plain(path.to_owned()));
        }
        let folder = rustix::fs::open(
            folder,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let path = Path::new("/proc/self/fd")
            .join(folder.as_raw_fd().to_string())
            .join(name);
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
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_works_in_a_deep_folder_and_over_a_leftover_and_for_its_owner_only() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("deep".repeat(40));
        fs::create_dir_all(&data).unwrap();
        let usual = ControlSettings::default();
        let path = in_data(&data);
        drop(bind(root.path(), &data, &usual).unwrap());
        assert!(connect(&path).await.is_err(), "nobody listens on a leftover");
        let listener = bind(root.path(), &data, &usual).unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), connect(&path));
        assert!(accepted.is_ok() && connected.is_ok());
        assert_eq!(mode(&path), 0o600);
    }

    #[tokio::test]
    async fn a_socket_elsewhere_is_its_groups_and_found_by_way_of_the_data_folder_too() {
        let site = tempfile::tempdir().unwrap();
        let data = site.path().join("data");
        fs::create_dir_all(&data).unwrap();
        // The group of the test itself, which everybody may give a file to.
        let group = fs::metadata(&data).unwrap().gid();
        let settings = ControlSettings {
            socket: Some("shared.sock".into()),
            group: Some(group.to_string()),
        };
        drop(bind(site.path(), &data, &ControlSettings::default()).unwrap());
        drop(bind(site.path(), &data, &settings).unwrap());
        let listener = bind(site.path(), &data, &settings).unwrap();
        let path = site.path().join("shared.sock");
        assert_eq!((mode(&path), fs::metadata(&path).unwrap().gid()), (0o660, group));
        for path in [&path, &in_data(&data)] {
            let (accepted, connected) = tokio::join!(listener.accept(), connect(path));
            assert!(accepted.is_ok() && connected.is_ok(), "{}", path.display());
        }
        let taken = bind(site.path(), &data, &settings);
        assert!(matches!(taken, Err(SocketError::Taken(_))), "{taken:?}");
    }

    #[tokio::test]
    async fn what_is_no_socket_stays_and_a_group_that_there_is_not_is_named() {
        let site = tempfile::tempdir().unwrap();
        fs::write(site.path().join("notes"), "keep this").unwrap();
        let at = |socket: &str, group: Option<&str>| {
            let settings = ControlSettings {
                socket: Some(socket.into()),
                group: group.map(str::to_owned),
            };
            bind(site.path(), site.path(), &settings)
        };
        assert!(matches!(at("notes", None), Err(SocketError::NoSocket(_))));
        assert_eq!(fs::read(site.path().join("notes")).unwrap(), b"keep this");
        let unknown = at("shared.sock", Some("no such group"));
        assert!(matches!(unknown, Err(SocketError::UnknownGroup(name)) if name == "no such group"));
        assert!(matches!(
            at("nowhere/shared.sock", None),
            Err(SocketError::NotOpened { .. })
        ));
    }
}
