#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use wit_parser::{Resolve, WorldKey};

use super::{NAME, text, write};
use crate::manifest::Requests;

fn asking_for_everything() -> Requests {
    Requests {
        tables: vec!["lab-codes".to_owned()],
        state: true,
        ..Requests::default()
    }
}

#[test]
fn a_plugin_that_opens_no_tables_and_keeps_no_state_has_a_world_without_them() {
    insta::assert_snapshot!(text(&Requests::default()), @r"
    world plugin {
      import log;
      import faults;
      import hl7v2;
      import exchanges;
      export transformer;
    }
    ");
    let everything = text(&asking_for_everything());
    assert!(
        everything.contains("import tables;") && everything.contains("import state;"),
        "{everything}"
    );
}

#[test]
fn a_plugin_can_ask_for_all_that_the_contract_offers() {
    let folder = tempfile::tempdir().unwrap();
    let written = write(&asking_for_everything(), folder.path()).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&written).unwrap();
    let own = resolve.select_world(&[package], Some(NAME)).unwrap();
    let whole = resolve.select_world(&[package], Some("transform")).unwrap();
    let imports = |world| {
        let keys = resolve.worlds[world].imports.keys();
        let mut names: Vec<String> = keys.map(|key: &WorldKey| resolve.name_world_key(key)).collect();
        names.sort();
        names
    };
    // Whatever the contract offers, some plugin's manifest can ask for.
    assert_eq!(imports(own), imports(whole));
}
