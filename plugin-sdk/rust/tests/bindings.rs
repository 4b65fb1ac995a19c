//! The generated bindings belong to the contract as it is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

#[test]
fn the_bindings_were_generated_from_the_contract_as_it_is() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = fs::read_dir(crate_folder.join("../../wit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wit"));
    files.sort();
    let contract: Vec<u8> = files.iter().flat_map(|path| fs::read(path).unwrap()).collect();
    let digest = Sha256::digest(&contract)
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));

    let bindings = fs::read_to_string(crate_folder.join("src/wit.rs")).unwrap();
    let generated_from = bindings
        .lines()
        .find_map(|line| line.strip_prefix("//! wit sha256:"))
        .unwrap();
    assert_eq!(
        generated_from, digest,
        "wit/ has changed: run plugin-sdk/rust/bindings.sh"
    );
}
