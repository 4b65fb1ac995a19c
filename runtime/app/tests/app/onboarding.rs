//! `transfuse interface new`: what is learnt from samples, what is written, and what never is.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Folder, tests_folder, told};

/// What must never be written: names, identifiers, addresses, free text, wherever the samples hold them.
const CANARY: &str = "KANÁRI";

/// The folder that samples and sites lie in.
struct Ground(Folder);

impl std::ops::Deref for Ground {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.0
    }
}

impl Ground {
    fn new() -> Self {
        Self(Folder::new())
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    fn told(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.run(arguments.iter().copied()))
    }

    /// Begins with the samples in a folder, and expects that to work.
    fn begun(&self, samples: &str) -> String {
        let (code, told, noted) = self.told(&["interface", "new", "lab", "--from", samples, "--into", "site"]);
        assert_eq!(code, 0, "{noted}");
        told
    }

    /// Whether the site would run.
    fn checked(&self) -> String {
        let plugins = transfuse_harness::plugins().unwrap();
        let plugins = plugins.display().to_string();
        let (code, told, noted) = self.told(&["check", "site", "--plugins", &plugins]);
        assert_eq!(code, 0, "{noted}");
        told
    }

    /// Every file of the site, one after the other.
    fn everything(&self) -> String {
        let mut text = String::new();
        let mut folders = vec![self.path("site")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    text += &fs::read_to_string(path).unwrap();
                }
            }
        }
        text
    }
}

fn result(number: usize, code: &str, sex: &str) -> String {
    format!(
        "MSH|^~\\&|COBAS|LAB|||202601020304||ORU^R01^ORU_R01|K{number}|P|2.5\r\
         PID|1||{number}^^^MRN||PRÓBA^BETEG||19700101|{sex}\r\
         OBR|{number}|||CHEM^Kémia^L\r\
         OBX|1|NM|{code}^{code} név^L||1|mmol/l||magas|||F\r\
         ZPI|x|{number}\r"
    )
}

fn samples() -> Ground {
    let ground = Ground::new();
    for (number, code) in (1..=6).zip(["GLU", "K", "GLU", "NA", "GLU", "K"]) {
        ground.write(
            &format!("samples/{number}.hl7"),
            result(number, code, if number % 2 == 0 { "F" } else { "M" }),
        );
    }
    ground.write("samples/notes.txt", "not a message\n");
    ground
}

#[test]
fn what_is_written_runs_and_its_own_samples_satisfy_it() {
    let ground = samples();
    let told = ground.begun("samples");
    for part in [
        "6 messages in 7 files: 6 read, 0 not",
        "samples/notes.txt",
        "ORU^R01  2.5",
        "COBAS  LAB",
        "ZPI  (the sender's own), in 100 % of messages",
        "3 codes of 6 values",
    ] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
    let checked = ground.checked();
    assert!(checked.contains("receiver: mllp 127.0.0.1:2576, ORU^R01"), "{checked}");
    let interface = ground.text("site/interfaces/lab.toml");
    assert!(
        interface.contains("MSH-7 has no offset from UTC in 6 of 6"),
        "{interface}"
    );
    assert_eq!(
        ground.text("site/tables/lab-obx-3.csv"),
        "code,text,system,count,target_code,target_text,target_system\n\
         GLU,GLU név,L,3,,,\nK,K név,L,2,,,\nNA,NA név,L,1,,,\n"
    );
    let profile = ground.text("site/profiles/lab.toml");
    for part in [
        "path = \"ZPI-2\"\nrequired = true",
        "one_of = [\"F\", \"M\"]",
        "table = \"lab-obx-3\"",
    ] {
        assert!(profile.contains(part), "`{part}` is missing in\n{profile}");
    }
    let report = validated(&ground, "samples/1.hl7");
    assert!(findings(&report).is_empty(), "{report}");
    // What no sample had is told.
    ground.write("new.hl7", result(7, "ÚJ", "F").replace("ZPI|x|7", "ZPI|x"));
    let report = validated(&ground, "new.hl7");
    assert_eq!(findings(&report), ["OBX-3.1", "ZPI-2"], "{report}");
}

fn validated(ground: &Ground, file: &str) -> Value {
    let (_, told, noted) = ground.told(&["hl7", "validate", file, "--profile", "site/profiles/lab.toml", "--json"]);
    serde_json::from_str(&told).unwrap_or_else(|_| panic!("{noted}"))
}

/// The paths of what the profile warns of.
fn findings(report: &Value) -> Vec<&str> {
    let findings = report["messages"][0]["findings"].as_array().unwrap().iter();
    let warnings = findings.filter(|finding| finding["severity"] == "warning");
    let mut paths: Vec<&str> = warnings.map(|finding| finding["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn nothing_that_identifies_a_person_is_written() {
    let ground = Ground::new();
    for number in 1..=6 {
        let message = format!(
            "MSH|^~\\&|LAB|H|||20260102||ORU^R01^ORU_R01|K{number}|P|2.5\r\
             PID|1|{CANARY}1|{CANARY}2^^^MRN||{CANARY}3^BETEG^{CANARY}4||1970{number}|{CANARY}5||{CANARY}6^x|{CANARY}7 utca 1.^^Minta||{CANARY}8|||{CANARY}9\r\
             NK1|1|{CANARY}10^X|{CANARY}11^{CANARY}12\r\
             PV1|1|I|{CANARY}13^2||||{CANARY}14^ORVOS\r\
             OBR|1|{CANARY}15||CHEM^Kémia^L\r\
             NTE|1||{CANARY}16\r\
             OBX|1|TX|NOTE^note^L||{CANARY}17\r\
             OBX|2|CE|GLU^{CANARY}3 vércukra^L||^{CANARY}18\r\
             OBX|3|CE|{CANARY}3^Név^L||{CANARY}4^x\r\
             ZPI|{CANARY}19^{CANARY}20\r"
        );
        ground.write(&format!("samples/{CANARY}-{number}.hl7"), message);
    }
    let told = ground.begun("samples");
    let written = ground.everything();
    assert!(
        written.contains("GLU,,L,6,,,"),
        "the code itself is written:\n{written}"
    );
    assert!(!written.contains(CANARY), "{written}");
    assert!(!told.contains(CANARY), "{told}");
    let (_, json, _) = ground.told(&["interface", "new", "lab", "--from", "samples", "--dry-run", "--json"]);
    assert!(!json.contains(CANARY), "{json}");
    ground.checked();
}

#[test]
fn nothing_is_written_over() {
    let ground = samples();
    ground.begun("samples");
    ground.write("site/interfaces/lab.toml", "mine");
    let before = ground.everything();
    let (code, _, noted) = ground.told(&["interface", "new", "lab", "--from", "samples", "--into", "site"]);
    assert_eq!(code, 1);
    assert!(
        noted.contains("`site/interfaces/lab.toml`") && noted.contains("hint: choose another name"),
        "{noted}"
    );
    assert_eq!(ground.everything(), before);
    // A second sender takes the next port.
    let (code, _, noted) = ground.told(&["interface", "new", "second", "--from", "samples", "--into", "site"]);
    assert_eq!(code, 0, "{noted}");
    let first = "listen = \"127.0.0.1:2575\"";
    assert!(
        ground.text("site/interfaces/second.toml").contains(first),
        "`mine` names no port"
    );
    let (_, _, _) = ground.told(&["interface", "new", "third", "--from", "samples", "--into", "site"]);
    assert!(
        ground
            .text("site/interfaces/third.toml")
            .contains("listen = \"127.0.0.1:2577\"")
    );
}

#[test]
fn the_bytes_decide_the_character_set_where_msh_18_is_silent() {
    let ground = Ground::new();
    let text = "MSH|^~\\&|LAB|H|||20260102||ORU^R01^ORU_R01|K1|P|2.5\rPID|1||1||PRÓBA^GŐZŐ\rOBR|1|||CHEM^Vérkép és kőzet^L\rNTE|1||A beteg jól érzi magát, nővér értesítve, különösebb panasza nincs, tűri az ágynyugalmat\r";
    let (bytes, _, _) = encoding_rs::WINDOWS_1250.encode(text);
    ground.write("samples/one.hl7", &bytes);
    ground.begun("samples");
    let interface = ground.text("site/interfaces/lab.toml");
    assert!(
        interface.contains("\ncharset = \"windows-1250\"") || interface.contains("\ncharset = \"8859/2\""),
        "{interface}"
    );
    assert!(interface.contains('ő'), "the letters are shown:\n{interface}");
    assert!(
        ground
            .text("site/tables/lab-obr-4.csv")
            .contains("CHEM,Vérkép és kőzet,L")
    );
    ground.checked();
}

#[test]
fn obvious_mistakes_are_answered_with_what_to_do() {
    let ground = samples();
    ground.write("full/readme.txt", "x").write("texts/a.txt", "no message");
    for (arguments, code, parts) in [
        (&["lab", "--from", "none"][..], 1, &["cannot read `none`"][..]),
        (
            &["lab", "--from", "texts"],
            1,
            &["none of `texts` holds a message", "hint: "],
        ),
        (
            &["lab", "--from", "samples", "--into", "full"],
            1,
            &["`full` is not a site folder", "hint: name a site"],
        ),
        (&["Lab Results", "--from", "samples"], 2, &["lower-case letters"]),
        (
            &["lab", "--from", "samples", "--time-zone", "Europe/Budpest"],
            2,
            &["did you mean Europe/Budapest?"],
        ),
        (&["lab"], 2, &["--from <SAMPLES>"]),
    ] {
        let arguments: Vec<&str> = ["interface", "new"].iter().chain(arguments).copied().collect();
        let into: &[&str] = if arguments.contains(&"--into") {
            &[]
        } else {
            &["--into", "site"]
        };
        let (found, _, noted) = ground.told(&[&arguments, into].concat());
        assert_eq!(found, code, "{arguments:?}\n{noted}");
        for part in parts {
            assert!(noted.contains(part), "`{part}` is missing in\n{noted}");
        }
    }
    assert!(!ground.path("site").exists(), "nothing was written");
}

#[test]
fn ugly_samples_make_a_site_that_runs() {
    let Some(corpus) = corpus() else {
        report("SKIPPED: no corpus of sample messages (TRANSFUSE_CORPUS, or shared/corpus above the project)\n");
        return;
    };
    for folder in [
        corpus.join("messages"),
        corpus.join("messages/hapi"),
        corpus.join("hl7-to-fhir"),
    ] {
        let ground = Ground::new();
        ground.begun(&folder.display().to_string());
        ground.checked();
    }
}

/// Named by `TRANSFUSE_CORPUS`, or found as `shared/corpus` beside one of the folders above.
fn corpus() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("TRANSFUSE_CORPUS") {
        return Some(folder.into());
    }
    let folder = tests_folder();
    let candidates = Path::new(&folder)
        .ancestors()
        .map(|folder| folder.join("shared/corpus"));
    candidates.into_iter().find(|folder| folder.is_dir())
}

/// Past the harness, which shows the output of tests that fail only.
fn report(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
