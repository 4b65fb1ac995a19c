//! Tar archives that come out alike for the same entries, and the reading of such with nothing taken on trust.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use tar::{Archive, Builder, EntryType, Header};
use thiserror::Error;

/// What a package's archives hold: bytes by path.
pub(crate) type Entries = BTreeMap<String, Vec<u8>>;

/// How much an archive may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) entries_max: usize,
    /// Of all entries together.
    pub(crate) bytes_max: u64,
}

/// An archive is not one of ours.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The bytes are no tar archive, or a damaged one. What the reader says of them is not told: it quotes them, and a
    /// file that was named by mistake may be a message.
    #[error("it is no tar archive, or a damaged one")]
    Damaged(io::Error),
    /// The same path twice: two readers might each take another one.
    #[error("it holds `{0}` twice")]
    Duplicate(String),
    /// A path that could lead out of a folder, or is not text.
    #[error("it holds `{0}`, and that is no path in a package")]
    Path(String),
    /// A link, a folder, a device.
    #[error("`{path}` in it is no plain file but a {kind}")]
    NotAFile {
        /// The entry.
        path: String,
        /// What it is.
        kind: String,
    },
    /// Too many entries.
    #[error("it holds more than {0} files")]
    TooMany(usize),
    /// Too much of them.
    #[error("what it holds has more than {0} bytes")]
    TooLarge(u64),
}

/// The archive's format has room for no more, extensions aside.
const PATH_BYTES_MAX: usize = 100;

/// Writes entries in the order of their paths, with nothing in them that differs between two machines.
///
/// A path that the archive's format has no room for is an error.
pub(crate) fn write(entries: &Entries) -> Result<Vec<u8>, ArchiveError> {
    let bytes: usize = entries.values().map(|content| content.len() + 1024).sum();
    let mut builder = Builder::new(Vec::with_capacity(bytes + 1024));
    for (path, content) in entries {
        if !is_sound(path) {
            return Err(ArchiveError::Path(path.clone()));
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_path(path).map_err(ArchiveError::Damaged)?;
        header.set_cksum();
        builder
            .append(&header, content.as_slice())
            .map_err(ArchiveError::Damaged)?;
    }
    builder.into_inner().map_err(ArchiveError::Damaged)
}

/// Reads the files of an archive. Whatever is not a plain file with a plain path is refused.
pub(crate) fn read(bytes: &[u8], bounds: Bounds) -> Result<Entries, ArchiveError> {
    let mut archive = Archive::new(bytes);
    let mut entries = Entries::new();
    let mut left = bounds.bytes_max;
    // Raw: an extension that says something else about the entry after it is refused, not followed.
    for entry in archive.entries().map_err(ArchiveError::Damaged)?.raw(true) {
        let mut entry = entry.map_err(ArchiveError::Damaged)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            let kind = format!("{:?}", entry.header().entry_type());
            return Err(ArchiveError::NotAFile { path, kind });
        }
        if !is_sound(&path) {
            return Err(ArchiveError::Path(path));
        }
        if entries.len() == bounds.entries_max {
            return Err(ArchiveError::TooMany(bounds.entries_max));
        }
        left = left
            .checked_sub(entry.size())
            .ok_or(ArchiveError::TooLarge(bounds.bytes_max))?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(ArchiveError::Damaged)?;
        if content.len() as u64 != entry.size() {
            return Err(ArchiveError::Damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        if entries.insert(path.clone(), content).is_some() {
            return Err(ArchiveError::Duplicate(path));
        }
    }
    Ok(entries)
}

/// Words of letters, digits, `.`, `_` and `-` with `/` between them, none of them `.` or `..`.
pub(crate) fn is_sound(path: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word != "."
            && word != ".."
            && word
                .chars()
                .all(|character| character.is_alphanumeric() || matches!(character, '.' | '_' | '-' | ' '))
    };
    path.len() <= PATH_BYTES_MAX && path.split('/').all(is_word)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    const BOUNDS: Bounds = Bounds {
        entries_max: 3,
        bytes_max: 10,
    };

    fn entries(files: &[(&str, &[u8])]) -> Entries {
        files
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
            .collect()
    }

    /// An archive with headers that this module would not write.
    fn foreign(paths: &[(&str, EntryType)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, kind) in paths {
            let mut header = Header::new_ustar();
            // The setter refuses some of these paths, so the bytes are written.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(0);
            header.set_cksum();
            builder.append(&header, &[][..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn entries_come_back_and_the_order_of_writing_does_not_show() {
        let one = entries(&[("a/b.txt", b"1"), ("c", b"23")]);
        let other = entries(&[("c", b"23"), ("a/b.txt", b"1")]);
        let bytes = write(&one).unwrap();
        assert_eq!(bytes, write(&other).unwrap());
        assert_eq!(read(&bytes, BOUNDS).unwrap(), one);
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused_by_name() {
        for path in ["../a", "/a", "a/../b", "a//b", "./a", "a\\b", "a\nb", ""] {
            assert!(!is_sound(path), "{path:?}");
            let refused = read(&foreign(&[(path, EntryType::Regular)]), BOUNDS).unwrap_err();
            assert!(
                matches!(&refused, ArchiveError::Path(found) if found == path),
                "{refused}"
            );
            assert!(write(&entries(&[(path, b"")])).is_err());
        }
    }

    #[test]
    fn links_extensions_and_doubles_are_refused() {
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Directory,
            EntryType::GNULongName,
            EntryType::XHeader,
        ] {
            let refused = read(&foreign(&[("a", kind)]), BOUNDS).unwrap_err();
            assert!(matches!(refused, ArchiveError::NotAFile { .. }), "{refused}");
        }
        let twice = foreign(&[("a", EntryType::Regular), ("a", EntryType::Regular)]);
        assert!(matches!(read(&twice, BOUNDS).unwrap_err(), ArchiveError::Duplicate(path) if path == "a"));
    }

    #[test]
    fn what_is_too_much_is_refused_and_the_largest_is_not() {
        let largest = entries(&[("a", b"12345"), ("b", b"12345"), ("c", b"")]);
        assert_eq!(read(&write(&largest).unwrap(), BOUNDS).unwrap(), largest);
        let large = entries(&[("a", b"12345"), ("b", b"123456")]);
        assert!(matches!(
            read(&write(&large).unwrap(), BOUNDS).unwrap_err(),
            ArchiveError::TooLarge(10)
        ));
        let many = entries(&[("a", b""), ("b", b""), ("c", b""), ("d", b"")]);
        assert!(matches!(
            read(&write(&many).unwrap(), BOUNDS).unwrap_err(),
            ArchiveError::TooMany(3)
        ));
    }

    #[test]
    fn of_a_file_that_is_no_archive_nothing_is_told() {
        let message = "MSH|^~\\&|LAB\rPID|1||4711||PRÓBABETEG^GŐZŐ\r".repeat(30);
        let refused = read(message.as_bytes(), BOUNDS).unwrap_err();
        assert_eq!(refused.to_string(), "it is no tar archive, or a damaged one");
    }

    #[test]
    fn an_archive_that_was_cut_off_is_refused() {
        let bytes = write(&entries(&[("a", b"12345")])).unwrap();
        assert!(matches!(
            read(&bytes[..515], BOUNDS).unwrap_err(),
            ArchiveError::Damaged(_)
        ));
    }
}
