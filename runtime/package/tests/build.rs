//! Real crates, built with the real toolchain of this machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gimli::{EndianSlice, LittleEndian, SectionId};
use transfuse_package::{
    BuildError, BuildSettings, Built, CargoError, Language, Library, Package, RustError, Toolchain, VersionReq, build,
};
use wasmparser::{Parser, Payload};

/// Where guests are compiled: one folder beside the host's own files, shared by everything that builds plugins.
fn target_folder() -> PathBuf {
    temporary("").parent().unwrap().join("plugin-build")
}

/// A folder that stays, so that the next run of a test finds what this one compiled.
fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn settings(source_folder: PathBuf, library: &Path) -> BuildSettings {
    let target_folder = target_folder();
    BuildSettings {
        source_folder,
        library_folder: library.to_owned(),
        target_folder,
        toolchain: None,
        map: None,
    }
}

fn build_quietly(settings: &BuildSettings) -> Result<Built, BuildError> {
    build(settings, &mut |_| {})
}

/// One of the project's own plugins, and its component.
fn first_party(name: &str) -> (Built, Vec<u8>) {
    let library = tempfile::tempdir().unwrap();
    let built = build_quietly(&settings(repository().join("plugins").join(name), library.path())).unwrap();
    let component = Package::read(&built.file).unwrap().component;
    (built, component)
}

#[test]
fn redact_asks_its_host_for_the_message_and_nothing_else() {
    let (built, _) = first_party("redact");
    let expected = [
        "transfuse:plugin/exchanges@1.0.0",
        "transfuse:plugin/faults@1.0.0",
        "transfuse:plugin/hl7v2@1.0.0",
    ];
    assert_eq!(sorted(&built.imports), expected);
    // 24 KB of code; the rest are names and line tables. More means that something has crept in.
    assert!(built.component_bytes < 96 * 1024, "{} bytes", built.component_bytes);
}

#[test]
fn lab_normalize_asks_for_tables_and_the_log_besides() {
    let (built, _) = first_party("lab-normalize");
    let expected = [
        "transfuse:plugin/exchanges@1.0.0",
        "transfuse:plugin/faults@1.0.0",
        "transfuse:plugin/hl7v2@1.0.0",
        "transfuse:plugin/log@1.0.0",
        "transfuse:plugin/tables@1.0.0",
    ];
    assert_eq!(sorted(&built.imports), expected);
    assert!(built.component_bytes < 640 * 1024, "{} bytes", built.component_bytes);
}

fn sorted(imports: &[String]) -> Vec<&str> {
    imports
        .iter()
        .map(String::as_str)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[test]
fn a_built_package_is_found_in_its_library() {
    let library = tempfile::tempdir().unwrap();
    let built = build_quietly(&settings(repository().join("plugins/redact"), library.path())).unwrap();
    let wanted: VersionReq = "^1".parse().unwrap();
    let found = Library::open(library.path())
        .unwrap()
        .find("transfuse/redact", &wanted)
        .unwrap();
    assert_eq!(found.digest, built.digest);
    assert_eq!(
        found.manifest_text,
        fs::read_to_string(repository().join("plugins/redact/plugin.toml")).unwrap()
    );
}

#[test]
fn a_component_says_which_sdk_made_it() {
    let (_, component) = first_party("redact");
    let sections = custom_sections(&component);
    let mark = sections
        .iter()
        .find(|(name, _)| name == "transfuse:sdk")
        .map(|(_, data)| data.as_slice());
    assert_eq!(mark, Some(&b"rust 0.1.0"[..]));
}

#[test]
fn a_component_names_no_folder_of_this_machine() {
    let home = std::env::var("HOME").unwrap();
    for name in ["redact", "lab-normalize"] {
        let (_, component) = first_party(name);
        for folder in [
            repository(),
            target_folder(),
            PathBuf::from(&home),
            "/usr/src".into(),
            "/usr/lib".into(),
        ] {
            let folder = folder.to_str().unwrap().to_owned();
            let holds = component
                .windows(folder.len())
                .any(|window| window == folder.as_bytes());
            assert!(!holds, "{name} names {folder}");
        }
    }
}

#[test]
fn a_fault_can_name_the_authors_line() {
    let (_, component) = first_party("redact");
    let files = files_with_lines(&component);
    assert!(
        files.iter().any(|file| file.ends_with("plugins/redact/src/lib.rs")),
        "{files:?}"
    );
    assert!(
        !files.iter().any(|file| file.contains("dlmalloc")),
        "the standard library is not the author's: {files:?}"
    );
}

fn custom_sections(component: &[u8]) -> Vec<(String, Vec<u8>)> {
    let payloads = Parser::new(0).parse_all(component).map(Result::unwrap);
    let sections = payloads.filter_map(|payload| match payload {
        Payload::CustomSection(section) => Some((section.name().to_owned(), section.data().to_vec())),
        _ => None,
    });
    sections.collect()
}

/// The source files that the line tables lead to.
fn files_with_lines(component: &[u8]) -> BTreeSet<String> {
    let sections = custom_sections(component);
    let section = |id: SectionId| {
        let data = sections
            .iter()
            .find(|(name, _)| name == id.name())
            .map_or(&[][..], |(_, data)| data);
        Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
    };
    let dwarf = gimli::Dwarf::load(section).unwrap();
    let mut files = BTreeSet::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next().unwrap() {
        let unit = dwarf.unit(header).unwrap();
        let Some(program) = unit.line_program.clone() else {
            continue;
        };
        let mut rows = program.rows();
        while let Some((header, row)) = rows.next_row().unwrap() {
            let Some(file) = row.file(header) else { continue };
            let folder = file
                .directory(header)
                .map(|folder| dwarf.attr_string(&unit, folder).unwrap().to_string_lossy());
            let name = dwarf.attr_string(&unit, file.path_name()).unwrap();
            files.insert(format!("{}/{}", folder.unwrap_or_default(), name.to_string_lossy()));
        }
    }
    files
}

/// A crate as an author would write it, outside this repository.
fn write_crate(folder: &Path, manifest: &str, code: &str) {
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/lib.rs"), code).unwrap();
    // The versions of this repository, so that nothing newer has to be fetched.
    fs::copy(repository().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let plugin = "name = \"acme/own\"\nversion = \"0.1.0\"\ndescription = \"d\"\nlicence = \"MIT\"\ncontract = \"1.0\"\naccepts = [\"*\"]\n";
    fs::write(folder.join("plugin.toml"), plugin).unwrap();
}

fn cargo_manifest(rest: &str) -> String {
    format!("[package]\nname = \"own\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n{rest}\n\n[workspace]\n")
}

#[test]
fn a_crate_of_any_author_comes_out_alike_wherever_it_lies() {
    let sdk = repository().join("plugin-sdk/rust");
    let manifest = cargo_manifest(&format!(
        "[lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\ntransfuse-plugin = {{ path = \"{}\" }}",
        sdk.display()
    ));
    let code = "#![forbid(unsafe_code)]\nuse transfuse_plugin::prelude::*;\n\n#[transform]\nfn own(exchange: &Exchange) -> \
                Outcome {\n    let message = exchange.message()?;\n    if message.count(\"OBX\")? == 0 {\n        panic!(\"{}\", \
                exchange.id());\n    }\n    exchange.forward(message)\n}\n";
    let digest = |place: &str| {
        let folder = temporary(place);
        write_crate(&folder.join("source"), &manifest, code);
        let mut settings = settings(folder.join("source"), &folder.join("library"));
        settings.target_folder = folder.join("target");
        build_quietly(&settings).unwrap().digest
    };
    assert_eq!(digest("author-here"), digest("author/of/another/machine"));
}

#[test]
fn a_crate_that_is_no_plugin_is_refused_with_what_to_do() {
    let folder = temporary("no-plugin");
    let library = tempfile::tempdir().unwrap();
    let settings = settings(folder.join("source"), library.path());
    let refused = || build_quietly(&settings).unwrap_err();

    write_crate(&settings.source_folder, &cargo_manifest(""), "");
    assert!(
        matches!(
            refused(),
            BuildError::Rust(RustError::Cargo(CargoError::NoModule { .. }))
        ),
        "{}",
        refused()
    );

    let manifest = cargo_manifest("[lib]\ncrate-type = [\"cdylib\"]");
    write_crate(&settings.source_folder, &manifest, "fn unfinished(");
    assert!(
        refused().to_string().starts_with("the crate does not compile:\n"),
        "{}",
        refused()
    );
    assert!(refused().to_string().contains("src/lib.rs:1:15"), "{}", refused());

    write_crate(
        &settings.source_folder,
        &manifest,
        "#[unsafe(no_mangle)]\npub extern \"C\" fn other() {}",
    );
    assert!(
        matches!(refused(), BuildError::NoPlugin(Language::Rust)),
        "{}",
        refused()
    );

    fs::remove_file(settings.source_folder.join("plugin.toml")).unwrap();
    assert!(matches!(refused(), BuildError::Source(_)), "{}", refused());
    assert_eq!(
        fs::read_dir(library.path()).unwrap().count(),
        0,
        "a refused crate leaves nothing"
    );
}

#[test]
#[ignore = "compiles the standard library, a minute: run it with --ignored where Debian's packages are installed"]
fn debians_packages_build_the_same_plugin() {
    let source = repository().join("plugins/redact");
    let library = tempfile::tempdir().unwrap();
    let toolchain = Some(Toolchain::debian(&source).unwrap());
    let built = build_quietly(&BuildSettings {
        toolchain,
        ..settings(source, library.path())
    })
    .unwrap();
    assert_eq!(sorted(&built.imports), sorted(&first_party("redact").0.imports));
    let component = Package::read(&built.file).unwrap().component;
    assert!(
        files_with_lines(&component)
            .iter()
            .any(|file| file.ends_with("plugins/redact/src/lib.rs"))
    );
}
