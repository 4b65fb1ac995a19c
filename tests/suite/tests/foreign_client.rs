//! A client that this project did not write drives the example site: `hl7` of the Python Package Index, by its `mllp_send`.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use transfuse_harness::{Engine, Sink, Site, python};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The example site, with its fixed ports exchanged for free ones.
fn example(ehr: &str) -> Site {
    let site = Site::new().expect("a site");
    site.copy_from(&root().join("examples/lab-results"))
        .expect("the example is copied");
    let file = site.path().join("interfaces/lab-results.toml");
    let text = fs::read_to_string(&file).expect("the example's interface");
    let moved = text
        .replace("127.0.0.1:2575", "127.0.0.1:0")
        .replace("127.0.0.1:2576", ehr);
    assert_ne!(
        text, moved,
        "the example no longer uses the ports that this test exchanges"
    );
    fs::write(&file, moved).expect("the interface is written");
    site
}

fn send(address: &str, file: &Path) -> String {
    let port = address.rsplit(':').next().expect("a port");
    let code = "import sys; from hl7.client import mllp_send; sys.exit(mllp_send())";
    let output = Command::new(python().expect("python"))
        .args(["-c", code, "--loose", "--port", port, "--file"])
        .arg(file)
        .arg("127.0.0.1")
        .output()
        .expect("mllp_send runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Compares byte for byte, or writes the expectation anew with `BLESS=1`.
fn compare(actual: &[u8], file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(file);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, actual).expect("the expectation is written");
    }
    let expected = fs::read(&path).unwrap_or_default();
    assert!(
        actual == expected,
        "{file} is not what came out; `BLESS=1` writes it anew\n--- came out\n{}",
        String::from_utf8_lossy(actual).replace('\r', "\n")
    );
}

#[test]
fn what_mllp_send_sends_comes_out_as_expected_byte_for_byte() {
    let sink = Sink::accepting().expect("a receiver");
    let site = example(sink.address());
    let engine = Engine::start(&site.path()).expect("the example starts");
    let address = engine.address("lab-results").expect("an address");
    let mut samples: Vec<PathBuf> = fs::read_dir(site.path().join("messages/lab"))
        .expect("sample messages")
        .map(|entry| entry.expect("a sample").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hl7"))
        .collect();
    samples.sort();
    let answers: Vec<String> = samples.iter().map(|sample| send(&address, sample)).collect();
    let accepted = answers
        .iter()
        .map(|answers| answers.matches("MSA|AA|").count())
        .sum::<usize>();
    assert!(accepted >= 3, "the example accepts its own samples: {answers:?}");
    let delivered = sink
        .wait_for(accepted, Duration::from_secs(30))
        .expect("all are delivered");
    engine.stop().expect("a clean stop");
    let together: Vec<u8> = delivered
        .into_iter()
        .flat_map(|one| [one.content, b"\n".to_vec()].concat())
        .collect();
    compare(&together, "lab-results.hl7");
}
