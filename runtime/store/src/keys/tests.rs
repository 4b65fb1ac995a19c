//! Keys survive what may happen to a folder, and to the file that opens it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// Noon of 2026-11-23, UTC.
const NOON_MS: i64 = 1_795_435_200_000;

const HERE: Belonging = Belonging {
    kind: 1,
    message: 7,
    delivery: 0,
    at_ms: 3,
};

struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        std::fs::create_dir(temporary.path().join("data")).unwrap();
        Self(temporary)
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn master(&self) -> PathBuf {
        self.0.path().join("data.key")
    }

    fn next(&self) -> PathBuf {
        self.0.path().join("data.key.next")
    }

    fn open_at(&self, place: &MasterKeyFile, is_sealed: bool) -> Result<KeysOpened, OpenError> {
        Keys::open(&self.data(), place, Clock::default(), || {
            Ok(JournalSeal { end: 10, is_sealed })
        })
    }

    fn open(&self) -> Arc<Keys> {
        self.open_at(&MasterKeyFile::Beside, true).unwrap().keys
    }

    fn begin(&self) -> Arc<Keys> {
        let opened = self.open_at(&MasterKeyFile::Beside, false).unwrap();
        assert_eq!(opened.made, Some(self.master()));
        opened.keys
    }

    fn rotate(&self) -> Rotated {
        rotate(&self.data(), &MasterKeyFile::Beside).unwrap().unwrap()
    }
}

impl Site {
    /// Everything is wrapped, and the files are called what they were called before.
    fn rotate_without_its_end(&self) {
        let before = std::fs::read(self.master()).unwrap();
        self.rotate();
        std::fs::rename(self.master(), self.next()).unwrap();
        std::fs::write(self.master(), before).unwrap();
        std::fs::set_permissions(self.master(), Permissions::from_mode(0o600)).unwrap();
    }
}

fn lab() -> Arc<str> {
    Arc::from("lab")
}

fn seal(keys: &Keys) -> (i64, Vec<u8>) {
    let key = keys.current(&lab(), NOON_MS).unwrap();
    (key.id, key.seal(b"KOVACS", &HERE, 1).unwrap())
}

fn opens(keys: &Keys, (id, sealed): &(i64, Vec<u8>)) {
    match keys.held(*id).unwrap() {
        Held::Here(key) => assert_eq!(key.open(sealed.clone(), &HERE, 1).unwrap(), b"KOVACS"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_first_start_makes_a_master_key_beside_the_folder_that_opens_it_from_then_on() {
    let site = Site::new();
    let sealed = seal(&site.begin());
    let mode = std::fs::metadata(site.master()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    opens(&site.open(), &sealed);
    let again = site.open_at(&MasterKeyFile::Beside, true).unwrap();
    assert_eq!(again.made, None);
    assert!(!again.keys.must_be_sealed(10) && again.keys.must_be_sealed(11));
}

#[test]
fn each_interface_and_each_day_has_a_key_of_its_own() {
    let site = Site::new();
    let keys = site.begin();
    let id = |name: &str, at_ms| keys.current(&Arc::from(name), at_ms).unwrap().id;
    let lab = id("lab", NOON_MS);
    assert_eq!(lab, id("lab", NOON_MS + 1));
    assert_ne!(lab, id("adt", NOON_MS));
    let tomorrow = id("lab", NOON_MS + DAY_MS);
    assert_ne!(lab, tomorrow);
    // The clock goes back: the day does not.
    assert_eq!(id("lab", NOON_MS), tomorrow);
}

#[test]
fn without_the_right_master_key_a_folder_does_not_open() {
    let site = Site::new();
    drop(site.begin());
    let kept = std::fs::read(site.master()).unwrap();
    std::fs::remove_file(site.master()).unwrap();
    let error = site.open_at(&MasterKeyFile::Beside, true).unwrap_err();
    assert!(
        matches!(error, OpenError::NoMasterKey { needed: Some(_), .. }),
        "{error}"
    );
    let needed = make_master_key(&site.master()).unwrap();
    match site.open_at(&MasterKeyFile::Beside, true).unwrap_err() {
        OpenError::WrongMasterKey { found, .. } => assert_eq!(found, needed),
        other => panic!("{other}"),
    }
    std::fs::write(site.master(), kept).unwrap();
    drop(site.open());
}

#[test]
fn a_master_key_that_others_can_read_or_that_lies_in_the_folder_is_refused() {
    let site = Site::new();
    drop(site.begin());
    std::fs::set_permissions(site.master(), Permissions::from_mode(0o640)).unwrap();
    let error = site.open_at(&MasterKeyFile::Beside, true).unwrap_err().to_string();
    assert!(error.contains("mode 640"), "{error}");
    let inside = site.data().join("master.key");
    make_master_key(&inside).unwrap();
    let error = site.open_at(&MasterKeyFile::At(inside), true).unwrap_err().to_string();
    assert!(error.contains("lies in the data folder"), "{error}");
}

#[test]
fn a_master_key_that_is_named_has_to_be_there_and_none_is_written_over() {
    let site = Site::new();
    let file = site.0.path().join("elsewhere.key");
    let place = MasterKeyFile::At(file.clone());
    let error = site.open_at(&place, false).unwrap_err();
    assert!(matches!(error, OpenError::NoMasterKey { needed: None, .. }), "{error}");
    make_master_key(&file).unwrap();
    assert!(make_master_key(&file).is_err());
    let opened = site.open_at(&place, false).unwrap();
    assert_eq!(opened.made, None);
    assert!(!site.master().exists());
    std::fs::write(&file, "something else").unwrap();
    let error = site.open_at(&place, true).unwrap_err().to_string();
    assert!(error.contains("holds no master key"), "{error}");
}

#[test]
fn keys_that_went_missing_are_not_made_anew_where_something_is_sealed_with_them() {
    let site = Site::new();
    drop(site.begin());
    std::fs::remove_file(keys_in(&site.data())).unwrap();
    let error = site.open_at(&MasterKeyFile::Beside, true).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_rotation_leaves_everything_readable_and_the_old_master_key_opens_nothing() {
    let site = Site::new();
    let sealed = seal(&site.begin());
    let before = std::fs::read(site.master()).unwrap();
    let rotated = site.rotate();
    assert_ne!(rotated.fingerprint, rotated.earlier);
    assert_eq!(rotated.keys, 1);
    opens(&site.open(), &sealed);
    std::fs::write(site.master(), before).unwrap();
    let error = site.open_at(&MasterKeyFile::Beside, true).unwrap_err();
    assert!(matches!(error, OpenError::WrongMasterKey { .. }), "{error}");
}

#[test]
fn whoever_has_the_keys_open_goes_on_through_rotations() {
    let site = Site::new();
    let keys = site.begin();
    let sealed = seal(&keys);
    site.rotate();
    site.rotate();
    // A key that was not read before, and one that is made now: both are of the new master key.
    lock(&keys.ready).clear();
    opens(&keys, &sealed);
    let made = keys.current(&lab(), NOON_MS + DAY_MS).unwrap();
    let later = (made.id, made.seal(b"KOVACS", &HERE, 1).unwrap());
    drop(keys);
    opens(&site.open(), &sealed);
    opens(&site.open(), &later);
}

#[test]
fn a_rotation_that_is_cut_short_anywhere_leaves_a_folder_that_opens() {
    let site = Site::new();
    let sealed = seal(&site.begin());
    // Before anything was wrapped: the next key is there, or half of it.
    make_master_key(&site.next()).unwrap();
    opens(&site.open(), &sealed);
    std::fs::write(site.0.path().join("data.key.next.making"), "transfuse-mas").unwrap();
    opens(&site.open(), &sealed);
    site.rotate();
    opens(&site.open(), &sealed);
    // Everything was wrapped, and the file has not got its name.
    site.rotate_without_its_end();
    opens(&site.open(), &sealed);
    assert!(!site.next().exists());
    // The same, and the next thing that happens is another rotation.
    site.rotate_without_its_end();
    site.rotate();
    opens(&site.open(), &sealed);
}

#[test]
fn a_wrapped_key_that_was_changed_or_exchanged_is_damage() {
    let site = Site::new();
    let keys = site.begin();
    let sealed = seal(&keys);
    keys.current(&Arc::from("adt"), NOON_MS).unwrap();
    drop(keys);
    let connection = rusqlite::Connection::open(keys_in(&site.data())).unwrap();
    let exchange =
        "UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE interface = 'adt') WHERE interface = 'lab'";
    connection.execute(exchange, []).unwrap();
    let error = site.open().held(sealed.0).unwrap_err().to_string();
    assert!(error.contains("was changed"), "{error}");
}

#[test]
fn what_a_plugin_keeps_is_sealed_by_one_key_for_all_days() {
    let site = Site::new();
    let sealed = site.begin().state(&lab()).unwrap().seal(b"7", b"n").unwrap();
    let opened = site.open().state(&lab()).unwrap().open(sealed, b"n").unwrap();
    assert_eq!(opened, b"7");
}

#[test]
fn keys_are_made_ahead_for_who_needs_them() {
    let site = Site::new();
    let keys = site.begin();
    keys.prepare(&[lab(), Arc::from("adt")]).unwrap();
    keys.prepare_ahead().unwrap();
    drop(keys);
    let report = report(&site.data(), &MasterKeyFile::Beside).unwrap().unwrap();
    let told: Vec<_> = report
        .interfaces
        .iter()
        .map(|one| (one.interface.as_str(), one.keys))
        .collect();
    assert_eq!(told, [("adt", 2), ("lab", 2)]);
}
