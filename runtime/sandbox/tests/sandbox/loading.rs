//! Loading: what is refused and why, and compiled code on disk.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use transfuse_sandbox::{LinkError, LoadError, PluginIdentity, Sandbox, SandboxSettings};

use crate::support::{MESSAGE, forwarded, guest, identity, input, sandbox, settings, step};

fn load(text: &str) -> Result<transfuse_sandbox::Plugin, LoadError> {
    let component = wat::parse_str(text).unwrap();
    sandbox().load(identity(&component), &component)
}

fn behaved() -> Vec<u8> {
    transfuse_guests::component(transfuse_guests::guest("traps").unwrap().text).unwrap()
}

#[test]
fn bytes_with_another_digest_are_refused() {
    let component = behaved();
    let other = PluginIdentity {
        component_digest: format!("sha256:{}", "0".repeat(64)).into(),
        ..identity(&component)
    };
    let error = sandbox().load(other, &component).unwrap_err();
    let LoadError::DigestMismatch { found, .. } = error else {
        unreachable!("{error}")
    };
    assert_eq!(*found, *identity(&component).component_digest);
}

#[test]
fn a_file_that_is_not_webassembly_is_refused() {
    for bytes in [&b""[..], b"\0asm", b"MSH|^~\\&|", b"\0asm\x0d\0\x05\0"] {
        let error = sandbox().load(identity(bytes), bytes).unwrap_err();
        assert!(matches!(error, LoadError::NotWebAssembly { .. }), "{error}");
    }
}

#[test]
fn a_core_module_is_refused() {
    assert!(matches!(load("(module)").unwrap_err(), LoadError::CoreModule { .. }));
}

#[test]
fn a_component_that_is_too_large_is_refused_unread() {
    let small = Sandbox::start(SandboxSettings {
        component_bytes_max: 100,
        threads: 1,
        threads_max: 1,
        ..settings()
    })
    .unwrap();
    let component = behaved();
    let error = small.load(identity(&component), &component).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { bytes_max: 100, .. }), "{error}");
}

#[test]
fn a_component_of_a_hundred_megabytes_is_refused_unread() {
    let mut component = behaved();
    component.resize(100 << 20, 0);
    let error = sandbox().load(identity(b"whatever"), &component).unwrap_err();
    assert!(
        matches!(error, LoadError::TooLarge { bytes: 0x640_0000, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("at most 67108864 are compiled"), "{error}");
}

#[test]
fn a_component_that_is_cut_short_is_refused() {
    let component = behaved();
    let (half, _) = component.split_at(component.len() / 2);
    assert!(matches!(
        sandbox().load(identity(half), half).unwrap_err(),
        LoadError::Invalid { .. }
    ));
}

#[test]
fn wasi_is_refused_and_each_import_of_it_named() {
    let error = load(
        r#"(component
            (import "wasi:clocks/wall-clock@0.2.3" (instance))
            (import "transfuse:plugin/log@1.0.0" (instance))
            (import "wasi:filesystem/types@0.2.3" (instance)))"#,
    )
    .unwrap_err();
    let LoadError::ForeignImports { imports, .. } = &error else {
        unreachable!("{error}")
    };
    assert_eq!(
        *imports,
        ["wasi:clocks/wall-clock@0.2.3", "wasi:filesystem/types@0.2.3"]
    );
}

#[test]
fn a_component_without_the_transformer_is_refused() {
    assert!(matches!(
        load("(component)").unwrap_err(),
        LoadError::NoTransformer { .. }
    ));
}

#[test]
fn a_component_for_a_newer_contract_is_refused() {
    let error = load(r#"(component (import "transfuse:plugin/hl7v2@1.1.0" (instance)))"#).unwrap_err();
    assert!(matches!(error, LoadError::NewerContract { .. }), "{error}");
}

#[test]
fn a_component_with_other_types_is_refused() {
    let error = load(
        r#"(component
            (instance $i)
            (export "transfuse:plugin/transformer@1.0.0" (instance $i)))"#,
    )
    .unwrap_err();
    assert!(matches!(error, LoadError::Mismatch { .. }), "{error}");
}

#[test]
fn a_plugin_lists_the_interfaces_that_it_imports() {
    let mut interfaces = guest("floods_the_log").interfaces().to_vec();
    interfaces.sort();
    assert_eq!(interfaces, ["exchanges", "hl7v2", "log"]);
}

#[test]
fn a_plugin_that_imports_tables_needs_a_grant_for_one() {
    let opener = crate::support::plugin(
        "(func $misbehave (param $exchange i32) (result i32)
            (call $open (i32.const 1024) (i32.const 4) (i32.const 64))
            unreachable)",
    );
    let error = sandbox()
        .chain(vec![step(guest("traps")), step(opener.clone())])
        .unwrap_err();
    let shown = error.to_string();
    assert!(matches!(error, LinkError::Ungranted { step: 1, .. }));
    assert!(shown.contains("step 2 (test/guest 1.2.3) imports `tables`"), "{shown}");
    assert!(shown.contains("grants = { tables = [\"...\"] }"), "{shown}");

    let mut granted = step(opener);
    granted.grants.tables = vec!["codes".to_owned()];
    let error = sandbox().chain(vec![granted]).unwrap_err();
    assert!(
        matches!(error, LinkError::NoSuchTable { ref table, .. } if table == "codes"),
        "{error}"
    );
}

#[test]
fn more_memory_than_the_host_has_slots_for_is_refused() {
    let mut greedy = step(guest("traps"));
    greedy.limits.memory_bytes_max = 4 << 30;
    assert!(matches!(
        sandbox().chain(vec![greedy]).unwrap_err(),
        LinkError::MemoryBeyondCeiling { .. }
    ));
}

/// A sandbox with a cache of its own.
fn with_cache(folder: &Path) -> Sandbox {
    let settings = SandboxSettings {
        cache_folder: Some(folder.to_owned()),
        threads: 1,
        threads_max: 1,
        ..settings()
    };
    Sandbox::start(settings).unwrap()
}

fn serve(sandbox: &Sandbox) {
    let component = behaved();
    let plugin = sandbox.load(identity(&component), &component).unwrap();
    let chain = sandbox.chain(vec![step(plugin)]).unwrap();
    assert_eq!(forwarded(chain.run_blocking(input(1))), [MESSAGE]);
}

fn compiled_file(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let mut compiled = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "cwasm"));
    let file = compiled.next().unwrap();
    assert_eq!(compiled.next(), None, "one file for one component");
    file
}

#[test]
fn compiled_code_is_kept_for_the_owner_alone_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("cache");
    serve(&with_cache(&folder));
    let file = compiled_file(&folder);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&folder), mode(&file), mode(&folder.join("key"))),
        (0o700, 0o600, 0o600)
    );
    let written = fs::metadata(&file).unwrap().ino();
    serve(&with_cache(&folder));
    assert_eq!(
        fs::metadata(compiled_file(&folder)).unwrap().ino(),
        written,
        "it was not made anew"
    );
}

#[test]
fn compiled_code_that_was_tampered_with_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    serve(&with_cache(folder.path()));
    let file = compiled_file(folder.path());
    let good = fs::read(&file).unwrap();
    let mut tampered = [good.clone(), good.clone(), good.clone(), Vec::new()];
    let [flipped, longer, tagless, _] = &mut tampered;
    let middle = flipped.len() / 2;
    *flipped.get_mut(middle).unwrap() ^= 1;
    longer.push(0);
    tagless.drain(..32);
    for content in tampered {
        fs::write(&file, content).unwrap();
        serve(&with_cache(folder.path()));
        assert_eq!(
            fs::read(&file).unwrap(),
            good,
            "it is overwritten with what the compiler makes"
        );
    }
}

#[test]
fn compiled_code_of_another_component_or_installation_is_not_taken() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    serve(&with_cache(folder.path()));
    serve(&with_cache(other.path()));
    let (file, foreign) = (compiled_file(folder.path()), compiled_file(other.path()));
    assert_eq!(file.file_name(), foreign.file_name());
    fs::copy(&foreign, &file).unwrap();
    let before = fs::read(&file).unwrap();
    serve(&with_cache(folder.path()));
    assert_ne!(
        fs::read(&file).unwrap(),
        before,
        "the other installation's key does not fit"
    );

    let component = transfuse_guests::component(transfuse_guests::guest("does_nothing").unwrap().text).unwrap();
    let digest = identity(&component).component_digest.replace("sha256:", "");
    let (_, engine) = file.file_name().unwrap().to_str().unwrap().rsplit_once('-').unwrap();
    let stand_in = folder.path().join(format!("{digest}-{engine}"));
    fs::copy(&file, &stand_in).unwrap();
    let before = fs::read(&stand_in).unwrap();
    with_cache(folder.path())
        .load(identity(&component), &component)
        .unwrap();
    assert_ne!(
        fs::read(&stand_in).unwrap(),
        before,
        "a file under another name does not fit"
    );
}

#[test]
fn a_key_that_others_could_read_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    serve(&with_cache(folder.path()));
    let key = folder.path().join("key");
    let before = fs::read(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    serve(&with_cache(folder.path()));
    assert_ne!(fs::read(&key).unwrap(), before);
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder.path()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_component_that_needs_more_than_a_slot_holds_is_refused() {
    let modules = |count| "(core instance (instantiate $m))".repeat(count);
    for fields in [
        "(core module (memory 10000))".to_owned(),
        "(core module (table 100000 funcref))".to_owned(),
        format!("(core module $m) {}", modules(65)),
        format!("(core module $m (memory 1)) {}", modules(5)),
        format!("(core module $m (table 1 funcref)) {}", modules(17)),
    ] {
        let error = load(&format!("(component {fields})")).unwrap_err();
        assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
    }
}

#[test]
fn larger_tables_than_the_host_has_slots_for_are_refused() {
    let mut greedy = step(guest("traps"));
    greedy.limits.table_elements_max = 1 << 20;
    assert!(matches!(
        sandbox().chain(vec![greedy]).unwrap_err(),
        LinkError::TablesBeyondCeiling { .. }
    ));
}
