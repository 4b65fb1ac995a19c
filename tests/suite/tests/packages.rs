//! Packages on their way: into a registry and out of it, and into a site.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use transfuse_harness::{InterfaceFile, Site, binary, plugins, wait_until};
use transfuse_package::Package;

/// How long a registry may take to listen.
const START_MAX: Duration = Duration::from_secs(20);

/// More blobs than a package with two signatures has; a bound, so that the test ends.
const BLOBS_MAX: usize = 20;

/// Debian's `docker-registry` on a port and in a folder of its own, gone when it is dropped.
struct Registry {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Registry {
    fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            folder.path().join("storage").display()
        );
        let file = folder.path().join("registry.yml");
        fs::write(&file, settings).expect("the settings are written");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed: see `make registry`");
        let registry = Self { child, address, folder };
        wait_until("the registry", START_MAX, || TcpStream::connect(&registry.address).ok()).expect("it listens");
        registry
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Every blob that it keeps, manifests and lists included.
    fn blobs(&self) -> Vec<PathBuf> {
        let mut blobs = Vec::new();
        collect(&self.folder.path().join("storage/docker/registry/v2/blobs"), &mut blobs);
        blobs.sort();
        blobs
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the registry's storage").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn transfuse(arguments: &[&str]) -> Output {
    Command::new(binary().expect("the binary"))
        .arg("plugin")
        .args(arguments)
        .output()
        .expect("it runs")
}

fn ok(arguments: &[&str]) -> String {
    let output = transfuse(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).expect("text")
}

/// What is said where it does not work.
fn refused(arguments: &[&str]) -> String {
    let output = transfuse(arguments);
    assert!(!output.status.success(), "{arguments:?} works");
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(arguments: &[&str]) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    serde_json::from_str(&ok(&arguments)).expect("JSON")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// A copy of a first-party package in a folder of the test's own.
fn copy_of(name: &str, folder: &Path) -> PathBuf {
    let file = folder.join("plugin.oci");
    fs::copy(plugins().expect("the plugins").join(name).join("1.0.0.oci"), &file).expect("it is built");
    file
}

/// The same with the signatures of a vendor and a hospital.
fn signed(folder: &Path) -> PathBuf {
    let file = copy_of("transfuse/redact", folder);
    for role in ["vendor", "hospital"] {
        let key = folder.join(format!("{role}.key"));
        ok(&["key", "new", text(&key)]);
        ok(&["sign", text(&file), "--key", text(&key), "--as", role]);
    }
    file
}

#[test]
fn a_package_comes_out_of_a_registry_as_it_went_in_and_one_flipped_bit_is_refused_by_name() {
    let registry = Registry::start();
    let folder = TempDir::new().expect("a folder");
    let file = signed(folder.path());
    let pushed = json(&["push", text(&file), &registry.place("transfuse/redact")]);
    let place = registry.place("transfuse/redact:1.0.0");
    assert_eq!(pushed["reference"], place.as_str());
    let package = Package::read(&file).expect("the package");
    assert_eq!(pushed["digest"], package.digest.as_str());

    let out = folder.path().join("pulled.oci");
    let pull = ["pull", &place, "--out", text(&out)];
    ok(&pull);
    let pulled = Package::read(&out).expect("what was pulled");
    assert_eq!(
        (pulled.digest.as_str(), pulled.envelopes.len()),
        (package.digest.as_str(), 2)
    );
    assert_eq!(fs::read(&out).expect("the file"), fs::read(&file).expect("the file"));
    // Pushing again adds nothing to the list of signatures.
    ok(&["push", text(&file), &place]);
    let by_digest = format!("{}@{}", registry.place("transfuse/redact"), package.digest);
    assert_eq!(
        json(&["inspect", &by_digest])["signatures"].as_array().map(Vec::len),
        Some(2)
    );

    fs::remove_file(&out).expect("it is there");
    let blobs = registry.blobs();
    assert!((10..=BLOBS_MAX).contains(&blobs.len()), "{blobs:?}");
    let mut parts = Vec::new();
    for blob in &blobs {
        let sound = fs::read(blob).expect("a blob");
        let mut flipped = sound.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        fs::write(blob, flipped).expect("it is written");
        let told = refused(&pull);
        assert!(!out.exists(), "{told}");
        parts.push(part_of(&told).unwrap_or_else(|| panic!("nothing is named: {told}")));
        fs::write(blob, sound).expect("it is written");
    }
    for part in [
        "component.wasm",
        "plugin.toml",
        "config.schema.json",
        "sbom.cdx.json",
        "signature 1",
        "signature 2",
    ] {
        assert!(parts.contains(&part), "{part} is not among {parts:?}");
    }
    ok(&pull);
}

/// Which part a message names.
fn part_of(told: &str) -> Option<&'static str> {
    let parts = [
        "image manifest of signature 1",
        "image manifest of signature 2",
        "signature 1",
        "signature 2",
        "list of signatures",
        "image manifest",
        "component.wasm",
        "plugin.toml",
        "config.schema.json",
        "sbom.cdx.json",
        "provenance.intoto.json",
        "configuration",
    ];
    parts.into_iter().find(|part| told.contains(part))
}

#[test]
fn what_a_registry_does_not_have_and_a_registry_that_is_not_there_are_told_apart() {
    let registry = Registry::start();
    let place = registry.place("transfuse/redact:9.9.9");
    let told = refused(&["pull", &place]);
    assert!(told.contains(&format!("there is no {place}")), "{told}");
    drop(registry);
    let told = refused(&["pull", &place]);
    assert!(told.contains("image manifest") && told.contains("refused"), "{told}");
    let told = refused(&["inspect", "transfuse/redact:1.0.0"]);
    assert!(told.contains("it names no registry"), "{told}");
}

#[test]
fn a_package_says_what_it_is_before_anybody_installs_it() {
    let folder = TempDir::new().expect("a folder");
    let file = copy_of("transfuse/lab-normalize", folder.path());
    let report = json(&["inspect", text(&file)]);
    assert_eq!(report["name"], "transfuse/lab-normalize");
    assert_eq!(report["requests"]["tables"][0], "lab-codes");
    let keys = report["config"].as_array().expect("keys").iter();
    let keys: Vec<&str> = keys.filter_map(|key| key["name"].as_str()).collect();
    assert_eq!(
        keys,
        [
            "application",
            "facility",
            "name_case",
            "on_unknown_code",
            "pass_others",
            "table"
        ]
    );
    let libraries = report["libraries"].as_array().expect("libraries").iter();
    assert!(libraries.clone().any(|library| library["name"] == "serde"), "{report}");
    assert_eq!(report["built"]["language"], "rust");
    assert!(!report["vectors"].as_array().expect("vectors").is_empty());
    let shown = ok(&["inspect", text(&file)]);
    assert!(shown.contains("imports    ") && shown.contains("tables"), "{shown}");
    assert!(shown.contains("signed     by nobody"), "{shown}");
}

#[test]
fn a_version_is_installed_listed_and_removed_but_not_while_it_is_used() {
    let site = Site::bare().expect("a site");
    site.write("transfuse.toml", "").expect("it is written");
    let folder = TempDir::new().expect("a folder");
    let file = signed(folder.path());
    let here = site.path();
    let in_site = ["--site", text(&here)];
    let installed = json(&[&["install", text(&file), "--approve"], &in_site[..]].concat());
    assert_eq!(installed["grants"], "grants = { write = [\"PID-11\"] }");
    assert!(here.join("plugins/transfuse/redact/1.0.0.oci").is_file());
    let verified = json(&[&["verify", "transfuse/redact@1.0.0"], &in_site[..]].concat());
    assert_eq!(verified["deploy"]["allowed"], true);

    let step = "[[steps]]\nplugin = \"transfuse/redact\"\nversion = \"^1\"\ngrants = { write = [\"PID-11\"] }\n";
    site.add(&InterfaceFile::listening("research").section(step))
        .expect("an interface");
    let listed = json(&[&["list"], &in_site[..]].concat());
    assert_eq!(listed[0]["used_by"][0], "interfaces/research.toml");
    assert_eq!(listed[0]["signatures"], 2);
    let remove = [&["remove", "transfuse/redact@1.0.0"], &in_site[..]].concat();
    let told = refused(&remove);
    assert!(told.contains("is used by `interfaces/research.toml`"), "{told}");

    fs::remove_file(here.join("interfaces/research.toml")).expect("it is there");
    ok(&remove);
    assert!(!here.join("plugins/transfuse/redact/1.0.0.oci").exists());
}

#[test]
fn another_package_of_the_same_version_is_not_installed_over_the_first() {
    let site = Site::new().expect("a site");
    let folder = TempDir::new().expect("a folder");
    let file = copy_of("transfuse/redact", folder.path());
    let package = Package::read(&file).expect("a package");
    let other = transfuse_package::Contents {
        manifest_text: format!("{}# changed\n", package.manifest_text),
        component: package.component,
        sbom: package.sbom,
        provenance: package.provenance,
        ..Default::default()
    };
    let other = Package::new(other).expect("a package");
    other.write_to(&file).expect("it is written");
    let told = refused(&["install", text(&file), "--site", text(&site.path())]);
    assert!(told.contains("transfuse/redact 1.0.0 is installed as "), "{told}");
    assert!(told.contains("a version never changes"), "{told}");
}
