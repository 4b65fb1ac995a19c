//! What runs is looked at again, at moments of the test's own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;

use jiff::ToSpan as _;
use transfuse_package::trust::{
    Certificate, CertifiedGrants, Claim, OnRevoked, PinnedKey, PrivateKey, RevocationList, Revoked, Role, Statement,
};
use transfuse_package::{Contents, Package};

use super::*;

const MANIFEST: &str = "name = \"acme/mapper\"\nversion = \"1.0.0\"\ndescription = \"Maps\"\nlicence = \"MIT\"\ncontract = \"1.0\"\naccepts = [\"*\"]\n";

fn started() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn certifier() -> PrivateKey {
    PrivateKey::from_seed(&[2; 32])
}

/// A package that is certified for an hour after the start.
fn package() -> Package {
    let mut package = Package::new(Contents {
        manifest_text: MANIFEST.to_owned(),
        component: b"\0asm\x0d\0\x01\0".to_vec(),
        config_schema: None,
        vectors: BTreeMap::new(),
        sbom: "{}".to_owned(),
        provenance: "{}".to_owned(),
    })
    .unwrap();
    let statement = Statement {
        package: "acme/mapper@1.0.0".to_owned(),
        digest: package.digest.clone(),
        issued_at_ms: started().as_millisecond(),
        until_ms: Some(started().as_millisecond() + 3_600_000),
        claim: Claim::Certified(Certificate {
            suite: "suite 1".to_owned(),
            contract: "1.0".to_owned(),
            engine: "engine 1".to_owned(),
            grants: CertifiedGrants::default(),
            report: format!("sha256:{}", "0".repeat(64)),
            results: BTreeMap::new(),
        }),
    };
    package.add_envelope(statement.sign(&certifier()).to_json()).unwrap();
    package
}

fn watch(site: &Path, on_revoked: OnRevoked) -> Watch {
    let mut settings = Settings::default();
    settings.trust.policy.require = vec![Role::Certifier];
    settings.trust.policy.keys = vec![PinnedKey {
        name: "institute".to_owned(),
        role: Role::Certifier,
        key: certifier().public(),
    }];
    settings.trust.policy.on_revoked = on_revoked;
    settings.trust.revocations = Some("revocations.json".into());
    publish(site, 1, &[]);
    let data = site.join("data");
    fs::create_dir_all(&data).unwrap();
    Watch {
        site: site.to_owned(),
        data,
        settings,
        live: WatchList(Arc::new(Mutex::new(vec![Watched {
            interface: "lab".to_owned(),
            steps: vec![(package().into(), resolved::Grants::default())],
            alerts: Vec::new(),
            is_stopped: false,
        }]))),
        faults: Vec::new(),
    }
}

fn publish(site: &Path, number: u64, digests: &[&str]) {
    let revoked = |digest: &&str| Revoked {
        id: (*digest).to_owned(),
        reason: "loses results".to_owned(),
    };
    let list = RevocationList {
        number,
        issued_at_ms: started().as_millisecond(),
        packages: digests.iter().map(revoked).collect(),
        keys: Vec::new(),
    };
    fs::write(site.join("revocations.json"), list.sign(&certifier()).to_json()).unwrap();
}

/// The alerts of one look, and whether the interface stops.
fn seen(watch: &mut Watch, minutes: i64) -> Option<(Vec<String>, bool)> {
    let mut news = watch.look(started() + minutes.minutes());
    news.pop().map(|one| (one.alerts, one.stops))
}

#[test]
fn a_certificate_that_expires_while_its_plugin_runs_is_told_once() {
    let site = tempfile::tempdir().unwrap();
    let mut watch = watch(site.path(), OnRevoked::Stop);
    let (alerts, stops) = seen(&mut watch, 59).unwrap();
    let soon = "`acme/mapper 1.0.0`: the statement of certifier `institute` expires at 2026-03-01T13:00:00Z";
    assert_eq!((alerts, stops), (vec![soon.to_owned()], false));
    assert_eq!(seen(&mut watch, 59), None, "nothing is new");
    let (alerts, stops) = seen(&mut watch, 61).unwrap();
    let expired = "`acme/mapper 1.0.0`: the statement of certifier `institute` expired at 2026-03-01T13:00:00Z";
    assert_eq!((alerts, stops), (vec![expired.to_owned()], false));
    assert_eq!(seen(&mut watch, 62), None, "nothing is new");
}

#[test]
fn what_is_revoked_while_it_runs_stops_once_or_runs_on_as_the_policy_says() {
    for (on_revoked, stops) in [(OnRevoked::Stop, true), (OnRevoked::Alert, false)] {
        let site = tempfile::tempdir().unwrap();
        let mut watch = watch(site.path(), on_revoked);
        seen(&mut watch, 1);
        publish(site.path(), 2, &[&package().digest]);
        let (alerts, stopped) = seen(&mut watch, 2).unwrap();
        assert!(
            alerts
                .iter()
                .any(|alert| alert.contains("revoked by list 2: loses results")),
            "{alerts:?}"
        );
        assert_eq!(stopped, stops);
        assert_eq!(seen(&mut watch, 3), None, "nothing is new");
        // An older list brings nothing back: this look has kept the newer one.
        publish(site.path(), 1, &[]);
        assert_eq!(seen(&mut watch, 4), None, "it stays revoked");
    }
}

#[test]
fn a_list_that_cannot_be_read_changes_nothing() {
    let site = tempfile::tempdir().unwrap();
    let mut watch = watch(site.path(), OnRevoked::Stop);
    seen(&mut watch, 1);
    fs::write(site.path().join("revocations.json"), "half a li").unwrap();
    assert_eq!(seen(&mut watch, 2), None);
    assert_eq!(watch.faults.len(), 1, "{:?}", watch.faults);
}
