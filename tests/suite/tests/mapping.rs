//! A mapping without programming is a plugin like any other: the laboratory mapping passes the very vectors of the
//! programmed one, byte for byte.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, compiled, observation, target_folder};

fn transfuse(arguments: &[&str]) -> Output {
    Command::new(binary().expect("a binary"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", target_folder().expect("a target folder"))
        .env("TRANSFUSE_CACHE", compiled().expect("a folder of compiled code"))
        .env("NO_COLOR", "1")
        .output()
        .expect("the command runs")
}

#[test]
fn the_laboratory_mapping_passes_the_shared_vectors() {
    let library = target_folder().expect("a target folder").join("language-plugins");
    let package = library.join("transfuse/lab-mapping/1.0.0.oci");
    let package = package.to_str().expect("a path in UTF-8");
    let shared = transfuse(&["plugin", "test", package, "--vectors", "plugins/lab-normalize/vectors"]);
    let own = transfuse(&["plugin", "test", package]);
    for test in [shared, own] {
        let printed = String::from_utf8_lossy(&test.stdout);
        let said = String::from_utf8_lossy(&test.stderr);
        assert!(test.status.success(), "{printed}\n{said}");
        assert!(said.contains("30 vectors passed"), "{said}");
    }
}

/// What each vector of the laboratory mapping gives, and for how much fuel and memory.
fn results(more: &[&str]) -> Vec<String> {
    let library = target_folder().expect("a target folder").join("language-plugins");
    let package = library.join("transfuse/lab-mapping/1.0.0.oci");
    let package = package.to_str().expect("a path in UTF-8");
    let vectors = "plugins/lab-normalize/vectors";
    // Each configuration is compiled, so a few vectors stand for all.
    let arguments = [
        "plugin",
        "test",
        package,
        "--vectors",
        vectors,
        "--filter",
        "codes-",
        "--json",
    ];
    let test = transfuse(&[&arguments, more].concat());
    let report: serde_json::Value = serde_json::from_slice(&test.stdout).expect("a report in JSON");
    let vectors = report["vectors"].as_array().expect("a list of vectors");
    let facts = ["name", "passes", "outcome", "outputs", "fuel", "memory_bytes"];
    vectors
        .iter()
        .map(|vector| facts.map(|fact| format!("{fact} {}", vector[fact])).join(", "))
        .collect()
}

/// The snapshots are made: the engine's own tests tell how they are counted.
#[test]
fn a_snapshot_of_init_changes_no_output_and_no_fuel() {
    let (with, without) = (results(&["--snapshots"]), results(&[]));
    assert!(
        !with.is_empty() && with.iter().all(|vector| vector.contains("passes true")),
        "{with:#?}"
    );
    assert_eq!(with, without);
}

#[test]
fn precompiling_makes_what_a_start_would_make() {
    let sink = Sink::accepting().expect("a receiver");
    let library = tempfile::tempdir().expect("a library");
    let place = library.path().join("transfuse/lab-mapping");
    std::fs::create_dir_all(&place).expect("a place for the package");
    let built = target_folder().expect("a target folder").join("language-plugins");
    std::fs::copy(built.join("transfuse/lab-mapping/1.0.0.oci"), place.join("1.0.0.oci"))
        .expect("the mapping is built");
    let site = Site::with(&InterfaceFile::listening("lab").section(STEP).to("ehr", sink.address())).expect("a site");
    site.add_library(library.path()).expect("a library of one plugin");
    let cache = tempfile::tempdir().expect("a cache");
    let precompile = || {
        let output = Command::new(binary().expect("a binary"))
            .args(["precompile", "--json"])
            .arg(site.path())
            .env("TRANSFUSE_CACHE", cache.path())
            .output()
            .expect("the command runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let entries = std::fs::read_dir(cache.path()).expect("a cache").flatten();
        let code = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "cwasm"));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
        let plugins = report["plugins"].as_array().expect("plugins").len();
        (code.count() - plugins, report["interfaces"].clone())
    };
    assert_eq!(precompile().0, 1, "the one plugin of the interface, behind its `init`");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    engine.stop().expect("a clean stop");
    let (snapshots, interfaces) = precompile();
    assert_eq!((snapshots, &interfaces[0]["interface"]), (1, &serde_json::json!("lab")));
    assert_eq!(interfaces[0]["error"], serde_json::Value::Null);
}

/// A mapping of the test's own, in a folder as its author has it.
fn mapping(requests: &str, mapping: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let manifest = format!(
        "name = \"acme/ward\"\nversion = \"1.0.0\"\ndescription = \"x\"\nlicence = \"MIT\"\ncontract = \"1.0\"\n\
         accepts = [\"*\"]\n\n[build]\nlanguage = \"map\"\nsource = \"mapping.toml\"\n\n[requests]\n{requests}\n"
    );
    std::fs::write(folder.path().join("plugin.toml"), manifest).expect("the manifest is written");
    std::fs::write(folder.path().join("mapping.toml"), mapping).expect("the mapping is written");
    folder
}

/// What building it says, and whether it was built.
fn built(folder: &tempfile::TempDir) -> (bool, String) {
    let out = tempfile::tempdir().expect("an empty library");
    let [folder, out] = [folder.path(), out.path()].map(|path| path.to_str().expect("a path in UTF-8"));
    let map = target_folder().expect("a target folder").join("language-plugins");
    let map = map.to_str().expect("a path in UTF-8");
    let build = transfuse(&["plugin", "build", folder, "--out", out, "--map", map]);
    let file = Path::new(out).join("acme/ward/1.0.0.oci");
    assert_eq!(
        build.status.success(),
        file.exists(),
        "a package is there where it was built, and only there"
    );
    (
        build.status.success(),
        String::from_utf8_lossy(&build.stderr).into_owned(),
    )
}

const WARD: &str = "[[rules]]\nwhen = 'PV1-2 == \"I\"'\nset = { \"MSH-5\" = \"WARD\" }\n";

#[test]
fn a_mapping_is_tried_before_its_package_is_written() {
    let (is_built, said) = built(&mapping("", "[[rules]]\nsett = { \"MSH-5\" = \"WARD\" }\n"));
    assert!(
        !is_built && said.contains("line 2 of the mapping: a rule has no `sett`; did you mean `set`?"),
        "{said}"
    );
}

#[test]
fn what_a_mapping_touches_and_does_not_request_is_told_with_the_lines() {
    let (is_built, said) = built(&mapping("read = [\"PV1-2\"]", WARD));
    assert!(
        !is_built && said.contains("read = [\"PV1-2\"]\nwrite = [\"MSH-5\"]"),
        "{said}"
    );
    let (is_built, said) = built(&mapping("read = [\"PV1-2\"]\nwrite = [\"MSH-5\"]", WARD));
    assert!(is_built && !said.contains("warning"), "{said}");
    let (is_built, said) = built(&mapping("read = [\"PV1-2\", \"PID-5\"]\nwrite = [\"MSH-5\"]", WARD));
    assert!(
        is_built && said.contains("warning: plugin.toml requests more than the mapping touches: read PID-5"),
        "{said}"
    );
}

#[test]
fn a_segment_that_the_standard_never_has_in_the_group_at_hand_is_told_with_its_line() {
    let text = |path: &str| {
        format!("[[rules]]\nfor-each = \"ORDER_OBSERVATION\"\nset = {{ \"OBR-18\" = \"{{{{ {path} }}}}\" }}\n")
    };
    let build = |path: &str, accepts: &str| {
        let folder = mapping("read = [\"PID-5\"]\nwrite = [\"OBR-18\"]", &text(path));
        let manifest = folder.path().join("plugin.toml");
        let written = std::fs::read_to_string(&manifest).expect("the manifest");
        std::fs::write(&manifest, written.replace("[\"*\"]", &format!("[\"{accepts}\"]"))).expect("it is written");
        built(&folder)
    };
    let (is_built, told) = build("PID-5.1", "ORU^R01");
    assert!(!is_built, "{told}");
    assert!(
        told.contains("line 3 of the mapping: `PID-5.1` leads nowhere: PID never stands in ORDER_OBSERVATION")
            && told.contains("`/PID-5.1`"),
        "{told}"
    );
    let (is_built, told) = build("/PID-5.1", "ORU^R01");
    assert!(is_built, "{told}");
}

#[test]
fn a_mapping_without_the_plugin_that_runs_it_is_told_what_to_build_first() {
    let library = tempfile::tempdir().expect("an empty library");
    let library = library.path().to_str().expect("a path in UTF-8");
    let build = transfuse(&["plugin", "build", "plugins/lab-mapping", "--out", library]);
    let said = String::from_utf8_lossy(&build.stderr);
    assert!(!build.status.success());
    assert!(
        said.contains("build transfuse/map-tables into the same library first"),
        "{said}"
    );
}

const STEP: &str = r#"[[steps]]
plugin = "transfuse/lab-mapping"
version = "^1"
config = { facility = "SZENT_IMRE", name_case = "title" }
grants = { tables = ["lab-codes"], read = ["MSH-9", "PID-5", "OBX-2", "OBX-3", "OBX-6", "OBX-8"], write = ["MSH-5", "MSH-6", "PID-5", "OBX-3", "OBX-6", "OBX-8"] }
"#;

/// A site whose interface runs the laboratory mapping.
fn site(step: &str, receiver: &str) -> Site {
    let site = Site::with(&InterfaceFile::listening("lab").section(step).to("ehr", receiver)).expect("a site");
    let library = target_folder().expect("a target folder").join("language-plugins");
    site.add_library(&library).expect("the mapping is built");
    site
}

#[test]
fn a_mapping_runs_in_an_engine() {
    let sink = Sink::accepting().expect("a receiver");
    let site = site(STEP, sink.address());
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    let answer = connection.ask(observation("M1").as_bytes()).expect("an answer");
    assert!(answer.contains("MSA|AA|M1"), "{answer}");
    sink.wait_for(1, Duration::from_secs(30)).expect("it arrives");
    let received = sink.received();
    let output = String::from_utf8_lossy(&received.first().expect("a message").content).into_owned();
    for part in [
        "|SZENT_IMRE|",
        "|Próbabeteg^Gőző^Űrhajós|",
        "|14749-6^Glucose [Moles/volume] in Serum or Plasma^LN^GLU^Glükóz^L|",
        "|mmol/L|3.5-5.1|H|",
        "\rZLB|1|SZENT_IMRE|belső^mező~második|változatlan",
    ] {
        assert!(output.contains(part), "{part} is not in {output}");
    }
    let answer = connection.ask(b"MSH|^~\\&|LAB|H|||20260301||ADT^A01|M2|P|2.5\rPID|1\r");
    let answer = answer.expect("an answer");
    assert!(answer.contains("MSA|AE|M2") && answer.contains("MSH^1^9"), "{answer}");
}

#[test]
fn a_parameter_that_the_mapping_does_not_have_is_told_with_its_line_in_the_sites_file() {
    let site = site(&STEP.replace("facility =", "facilty ="), "127.0.0.1:1");
    let check = transfuse(&["check", site.path().to_str().expect("a path in UTF-8")]);
    let told = [check.stdout, check.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert!(!check.status.success(), "{told}");
    for part in [
        "the configuration of `transfuse/lab-mapping`: unknown key `facilty`",
        "did you mean `facility`?",
        "interfaces/lab.toml:",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
