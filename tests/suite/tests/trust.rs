//! Who may bring a plugin into a hospital: keys, signatures, certificates, approvals and revocations, over the binary.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::similar_names,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Site, binary, observation, plugins, wait_until};
use transfuse_package::trust::{Certificate, CertifiedGrants, Claim, PrivateKey, Statement};
use transfuse_package::{Library, Package, VersionReq};

const PLUGIN: &str = "transfuse/lab-normalize";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Grants what the plugin's manifest requests, and no more: so a certificate covers it.
const STEP: &str = r#"[[steps]]
plugin = "transfuse/lab-normalize"
version = "^1"
config = { application = "EHR", facility = "SZENT_IMRE", name_case = "title" }
grants = { tables = ["lab-codes"], read = ["MSH-9", "PID-5", "OBX-2", "OBX-3", "OBX-6", "OBX-8"], write = ["MSH-5", "MSH-6", "PID-5", "OBX-3", "OBX-6", "OBX-8"] }
"#;

/// How long something may take that an engine looks for every second.
const NOTICED: Duration = Duration::from_secs(20);

/// A hospital with one interface, whose package nobody has approved, and three keys.
struct Hospital {
    site: Site,
}

impl Hospital {
    fn new() -> Self {
        let lab = InterfaceFile::listening("lab").section(STEP).to("ehr", "127.0.0.1:1");
        let site = Site::with(&lab).expect("a site");
        site.disapprove().expect("approvals are withdrawn");
        let hospital = Self { site };
        for name in ["vendor", "certifier", "hospital", "stranger"] {
            let file = hospital.key_file(name);
            key(name).write(&file).expect("a key's file");
        }
        hospital
    }

    fn key_file(&self, name: &str) -> PathBuf {
        self.site.path().join(format!("{name}.key"))
    }

    /// The package's file in the site's library.
    fn file(&self) -> PathBuf {
        let library = Library::open(self.site.path().join("plugins")).expect("the library");
        let package = library.find(PLUGIN, &VersionReq::STAR).expect("the package");
        library.place(&package.manifest.name, &package.manifest.version)
    }

    fn package(&self) -> Package {
        Package::read(&self.file()).expect("the package")
    }

    /// Requires roles, and pins the keys of all but the stranger.
    fn require(&self, roles: &str, more: &str) {
        let pin = |name: &str| {
            format!(
                "{{ name = \"the-{name}\", role = \"{name}\", key = \"{}\" }}",
                key(name).public()
            )
        };
        let keys = [pin("vendor"), pin("certifier"), pin("hospital")].join(", ");
        let text = format!("[trust]\nrequire = [{roles}]\nkeys = [{keys}]\n{more}\n");
        self.site.write("transfuse.toml", text).expect("the settings");
    }

    /// Adds a statement to the package, with times of the test's own.
    fn sign(&self, name: &str, claim: Claim, until_ms: Option<i64>) {
        let mut package = self.package();
        let statement = Statement {
            package: PLUGIN.to_owned(),
            digest: package.digest.clone(),
            issued_at_ms: now_ms() - 30 * DAY_MS,
            until_ms,
            claim,
        };
        let envelope = statement.sign(&key(name)).to_json();
        package.add_envelope(envelope).expect("room for a signature");
        package.write_to(&self.file()).expect("the package is written");
    }

    fn check(&self) -> (Option<i32>, String) {
        told(&run(&["check", &self.site.path().display().to_string()]))
    }

    /// What a check and a start say of a package that must not be deployed: exit code 64, and these words.
    fn refuses(&self, words: &str) {
        let (code, said) = self.check();
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(words), "{words:?} is not in\n{said}");
        assert!(said.contains("interfaces/lab.toml:"), "no line in\n{said}");
        let mut engine = Engine::spawn(&self.site.path(), &[]).expect("a start");
        let finished = engine.finish().expect("an end");
        assert_eq!(finished.code, Some(64), "{}", finished.said);
        assert!(finished.said.contains(words), "{words:?} is not in\n{}", finished.said);
    }

    fn accepts(&self) {
        let (code, said) = self.check();
        assert_eq!(code, Some(0), "{said}");
    }
}

/// The same key in every test: nothing here is a secret.
fn key(name: &str) -> PrivateKey {
    let mut seed = [7; 32];
    for (byte, letter) in seed.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    PrivateKey::from_seed(&seed)
}

fn now_ms() -> i64 {
    let elapsed = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    i64::try_from(elapsed.as_millis()).expect("a clock before the year 292 million")
}

fn certificate() -> Claim {
    Claim::Certified(Certificate {
        suite: "transfuse-certification 1".to_owned(),
        contract: "1.0".to_owned(),
        engine: "transfuse".to_owned(),
        grants: CertifiedGrants {
            read: texts(&["MSH-9", "PID-5", "OBX-2", "OBX-3", "OBX-6", "OBX-8"]),
            write: texts(&["MSH-5", "MSH-6", "PID-5", "OBX-3", "OBX-6", "OBX-8"]),
            tables: texts(&["lab-codes"]),
            ..CertifiedGrants::default()
        },
        report: format!("sha256:{}", "0".repeat(64)),
        results: [("vectors".to_owned(), "all pass".to_owned())].into(),
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Waits until `transfuse status` shows such an alert.
fn alert_of(engine: &Engine, words: &str) -> String {
    let found = wait_until(words, NOTICED, || {
        let status = engine.json(&["status"]).ok()?;
        let alerts = status["interfaces"][0]["alerts"].as_array()?;
        let alerts = alerts.iter().filter_map(Value::as_str);
        alerts.filter(|alert| alert.contains(words)).map(str::to_owned).next()
    });
    found.unwrap_or_else(|error| panic!("{error}: {}", engine.said()))
}

fn run(arguments: &[&str]) -> Output {
    Command::new(binary().expect("the binary"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary runs")
}

fn told(output: &Output) -> (Option<i32>, String) {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8_lossy(&both).into_owned())
}

/// A command that is meant to work, and what it printed.
fn works(arguments: &[&str]) -> String {
    let (code, said) = told(&run(arguments));
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    said
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_package_goes_from_its_vendor_over_a_certifier_into_a_running_hospital() {
    let hospital = Hospital::new();
    let (site, file) = (text(&hospital.site.path()), text(&hospital.file()));
    let made = text(&hospital.site.path().join("new.key"));
    assert!(works(&["plugin", "key", "new", &made]).contains("ed25519:"));
    let shown = works(&["plugin", "key", "show", &text(&hospital.key_file("vendor"))]);
    assert!(shown.contains(&key("vendor").public().to_string()), "{shown}");
    hospital.require("\"vendor\", \"certifier\", \"hospital\"", "");
    hospital.refuses("nobody vouches for it as vendor");

    works(&["plugin", "sign", &file, "--key", &text(&hospital.key_file("vendor"))]);
    hospital.refuses("nobody vouches for it as certifier");
    let certifier = text(&hospital.key_file("certifier"));
    let certified = works(&[
        "plugin",
        "certify",
        &file,
        "--key",
        &certifier,
        "--until",
        "2999-12-31",
        "--fuzz-messages",
        "200",
    ]);
    for part in [
        "imports",
        "vectors",
        "determinism",
        "hostile inputs",
        "resources",
        "fuzzing",
    ] {
        assert!(certified.contains(&format!("ok    {part}")), "{part} in {certified}");
    }
    let page = fs::read_to_string(Path::new(&file).with_extension("dossier.html")).expect("a dossier");
    assert!(page.contains(&hospital.package().digest), "{page}");
    hospital.refuses("nobody vouches for it as hospital");

    let verify = ["plugin", "verify", &file, "--site", &site];
    let (code, said) = told(&run(&verify));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("counts   certifier  the-certifier certified it for contract 1."),
        "{said}"
    );
    works(&[
        "plugin",
        "approve",
        &file,
        "--site",
        &site,
        "--note",
        "for the laboratory",
    ]);
    let said = works(&verify);
    assert!(said.contains("deploy   allowed"), "{said}");
    assert!(said.contains("for the laboratory"), "{said}");

    let engine = Engine::start(&hospital.site.path()).expect("it runs");
    let answer = engine
        .connect("lab")
        .expect("a connection")
        .ask(observation("T1").as_bytes());
    assert!(answer.expect("an answer").contains("MSA|AA|T1"));
}

#[test]
fn a_statement_of_the_hospital_approves_without_a_file() {
    let hospital = Hospital::new();
    hospital.require("\"hospital\"", "");
    let (site, file) = (text(&hospital.site.path()), text(&hospital.file()));
    let digest = hospital.package().digest;
    works(&[
        "plugin",
        "approve",
        &file,
        "--site",
        &site,
        "--key",
        &text(&hospital.key_file("hospital")),
    ]);
    assert_eq!(hospital.package().digest, digest, "signing changes no digest");
    hospital.accepts();
}

#[test]
fn what_nobody_has_approved_does_not_run_and_the_hint_says_how() {
    let hospital = Hospital::new();
    hospital.refuses("nobody vouches for it as hospital");
    assert!(
        hospital
            .check()
            .1
            .contains("transfuse plugin approve transfuse/lab-normalize@")
    );
}

#[test]
fn a_certificate_that_fails_signs_nothing() {
    let hospital = Hospital::new();
    let library = Library::open(plugins().expect("plugins")).expect("the library");
    let redact = library.find("transfuse/redact", &VersionReq::STAR).expect("redact");
    let without = Package::new(transfuse_package::Contents {
        manifest_text: redact.manifest_text.clone(),
        component: redact.component.clone(),
        config_schema: redact.config_schema.clone(),
        vectors: std::collections::BTreeMap::new(),
        sbom: redact.sbom.clone(),
        provenance: redact.provenance.clone(),
    })
    .expect("a package without vectors");
    let file = hospital.site.path().join("redact.oci");
    without.write_to(&file).expect("it is written");
    let before = fs::read(&file).expect("the file");
    let certifier = text(&hospital.key_file("certifier"));
    let file_name = text(&file);
    let (code, said) = told(&run(&[
        "plugin",
        "certify",
        &file_name,
        "--key",
        &certifier,
        "--until",
        "2999-12-31",
        "--fuzz-messages",
        "100",
    ]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("nothing was signed: vectors"), "{said}");
    assert_eq!(fs::read(&file).expect("the file"), before);
}

#[test]
fn an_unknown_key_is_refused_by_its_id() {
    let hospital = Hospital::new();
    hospital.require("\"vendor\"", "");
    hospital.sign("stranger", Claim::Built, None);
    hospital.refuses(&format!("signed by the unknown key {}", key("stranger").public().id()));
}

#[test]
fn a_flipped_bit_in_a_signature_is_refused_although_nobody_asks_for_it() {
    let hospital = Hospital::new();
    hospital.require("\"hospital\"", "");
    hospital.site.approve(&hospital.package()).expect("an approval");
    hospital.accepts();
    let mut package = hospital.package();
    let mut json: Value = serde_json::from_slice(
        &Statement {
            package: PLUGIN.to_owned(),
            digest: package.digest.clone(),
            issued_at_ms: 0,
            until_ms: None,
            claim: Claim::Built,
        }
        .sign(&key("vendor"))
        .to_json(),
    )
    .expect("an envelope");
    let signature = &mut json["signatures"][0]["sig"];
    let flipped = match signature.as_str().expect("a signature").split_at(1) {
        ("A", rest) => format!("B{rest}"),
        (_, rest) => format!("A{rest}"),
    };
    *signature = flipped.into();
    package.add_envelope(json.to_string().into_bytes()).expect("room");
    package.write_to(&hospital.file()).expect("it is written");
    hospital.refuses("the signature of vendor `the-vendor` does not fit");
}

#[test]
fn a_flipped_bit_in_the_packages_file_is_refused() {
    let hospital = Hospital::new();
    hospital.site.approve(&hospital.package()).expect("an approval");
    let mut bytes = fs::read(hospital.file()).expect("the file");
    let middle = bytes.len() / 2;
    bytes.get_mut(middle).map(|byte| *byte ^= 1).expect("a byte");
    fs::write(hospital.file(), bytes).expect("it is written");
    let (code, said) = hospital.check();
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("cannot be used"), "{said}");
}

#[test]
fn an_expired_certificate_blocks_a_deployment_and_a_live_revision_starts_with_an_alert() {
    let hospital = Hospital::new();
    hospital.sign("certifier", certificate(), Some(now_ms() - DAY_MS));
    hospital.site.approve(&hospital.package()).expect("an approval");
    // It went live while nobody asked for a certificate.
    let engine = Engine::start(&hospital.site.path()).expect("it runs");
    engine.stop().expect("it stops");
    hospital.require("\"certifier\"", "");
    let (code, said) = hospital.check();
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("the statement of certifier `the-certifier` expired at"),
        "{said}"
    );

    let engine = Engine::start(&hospital.site.path()).expect("what is live starts");
    assert!(engine.said().contains("alert: lab: "), "{}", engine.said());
    let status = engine.json(&["status"]).expect("a status");
    let alert = status["interfaces"][0]["alerts"][0].as_str().unwrap_or_default();
    assert!(alert.contains("expired at"), "{status}");
    let output = engine.command(&["status"]).expect("a status");
    assert!(told(&output).1.contains("alert: lab: "), "{output:?}");
    engine.stop().expect("it stops");

    let second = InterfaceFile::listening("second")
        .section(STEP)
        .to("ehr", "127.0.0.1:1");
    hospital.site.add(&second).expect("a second interface");
    let engine = Engine::start(&hospital.site.path()).expect("what is live starts");
    let said = engine.said();
    assert!(
        said.contains("interfaces/second.toml") && said.contains("must not be deployed"),
        "{said}"
    );
    assert!(engine.address("second").is_err(), "{said}");

    // Nor does it go live while the engine runs, and that it was wanted is kept.
    let applied = engine
        .command(&["apply", "--yes", "--reason", "in a hurry"])
        .expect("a command");
    assert!(
        told(&applied).1.contains("expired at"),
        "{applied:?}\n{}",
        engine.said()
    );
    let kept = works(&["evidence", "second", "--site", &text(&hospital.site.path())]);
    assert!(kept.contains("trust failed: interfaces/second.toml:"), "{kept}");
    assert!(
        kept.contains("expired at") && kept.contains("wanted: in a hurry"),
        "{kept}"
    );
}

#[test]
fn a_revoked_package_is_refused_and_a_live_one_stops_where_the_policy_says_so() {
    let hospital = Hospital::new();
    let site = hospital.site.path();
    hospital.site.approve(&hospital.package()).expect("an approval");
    Engine::start(&site).expect("it runs").stop().expect("it stops");
    let (list, certifier) = (
        text(&site.join("revocations.json")),
        text(&hospital.key_file("certifier")),
    );
    let revoke = |what: &str| {
        works(&[
            "plugin",
            "revoke",
            what,
            "--reason",
            "loses results",
            "--key",
            &certifier,
            "--list",
            &list,
        ])
    };
    let other = format!("sha256:{}", "0".repeat(64));
    assert!(revoke(&other).contains("list 1 has 1 package and"));
    let first = fs::read(&list).expect("the first list");
    assert!(revoke(&hospital.package().digest).contains("list 2 has 2 packages"));

    hospital.require(
        "\"hospital\"",
        "revocations = \"revocations.json\"\non_revoked = \"alert\"",
    );
    assert!(hospital.check().1.contains("it is revoked by list 2: loses results"));
    let engine = Engine::start(&site).expect("the policy lets it run");
    assert!(engine.said().contains("alert: lab: "), "{}", engine.said());
    engine.stop().expect("it stops");

    // Yesterday's list does not bring it back: the engine has seen a newer one.
    fs::write(&list, first).expect("the older list");
    let (code, said) = hospital.check();
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("it is an older list: it has the number 1, and number 2 has been seen"),
        "{said}"
    );
    assert!(said.contains("it is revoked by list 2"), "{said}");

    hospital.require(
        "\"hospital\"",
        "revocations = \"revocations.json\"\non_revoked = \"stop\"",
    );
    let mut engine = Engine::spawn(&site, &[]).expect("a start");
    let finished = engine.finish().expect("an end");
    assert_eq!(finished.code, Some(1), "{}", finished.said);
    assert!(finished.said.contains("not started: lab: "), "{}", finished.said);
}

/// A connection, or nothing where nobody listens any more.
fn answers(engine: &Engine, control_id: &str) -> bool {
    let asked = engine
        .connect("lab")
        .and_then(|mut connection| connection.ask(observation(control_id).as_bytes()));
    asked.is_ok_and(|answer| answer.contains(&format!("MSA|AA|{control_id}")))
}

/// How often the engine told of such a thing: each time in a line of its own, and in one of the log.
fn times_told(engine: &Engine, words: &str) -> usize {
    let said = engine.said();
    let told = said.lines().filter(|line| line.starts_with("alert: "));
    told.filter(|line| line.contains(words)).count()
}

#[test]
fn a_certificate_that_expires_while_its_plugin_runs_is_told_and_stops_nothing() {
    let hospital = Hospital::new();
    hospital.sign("certifier", certificate(), Some(now_ms() + 6_000));
    hospital.sign("vendor", Claim::Built, Some(now_ms() + 8_000));
    hospital.require(
        "\"vendor\", \"certifier\"",
        "look_again = \"1s\"\non_revoked = \"stop\"",
    );
    let engine = Engine::start(&hospital.site.path()).expect("it is deployed while the certificate holds");
    assert!(engine.said().contains("expires at"), "{}", engine.said());
    alert_of(&engine, "certifier `the-certifier` expired at");
    assert!(answers(&engine, "E1"), "{}", engine.said());
    // By the time that the other statement has expired too, the engine has looked at this one again.
    alert_of(&engine, "vendor `the-vendor` expired at");
    let told = times_told(&engine, "certifier `the-certifier` expired at");
    assert_eq!(told, 1, "{}", engine.said());
}

#[test]
fn a_package_that_is_revoked_while_it_runs_stops_or_runs_on_as_the_policy_says() {
    for (on_revoked, runs_on) in [("alert", true), ("stop", false)] {
        let hospital = Hospital::new();
        let site = hospital.site.path();
        hospital.site.approve(&hospital.package()).expect("an approval");
        let (list, certifier) = (
            text(&site.join("revocations.json")),
            text(&hospital.key_file("certifier")),
        );
        let revoke = |what: &str| {
            let reason = ["--reason", "loses results", "--key", &certifier, "--list", &list];
            works(&[&["plugin", "revoke", what], &reason[..]].concat())
        };
        revoke(&format!("sha256:{}", "0".repeat(64)));
        let more = format!("revocations = \"revocations.json\"\non_revoked = \"{on_revoked}\"\nlook_again = \"1s\"");
        hospital.require("\"hospital\"", &more);
        let engine = Engine::start(&site).expect("it runs");
        assert!(answers(&engine, "R1"), "{}", engine.said());

        revoke(&hospital.package().digest);
        let alert = alert_of(&engine, "revoked by list 2: loses results");
        assert_eq!(alert.contains("it receives nothing more"), !runs_on, "{alert}");
        if runs_on {
            assert!(answers(&engine, "R2"), "{}", engine.said());
        } else {
            wait_until("the source to close", NOTICED, || {
                (!answers(&engine, "R2")).then_some(())
            })
            .expect("it closes");
        }
        let finished = engine.stop().expect("it stops");
        assert_eq!(finished.code, Some(0), "{}", finished.said);
    }
}

#[test]
fn a_step_that_grants_more_than_was_certified_is_refused_and_a_live_one_starts_with_an_alert() {
    let hospital = Hospital::new();
    let site = hospital.site.path();
    hospital.sign("certifier", certificate(), Some(now_ms() + 90 * DAY_MS));
    hospital.site.approve(&hospital.package()).expect("an approval");
    let generous = STEP.replace("write = [", "write = [\"PID-11\", ");
    let lab = InterfaceFile::listening("lab")
        .section(&generous)
        .to("ehr", "127.0.0.1:1");
    hospital.site.add(&lab).expect("the interface");
    // It went live while nobody asked for a certificate.
    Engine::start(&site).expect("it runs").stop().expect("it stops");
    hospital.require("\"certifier\"", "");
    let (code, said) = hospital.check();
    assert_eq!(code, Some(64), "{said}");
    let words = "the step grants more than it was certified with by `the-certifier`: write = [\"PID-11\"]";
    assert!(said.contains("interfaces/lab.toml:") && said.contains(words), "{said}");
    let engine = Engine::start(&site).expect("what is live starts");
    assert!(
        engine.said().contains("alert: lab: ") && engine.said().contains(words),
        "{}",
        engine.said()
    );
    engine.stop().expect("it stops");

    let lab = InterfaceFile::listening("lab").section(STEP).to("ehr", "127.0.0.1:1");
    hospital.site.add(&lab).expect("the interface with fewer grants");
    hospital.accepts();
}
