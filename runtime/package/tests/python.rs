//! Plugins in Python, built with the real compiler.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use transfuse_package::{BuildError, BuildSettings, Built, PythonError, PythonSourcesError, build};

const PLUGIN: &str = "from transfuse import Exchange, transform\n\n\n@transform\ndef own(exchange: Exchange) -> None:\n    \
                      exchange.forward(exchange.message())\n";

fn manifest(requests: &str, source: &str) -> String {
    format!(
        "name = \"acme/own\"\nversion = \"0.1.0\"\ndescription = \"d\"\nlicence = \"MIT\"\ncontract = \"1.0\"\naccepts = [\"*\"]\n\
         [requests]\n{requests}\n[build]\nlanguage = \"python\"\n{source}\n"
    )
}

/// Builds a plugin of one module below the folder that all builds of guests share.
fn build_in(folder: &Path, manifest: &str, code: &str) -> Result<Built, BuildError> {
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("plugin.toml"), manifest).unwrap();
    fs::write(folder.join("src/plugin.py"), code).unwrap();
    let settings = BuildSettings {
        source_folder: folder.to_owned(),
        library_folder: folder.join("packages"),
        target_folder: Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .unwrap()
            .join("plugin-build"),
        toolchain: None,
    };
    build(&settings, &mut |_| {})
}

const SOURCE: &str = "source = \"src/plugin.py\"";

#[test]
fn a_plugin_imports_what_its_manifest_requests_and_is_built_once() {
    let folder = tempfile::tempdir().unwrap();
    let asking = manifest("tables = [\"codes\"]\nstate = true", SOURCE);
    let built = build_in(folder.path(), &asking, PLUGIN).unwrap();
    let mut imports: Vec<_> = built
        .imports
        .iter()
        .map(|name| name.split(['/', '@']).nth(1).unwrap())
        .collect();
    imports.sort_unstable();
    assert_eq!(imports, ["exchanges", "faults", "hl7v2", "log", "state", "tables"]);

    let again = tempfile::tempdir().unwrap();
    let rebuilt = build_in(again.path(), &asking, PLUGIN).unwrap();
    assert_eq!(
        rebuilt.component_digest, built.component_digest,
        "the same sources elsewhere are not compiled again"
    );
    assert_eq!(rebuilt.digest, built.digest);

    let plain = build_in(again.path(), &manifest("", SOURCE), PLUGIN).unwrap();
    assert_eq!(plain.imports.len(), 4, "{:?}", plain.imports);
}

#[test]
fn what_is_wrong_with_a_module_is_told_by_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let told = |code: &str| match build_in(folder.path(), &manifest("", SOURCE), code) {
        Err(BuildError::Python(PythonError::Import { said })) => said,
        other => panic!("{other:?}"),
    };
    let said = told("import transfuse\n\ntransfuse.no_such_thing()\n");
    assert!(said.contains("File \"src/plugin.py\", line 3"), "{said}");
    let said = told("def forgotten(exchange):\n    pass\n");
    assert!(said.contains("put @transform on its function"), "{said}");
}

#[test]
fn a_manifest_that_does_not_lead_to_a_module_is_told_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |source: &str| build_in(folder.path(), &manifest("", source), PLUGIN).unwrap_err();
    assert!(
        refused("").to_string().contains("source = \"src/plugin.py\""),
        "{}",
        refused("")
    );
    let unfit = refused("source = \"src/plug-in.py\"");
    let is_told = matches!(
        unfit,
        BuildError::Python(PythonError::Sources(PythonSourcesError::NotAModule { .. }))
    );
    assert!(is_told, "{unfit}");
}
