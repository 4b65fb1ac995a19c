//! Writing plugins without a server: vectors, single messages, measurements, fuzzing and watching, over the binary.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use transfuse_harness::{binary, plugins, test_plugins};

/// A message with a name that must appear nowhere but in files.
const CANARY: &str = "KANÁRIMADÁR";

/// A build of a small plugin on a busy machine.
const LIMIT: Duration = Duration::from_mins(2);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn shared_vectors() -> PathBuf {
    root().join("plugins/lab-normalize/vectors")
}

fn lab_normalize() -> PathBuf {
    plugins()
        .expect("built plugins")
        .join("transfuse/lab-normalize/1.0.0.oci")
}

fn mischief() -> PathBuf {
    test_plugins()
        .expect("built test plugins")
        .join("test/mischief/1.0.0.oci")
}

/// What a command printed, and how it ended.
struct Ended {
    code: i32,
    results: String,
    notes: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.results).unwrap_or_else(|error| panic!("{error}: {}{}", self.results, self.notes))
    }
}

fn plugin(arguments: &[&str]) -> Ended {
    ended(
        Command::new(binary().expect("the binary"))
            .arg("plugin")
            .args(arguments),
    )
}

fn ended(command: &mut Command) -> Ended {
    let output = command.output().expect("the binary runs");
    Ended {
        code: output.status.code().unwrap_or(-1),
        results: String::from_utf8_lossy(&output.stdout).into_owned(),
        notes: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A folder of vectors of the test's own: names, and their files.
fn vectors(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the vector's folder");
        fs::write(path, content).expect("the vector's file");
    }
    folder
}

fn copy(name: &str, target: &Path) {
    for folder in [name, "tables"] {
        let to = target.join(folder);
        fs::create_dir_all(&to).expect("a folder");
        for entry in fs::read_dir(shared_vectors().join(folder)).expect("a folder of vectors") {
            let entry = entry.expect("a file");
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

#[test]
fn the_whole_set_passes_and_gives_the_same_outputs_and_fuel_again() {
    let (package, folder) = (lab_normalize(), shared_vectors());
    let run = || {
        let ended = plugin(&["test", text(&package), "--vectors", text(&folder), "--json"]);
        assert_eq!(ended.code, 0, "{}{}", ended.results, ended.notes);
        let report = ended.json();
        let vectors = report["vectors"].as_array().expect("vectors").clone();
        assert!(vectors.len() >= 20, "only {} vectors", vectors.len());
        vectors
            .iter()
            .map(|vector| {
                let keys = ["name", "outcome", "outputs", "fuel", "memory_bytes"];
                keys.map(|key| vector[key].to_string()).join(" ")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_vector_that_fails_shows_path_and_values_and_blessing_keeps_what_stands_around() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    copy("units-differ", folder.path());
    let [expected, description] =
        ["expected.hl7", "vector.toml"].map(|file| folder.path().join("units-differ").join(file));
    let good = fs::read_to_string(&expected).expect("an expected output");
    fs::write(&expected, good.replace("mg/dL", "mmol/L")).expect("a wrong expectation");
    let written = fs::read_to_string(&description).expect("a vector");
    fs::write(&description, format!("# kept\n{written}")).expect("a vector with a comment");

    let (package, vectors) = (lab_normalize(), text(folder.path()));
    let failed = plugin(&["test", text(&package), "--vectors", vectors]);
    assert_eq!(failed.code, 1, "{}", failed.notes);
    for part in ["FAIL  units-differ", "OBX-6", "mmol/L → mg/dL", "fuel"] {
        assert!(failed.results.contains(part), "{part} in {}", failed.results);
    }
    let blessed = plugin(&["test", text(&package), "--vectors", vectors, "--bless"]);
    assert_eq!(blessed.code, 0, "{}", blessed.notes);
    assert!(blessed.notes.contains("blessed units-differ"), "{}", blessed.notes);
    assert_eq!(fs::read_to_string(&expected).expect("an expected output"), good);
    let text_after = fs::read_to_string(&description).expect("a vector");
    assert!(text_after.starts_with("# kept\n"), "{text_after}");
    assert_eq!(plugin(&["test", text(&package), "--vectors", vectors]).code, 0);
}

#[test]
fn wrong_vectors_are_told_by_file_and_line_all_at_once() {
    let folder = vectors(&[
        (
            "first/vector.toml",
            "description = \"x\"\ntabels = []\n[expect]\noutcome = \"forwrded\"\n",
        ),
        ("first/input.hl7", "MSH|^~\\&|\n"),
        (
            "second/vector.toml",
            "description = \"x\"\n[grants]\nread = [\"PID-5.1\"]\n[expect]\noutcome = \"faulted\"\nkind = \"dedline\"\n",
        ),
        ("second/expected-9.hl7", "MSH|^~\\&|\n"),
    ]);
    let ended = plugin(&["test", text(&mischief()), "--vectors", text(folder.path())]);
    assert_eq!(ended.code, 64, "{}", ended.notes);
    let parts = [
        "first/vector.toml:2:1: unknown key `tabels`",
        "did you mean `tables`?",
        "first/vector.toml:4:11: `outcome` cannot be `forwrded`",
        "second/vector.toml:3:9: `PID-5.1` is finer than a grant can be",
        "second/vector.toml:6:8: `dedline` is not a kind of fault that a vector can expect",
        "second/input.hl7: there is no such file",
    ];
    for part in parts {
        assert!(ended.notes.contains(part), "{part} in\n{}", ended.notes);
    }
}

#[test]
fn a_fault_is_expected_by_its_kind_and_a_new_one_is_blessed() {
    let message = |id: &str| format!("MSH|^~\\&|A|B|C|D|20260301||ADT^A01|{id}|P|2.5\nPID|1\n");
    let (peek, call) = (message("PEEK"), message("CALL"));
    let folder = vectors(&[
        (
            "denied/vector.toml",
            "description = \"x\"\n[expect]\noutcome = \"faulted\"\nkind = \"denied\"\n",
        ),
        ("denied/input.hl7", &peek),
        (
            "flood/vector.toml",
            "description = \"x\"\n[grants]\nread = [\"MSH-10\"]\n",
        ),
        ("flood/input.hl7", &call),
    ]);
    let (package, path) = (mischief(), text(folder.path()).to_owned());
    let ended = plugin(&["test", text(&package), "--vectors", &path, "--bless"]);
    assert_eq!(ended.code, 0, "{}{}", ended.results, ended.notes);
    let blessed = fs::read_to_string(folder.path().join("flood/vector.toml")).expect("a vector");
    assert!(
        blessed.contains("kind = \"too-many-calls\"") || blessed.contains("kind = \"out-of-fuel\""),
        "{blessed}"
    );
    assert_eq!(plugin(&["test", text(&package), "--vectors", &path]).code, 0);
}

#[test]
fn the_grants_that_vectors_need_are_proposed_and_tried() {
    let (package, folder) = (lab_normalize(), shared_vectors());
    let ended = plugin(&[
        "test",
        text(&package),
        "--vectors",
        text(&folder),
        "--record-access",
        "--json",
    ]);
    let needed = &ended.json()["needed"];
    assert_eq!(needed["differing"], serde_json::json!([]), "{needed}");
    assert_eq!(needed["tables"], serde_json::json!(["lab-codes"]));
    assert_eq!(
        needed["read"],
        serde_json::json!(["MSH-9", "OBX-2", "OBX-3", "OBX-6", "OBX-8", "PID-5"])
    );
    assert_eq!(
        needed["write"],
        serde_json::json!(["MSH-5", "MSH-6", "OBX-3", "OBX-6", "OBX-8", "PID-5"])
    );
    assert_eq!(needed["create"], false);
}

#[test]
fn a_single_message_is_run_and_its_changes_are_shown() {
    let (package, folder) = (lab_normalize(), shared_vectors());
    let input = folder.join("units-differ/input.hl7");
    let table = folder.join("tables/lab-codes.csv");
    let arguments = ["run", text(&package), text(&input), "--table", text(&table)];
    let ended = plugin(&arguments);
    assert_eq!(ended.code, 0, "{}", ended.notes);
    // The file's own ends of segments stay: what `.hl7` means in vectors is nothing that a plugin sees here.
    let expected = fs::read_to_string(folder.join("units-differ/expected.hl7")).expect("an output");
    assert_eq!(ended.results.replace('\r', "\n"), expected);
    assert!(ended.notes.contains("warn: OBX[1]-6 is mg/dL"), "{}", ended.notes);
    let changed = plugin(&[&arguments[..], &["--diff"]].concat());
    assert!(changed.results.contains("OBX-3.1"), "{}", changed.results);

    let refused = plugin(&["run", text(&mischief()), text(&input)]);
    assert_eq!(refused.code, 1, "{}", refused.notes);
    assert!(
        refused.notes.contains("denied") && refused.notes.contains("hint:"),
        "{}",
        refused.notes
    );
}

#[test]
fn a_run_is_told_to_programs_as_well() {
    let folder = vectors(&[(
        "case.hl7",
        "MSH|^~\\&|A|B|C|D|20260301||ADT^A01|K1|P|2.5\nPID|1||PRB-1||PRÓBABETEG^GŐZŐ||||||Fő utca 1.\n",
    )]);
    let redact = plugins().expect("built plugins").join("transfuse/redact/1.0.0.oci");
    let message = folder.path().join("case.hl7");
    let run = [&["run", text(&redact), text(&message), "--json"][..]].concat();
    let ended = plugin(&run);
    assert_eq!(ended.code, 0, "{}", ended.notes);
    let run_of_it = &ended.json()[0];
    assert_eq!(run_of_it["outcome"], "forwarded");
    assert!(run_of_it["fuel"].as_u64() > Some(0), "{run_of_it}");
    let content = &run_of_it["outputs"][0]["content"];
    assert_eq!(content["encoding"], "utf-8");
    assert!(!content["text"].as_str().expect("text").contains("utca"), "{content}");
    assert!(ended.notes.is_empty(), "{}", ended.notes);

    let changed = &plugin(&[&run[..], &["--diff"]].concat()).json()[0]["outputs"][0];
    assert_eq!(changed["changes"][0]["path"], "PID-11");
    assert!(changed["content"].is_null(), "{changed}");

    fs::write(folder.path().join("config.json"), r#"{"nonsense": 1}"#).expect("it is written");
    let config = folder.path().join("config.json");
    let ended = plugin(&[&run[..], &["--config", text(&config)]].concat());
    assert_eq!(ended.code, 1, "{}", ended.notes);
    let fault = &ended.json()[0]["fault"];
    assert_eq!(fault["kind"], "misconfigured", "{fault}");
}

#[test]
fn what_is_no_plugin_is_told_with_what_to_do() {
    let folder = vectors(&[(
        "case.hl7",
        "MSH|^~\\&|A|B|C|D|20260301||ADT^A01|K1|P|2.5\nPID|1||PRB-1||PRÓBABETEG^GŐZŐ\n",
    )]);
    let message = folder.path().join("case.hl7");
    let message = text(&message);
    let here = text(folder.path());
    let out = ["--out", here];
    let cases: [(&[&str], &str); 9] = [
        (&["test", "nowhere"], "there is no `nowhere`"),
        (&["test", here], "it has no `plugin.toml`"),
        (&["build", here, out[0], out[1]], "it has no `plugin.toml`"),
        (&["build", "nowhere", out[0], out[1]], "there is no folder `nowhere`"),
        (&["run", message, message], "it is no tar archive"),
        (&["inspect", message], "it is no tar archive"),
        (&["inspect", here], "a package is one file"),
        (&["inspect", "nowhere.oci"], "there is no file `nowhere.oci`"),
        (
            &["verify", "acme/nothing", "--plugins", here],
            "there is no plugin acme/nothing",
        ),
    ];
    for (arguments, told) in cases {
        let ended = plugin(arguments);
        assert_eq!(ended.code, 1, "{arguments:?}: {}", ended.notes);
        assert!(ended.notes.contains(told), "{arguments:?}: {}", ended.notes);
        assert!(ended.notes.contains("hint: "), "{arguments:?}: {}", ended.notes);
        // A file that was named by mistake may hold anybody's data.
        assert!(!ended.notes.contains("PRÓBABETEG"), "{arguments:?}: {}", ended.notes);
        assert!(!ended.notes.contains("os error"), "{arguments:?}: {}", ended.notes);
    }
}

#[test]
fn a_bench_measures_fresh_and_reused_instances() {
    let (package, folder) = (lab_normalize(), shared_vectors());
    let ended = plugin(&[
        "bench",
        text(&package),
        "--vectors",
        text(&folder),
        "--filter",
        "right-already",
        "--json",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.notes);
    let reports = ended.json();
    let report = &reports[0];
    assert_eq!(report["language"], "rust", "{report}");
    assert!(report["component_bytes"].as_u64() > Some(10_000), "{report}");
    assert!(report["compile_ms"].as_f64() > Some(0.0), "{report}");
    let message = &report["messages"][0];
    for key in ["fresh_us", "reused_us"] {
        assert!(message[key].as_f64() > Some(0.0), "{key} in {message}");
    }
    assert!(message["fresh_rounds"].as_u64() >= Some(5), "{message}");
}

#[test]
fn a_bench_of_several_plugins_compares_them_and_never_times_what_was_compiled_before() {
    let (package, folder) = (lab_normalize(), shared_vectors());
    let cache = tempfile::tempdir().expect("a scratch folder");
    let ended = ended(
        Command::new(binary().expect("the binary"))
            .args(["plugin", "bench", text(&package), text(&package)])
            .args(["--vectors", text(&folder), "--filter", "right-already"])
            .env("TRANSFUSE_CACHE", cache.path()),
    );
    assert_eq!(ended.code, 0, "{}", ended.notes);
    assert!(ended.results.contains("on average of 1 message"), "{}", ended.results);
    let last = ended.results.lines().last().unwrap_or_default();
    assert!(last.starts_with(text(&package)) && last.ends_with("×1.0"), "{last}");
    // From the cache it would be a millisecond or two, every time but the first.
    let compiled = last.split(" ms").next().and_then(|line| line.rsplit(' ').next());
    let compiled_ms: f64 = compiled.and_then(|figure| figure.parse().ok()).expect("a time");
    assert!(compiled_ms > 10.0, "{last}");
}

/// A plugin that fails when its control id begins with PANIC, and a message in which that word stands elsewhere.
fn planted() -> TempDir {
    let input = format!("MSH|^~\\&|A|B|C|D|20260301||ADT^A01|K1|P|2.5\nPID|1||PRB-1||{CANARY}^GŐZŐ\nNTE|1|PANIC\n");
    vectors(&[
        (
            "plain/vector.toml",
            "description = \"x\"\n\n[grants]\nread = [\"MSH-10\"]\n\n[expect]\noutcome = \"forwarded\"\noutputs = [{ file = \"expected.hl7\" }]\n",
        ),
        ("plain/input.hl7", &input),
        ("plain/expected.hl7", &input),
    ])
}

fn fuzz(vectors: &TempDir, keep: &Path, more: &[&str]) -> Ended {
    let package = mischief();
    let fixed = [
        "fuzz",
        text(&package),
        "--vectors",
        text(vectors.path()),
        "--keep",
        text(keep),
    ];
    plugin(&[&fixed[..], more].concat())
}

#[test]
fn fuzzing_finds_a_planted_crash_keeps_it_to_itself_and_makes_a_vector_of_it() {
    let (vectors, scratch) = (planted(), tempfile::tempdir().expect("a scratch folder"));
    let keep = scratch.path().join("found");
    let found = fuzz(&vectors, &keep, &["--messages", "5000", "--json"]);
    assert_eq!(found.code, 1, "{}{}", found.results, found.notes);
    let report = found.json();
    let findings = report["findings"].as_array().expect("findings");
    let crash = findings
        .iter()
        .find(|finding| finding["detail"].to_string().contains("`panic`"))
        .expect("the planted crash");
    assert!(!format!("{}{}", found.results, found.notes).contains(CANARY));
    assert!(crash["bytes"].as_u64() < Some(40), "it was made smaller: {crash}");
    let mode = fs::metadata(&keep)
        .expect("the folder of findings")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let again = fuzz(&vectors, &keep, &["--messages", "5000", "--json"]).json();
    assert_eq!(again["findings"], report["findings"], "the same seed finds the same");

    let name = crash["name"].as_str().expect("a name");
    let promoted = fuzz(&vectors, &keep, &["--promote", name]);
    assert_eq!(promoted.code, 0, "{}", promoted.notes);
    let tested = plugin(&["test", text(&mischief()), "--vectors", text(vectors.path())]);
    assert_eq!(
        tested.code, 1,
        "a promoted finding fails until it is repaired and blessed: {}",
        tested.results
    );
    assert!(
        tested.results.contains(&format!("FAIL  found-{name}")),
        "{}",
        tested.results
    );
}

#[test]
fn a_finding_of_a_corpus_becomes_no_vector_where_its_content_matters() {
    let (vectors, scratch) = (planted(), tempfile::tempdir().expect("a scratch folder"));
    let (keep, corpus) = (scratch.path().join("found"), scratch.path().join("corpus"));
    fs::create_dir(&corpus).expect("a corpus");
    let message = format!("MSH|^~\\&|A|B|C|D|20260301||ADT^A01|K2|P|2.5\rPID|1||PRB-2||{CANARY}^ELEK\r");
    fs::write(corpus.join("a.hl7"), message).expect("a message");
    let found = fuzz(
        &vectors,
        &keep,
        &["--messages", "5000", "--corpus", text(&corpus), "--json"],
    );
    let report = found.json();
    let findings = report["findings"].as_array().expect("findings");
    let crash = findings
        .iter()
        .find(|finding| finding["detail"].to_string().contains("`panic`"))
        .expect("the planted crash");
    let promoted = fuzz(&vectors, &keep, &["--promote", crash["name"].as_str().expect("a name")]);
    assert_eq!(promoted.code, 1, "{}", promoted.results);
    assert!(
        promoted.notes.contains("the plugin fails on the content itself"),
        "{}",
        promoted.notes
    );
    assert!(!format!("{}{}", promoted.results, promoted.notes).contains(CANARY));
}

/// `plugin dev` at work, with its standard output line by line. It ends with the test.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(binary().expect("the binary"))
            .args(["plugin", "dev"])
            .args(arguments)
            .env(
                "CARGO_TARGET_DIR",
                plugins().expect("built plugins").parent().expect("a folder"),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let (sender, lines) = channel();
        let results = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in results.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Everything up to the line that holds `part`.
    fn until(&self, part: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let line = self
                .lines
                .recv_timeout(LIMIT)
                .unwrap_or_else(|_| panic!("waited for {part} in vain, after {seen:?}"));
            let is_it = line.contains(part);
            seen.push(line);
            if is_it {
                return seen;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It has ended already where this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn saving_a_file_runs_the_plugin_again_and_shows_what_differs() {
    let input = "MSH|^~\\&|A|B|C|D|20260301||ADT^A01|K1|P|2.5\nPID|1||PRB-1||TESZT^ELEK||||||Fiktív utca 1.\n";
    let vector = "description = \"x\"\n[expect]\noutcome = \"forwarded\"\noutputs = [{ file = \"expected.hl7\" }]\n";
    let folder = vectors(&[
        ("address/vector.toml", vector),
        ("address/input.hl7", input),
        ("address/expected.hl7", &input.replace("Fiktív utca 1.", "")),
    ]);
    let source = root().join("plugins/redact");
    let watching = Watching::start(&[text(&source), "--vectors", text(folder.path())]);
    watching.until("1 of 1 vector passed");
    watching.until("ms after the save");
    fs::write(folder.path().join("address/expected.hl7"), input).expect("a save");
    let seen = watching.until("0 of 1 vector passed").join("\n");
    assert!(seen.contains("FAIL  address") && seen.contains("PID-11"), "{seen}");
}

#[test]
fn a_plugin_that_does_not_build_is_no_reason_to_stop_watching() {
    let folder = vectors(&[("plugin.toml", "name = \"nobody\"\n")]);
    let watching = Watching::start(&[text(folder.path())]);
    watching.until("not run");
    fs::write(folder.path().join("plugin.toml"), "name = \"still/wrong\"\n").expect("a save");
    watching.until("not run");
}

/// A vector whose configuration no site could have.
const MISCONFIGURED: &str = "description = \"wrong\"\n\n[config]\nname_case = \"keep\"\nname_csae = \"upper\"\n";

/// The file, the line, the key, and what was meant.
fn tells_the_key(ended: &Ended) {
    assert_eq!(ended.code, 64, "{}{}", ended.results, ended.notes);
    for part in ["wrong/vector.toml:5:1", "unknown key `name_csae`", "name_case"] {
        assert!(ended.notes.contains(part), "{part} in {}", ended.notes);
    }
}

#[test]
fn a_vector_whose_configuration_breaks_the_schema_is_refused_wherever_vectors_are_read() {
    let input = fs::read(shared_vectors().join("chemistry-panel/input.hl7")).expect("a message");
    let input = String::from_utf8(input).expect("text");
    let folder = vectors(&[("wrong/vector.toml", MISCONFIGURED), ("wrong/input.hl7", &input)]);
    let file = lab_normalize();
    tells_the_key(&plugin(&["test", text(&file), "--vectors", text(folder.path())]));

    let package = transfuse_package::Package::read(&file).expect("a package");
    let mut changed = package.vectors.clone();
    changed.insert("wrong/vector.toml".to_owned(), MISCONFIGURED.into());
    changed.insert("wrong/input.hl7".to_owned(), input.clone().into());
    let changed = transfuse_package::Package::new(transfuse_package::Contents {
        manifest_text: package.manifest_text.clone(),
        component: package.component.clone(),
        config_schema: package.config_schema.clone(),
        vectors: changed,
        sbom: package.sbom.clone(),
        provenance: package.provenance.clone(),
    })
    .expect("a package");
    let wrong = folder.path().join("wrong.oci");
    changed.write_to(&wrong).expect("a file");
    let key = folder.path().join("certifier.key");
    assert_eq!(plugin(&["key", "new", text(&key)]).code, 0);
    let until = ["--until", "2999-12-31", "--fuzz-messages", "100"];
    tells_the_key(&plugin(
        &[&["certify", text(&wrong), "--key", text(&key)], &until[..]].concat(),
    ));

    let source = folder.path().join("source");
    for name in ["plugin.toml", "config.schema.json"] {
        let content = fs::read_to_string(root().join("plugins/lab-normalize").join(name)).expect("a file");
        fs::create_dir_all(&source).expect("a folder");
        fs::write(source.join(name), content).expect("a copy");
    }
    fs::create_dir_all(source.join("vectors/wrong")).expect("a folder");
    fs::write(source.join("vectors/wrong/vector.toml"), MISCONFIGURED).expect("a vector");
    let out = folder.path().join("out");
    tells_the_key(&plugin(&["build", text(&source), "--out", text(&out)]));
    assert!(!out.exists(), "nothing is built");
}
