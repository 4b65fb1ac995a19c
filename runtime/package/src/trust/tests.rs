//! Signatures, statements, policies and revocation lists, each rule by its own test.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::envelope::pre_authentication;
use super::*;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// 2026-03-01T12:00:00Z.
const NOW: i64 = 1_772_366_400_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&[seed; 32])
}

fn vendor() -> PrivateKey {
    key(1)
}

fn certifier() -> PrivateKey {
    key(2)
}

fn hospital() -> PrivateKey {
    key(3)
}

fn pinned(name: &str, role: Role, key: &PrivateKey) -> PinnedKey {
    PinnedKey {
        name: name.to_owned(),
        role,
        key: key.public(),
    }
}

fn policy(require: &[Role]) -> Policy {
    Policy {
        require: require.to_vec(),
        keys: vec![
            pinned("acme", Role::Vendor, &vendor()),
            pinned("institute", Role::Certifier, &certifier()),
            pinned("szent-imre", Role::Hospital, &hospital()),
        ],
        on_revoked: OnRevoked::Alert,
    }
}

fn statement(claim: Claim) -> Statement {
    Statement {
        package: "acme/mapper@1.0.0".to_owned(),
        digest: DIGEST.to_owned(),
        issued_at_ms: NOW - DAY,
        until_ms: None,
        claim,
    }
}

fn certificate(until_ms: i64) -> Statement {
    Statement {
        until_ms: Some(until_ms),
        ..statement(Claim::Certified(Certificate {
            suite: "suite 1".to_owned(),
            contract: "1.0".to_owned(),
            engine: "engine 1".to_owned(),
            grants: CertifiedGrants::default(),
            report: OTHER.to_owned(),
            results: [("vectors".to_owned(), "3 of 3 passed".to_owned())].into(),
        }))
    }
}

fn approved() -> Statement {
    statement(Claim::Approved {
        note: "for the laboratory".to_owned(),
    })
}

fn revocations(packages: &[&str], keys: &[&PrivateKey]) -> RevocationList {
    let revoked = |id: String| Revoked {
        id,
        reason: "loses results".to_owned(),
    };
    RevocationList {
        number: 7,
        issued_at_ms: NOW,
        packages: packages.iter().map(|digest| revoked((*digest).to_owned())).collect(),
        keys: keys.iter().map(|key| revoked(key.public().id().to_string())).collect(),
    }
}

/// What the policy says of a package with these signatures.
struct Question {
    policy: Policy,
    envelopes: Vec<Vec<u8>>,
    approvals: Vec<Approval>,
    revocations: Option<RevocationList>,
    /// By the step that uses the package.
    granted: Option<CertifiedGrants>,
}

impl Question {
    fn new(require: &[Role], envelopes: &[Envelope]) -> Self {
        Self {
            policy: policy(require),
            envelopes: envelopes.iter().map(Envelope::to_json).collect(),
            approvals: Vec::new(),
            revocations: None,
            granted: None,
        }
    }

    fn revoking(self, list: RevocationList) -> Self {
        Self {
            revocations: Some(list),
            ..self
        }
    }

    fn ask(&self, occasion: Occasion) -> Result<Vec<Alert>, Refusal> {
        let subject = Subject {
            digest: DIGEST,
            envelopes: &self.envelopes,
            granted: self.granted.as_ref(),
        };
        self.policy
            .judge(subject, &self.approvals, self.revocations.as_ref(), NOW, occasion)
    }

    /// Why it may be neither installed nor deployed.
    fn refused(&self) -> Refusal {
        let refusal = self.ask(Occasion::Deploy).unwrap_err();
        assert_eq!(self.ask(Occasion::Install), Err(refusal.clone()));
        refusal
    }
}

#[test]
fn the_pre_authentication_encoding_is_the_specifications() {
    // protocol.md of DSSE, "Test Vectors".
    assert_eq!(
        pre_authentication("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    assert_eq!(pre_authentication("é", b""), "DSSEv1 2 é 0 ".as_bytes());
}

#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    use base64::Engine as _;
    // Section 7.1, test 1: an empty message.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    let key = PrivateKey::from_seed(&bytes(seed).try_into().unwrap());
    let text = base64::engine::general_purpose::STANDARD.encode(bytes(public));
    assert_eq!(key.public().to_string(), format!("ed25519:{text}"));
    assert_eq!(key.sign(b"").to_vec(), bytes(signature));
    assert!(key.public().verifies(b"", &bytes(signature)));
    assert!(!key.public().verifies(b"x", &bytes(signature)));
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(digits.get(at..at + 2).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn an_envelope_reads_as_it_was_written_and_both_alphabets_of_base64_are_read() {
    let envelope = Envelope::sign("text/plain", vec![0xfb, 0xff, 0xfe], &vendor());
    let json = String::from_utf8(envelope.to_json()).unwrap();
    assert!(json.contains("\"payload\":\"+//+\""), "{json}");
    assert_eq!(Envelope::parse(json.as_bytes()).unwrap(), envelope);
    let url_safe = json.replace("\"+//+\"", "\"-__-\"");
    assert_eq!(Envelope::parse(url_safe.as_bytes()).unwrap().payload, envelope.payload);
    assert!(envelope.is_signed_by(&vendor().public()));
    assert!(!envelope.is_signed_by(&certifier().public()));
}

#[test]
fn a_signature_is_over_the_type_as_well() {
    let mut envelope = Envelope::sign("text/plain", b"x".to_vec(), &vendor());
    envelope.payload_type = "text/html".to_owned();
    assert!(!envelope.is_signed_by(&vendor().public()));
}

#[test]
fn what_is_no_envelope_is_refused() {
    let large = vec![b' '; ENVELOPE_BYTES_MAX + 1];
    assert!(matches!(Envelope::parse(&large), Err(EnvelopeError::TooLarge { .. })));
    assert!(matches!(Envelope::parse(b"{}"), Err(EnvelopeError::Malformed(_))));
    let nobody = br#"{"payloadType":"a","payload":"","signatures":[]}"#;
    assert_eq!(Envelope::parse(nobody), Err(EnvelopeError::Signatures(0)));
    let many = format!(
        r#"{{"payloadType":"a","payload":"","signatures":[{}{{"sig":""}}]}}"#,
        r#"{"sig":""},"#.repeat(8)
    );
    assert_eq!(Envelope::parse(many.as_bytes()), Err(EnvelopeError::Signatures(9)));
    let not_base64 = br#"{"payloadType":"a","payload":"?","signatures":[{"sig":""}]}"#;
    assert!(matches!(Envelope::parse(not_base64), Err(EnvelopeError::Malformed(_))));
}

#[test]
fn every_claim_reads_as_it_was_written() {
    for statement in [statement(Claim::Built), certificate(NOW + DAY), approved()] {
        assert_eq!(Statement::read(&statement.sign(&vendor())).unwrap(), statement);
    }
}

#[test]
fn a_statement_with_a_field_too_many_is_refused() {
    let envelope = statement(Claim::Built).sign(&vendor());
    let payload = String::from_utf8(envelope.payload).unwrap();
    let with = payload.replace("\"issuedAt\"", "\"onlyOnMondays\":true,\"issuedAt\"");
    assert_ne!(with, payload);
    let envelope = Envelope::sign(&envelope.payload_type, with.into_bytes(), &vendor());
    assert!(matches!(Statement::read(&envelope), Err(StatementError::Malformed(_))));
}

#[test]
fn the_default_policy_asks_for_the_hospitals_approval_of_the_digest() {
    let mut question = Question::new(&[], &[statement(Claim::Built).sign(&vendor())]);
    question.policy.require = Policy::default().require;
    assert_eq!(question.refused(), Refusal::Missing { role: Role::Hospital });
    question.approvals = vec![Approval {
        digest: OTHER.to_owned(),
        plugin: "acme/mapper".to_owned(),
        version: "1.0.0".to_owned(),
        who: "kovacs".to_owned(),
        when: "2026-03-01T12:00:00Z".to_owned(),
        note: String::new(),
    }];
    assert_eq!(question.refused(), Refusal::Missing { role: Role::Hospital });
    question.approvals[0].digest = DIGEST.to_owned();
    assert_eq!(question.ask(Occasion::Deploy), Ok(Vec::new()));
}

#[test]
fn a_statement_signed_by_the_hospital_approves_as_well() {
    let question = Question::new(&[Role::Hospital], &[approved().sign(&hospital())]);
    assert_eq!(question.ask(Occasion::Install), Ok(Vec::new()));
}

#[test]
fn every_required_role_must_vouch() {
    let require = [Role::Vendor, Role::Certifier];
    let built = statement(Claim::Built).sign(&vendor());
    let one = Question::new(&require, std::slice::from_ref(&built));
    assert_eq!(one.refused(), Refusal::Missing { role: Role::Certifier });
    let both = Question::new(&require, &[built, certificate(NOW + 90 * DAY).sign(&certifier())]);
    assert_eq!(both.ask(Occasion::Deploy), Ok(Vec::new()));
}

#[test]
fn an_unknown_key_is_named() {
    let question = Question::new(&[Role::Vendor], &[statement(Claim::Built).sign(&key(9))]);
    let key_id = key(9).public().id().to_string();
    assert_eq!(
        question.refused(),
        Refusal::UnknownKey {
            role: Role::Vendor,
            key_id
        }
    );
}

#[test]
fn a_key_counts_only_in_its_role() {
    let question = Question::new(&[Role::Certifier], &[certificate(NOW + DAY).sign(&vendor())]);
    let refusal = Refusal::WrongRole {
        by: "acme".to_owned(),
        role: Role::Vendor,
        claimed: Role::Certifier,
    };
    assert_eq!(question.refused(), refusal);
}

#[test]
fn a_key_that_is_pinned_twice_counts_in_both_roles() {
    let envelopes = [
        statement(Claim::Built).sign(&vendor()),
        certificate(NOW + 90 * DAY).sign(&vendor()),
    ];
    let mut question = Question::new(&[Role::Vendor, Role::Certifier], &envelopes);
    question.policy.keys.push(pinned("acme", Role::Certifier, &vendor()));
    assert_eq!(question.ask(Occasion::Deploy), Ok(Vec::new()));
}

#[test]
fn a_statement_about_another_package_counts_for_nothing() {
    let other = Statement {
        digest: OTHER.to_owned(),
        ..statement(Claim::Built)
    };
    let question = Question::new(&[Role::Vendor], &[other.sign(&vendor())]);
    assert!(matches!(question.refused(), Refusal::OtherDigest { digest, .. } if digest == OTHER));
}

#[test]
fn a_flipped_bit_anywhere_in_an_envelope_is_refused() {
    let envelope = statement(Claim::Built).sign(&vendor()).to_json();
    for at in 0..envelope.len() {
        let mut flipped = envelope.clone();
        flipped[at] ^= 1;
        let mut question = Question::new(&[Role::Vendor], &[]);
        question.envelopes = vec![flipped];
        // A key id is a claim that helps to find the key; without it, the key is found all the same.
        if let Err(refusal) = question.ask(Occasion::Deploy) {
            assert_eq!(question.ask(Occasion::Load), Err(refusal));
        } else {
            let text = String::from_utf8_lossy(&question.envelopes[0]).into_owned();
            let read = Envelope::parse(text.as_bytes()).unwrap();
            assert!(read.is_signed_by(&vendor().public()), "{text}");
            assert_eq!(read.payload, Envelope::parse(&envelope).unwrap().payload);
        }
    }
}

#[test]
fn a_changed_payload_and_a_changed_signature_are_a_bad_signature() {
    let refusal = Refusal::BadSignature {
        by: "acme".to_owned(),
        role: Role::Vendor,
    };
    let mut payload = statement(Claim::Built).sign(&vendor());
    let last = payload.payload.len() - 3;
    payload.payload[last] ^= 1;
    // It is refused even where nothing of the vendor is required.
    assert_eq!(Question::new(&[], &[payload]).refused(), refusal);

    let json = String::from_utf8(statement(Claim::Built).sign(&vendor()).to_json()).unwrap();
    let (head, signature) = json.rsplit_once("\"sig\":\"").unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{head}\"sig\":\"{first}{}", signature.get(1..).unwrap());
    let mut question = Question::new(&[], &[]);
    question.envelopes = vec![changed.into_bytes()];
    assert_eq!(question.refused(), refusal);
}

#[test]
fn a_damaged_envelope_is_refused_whatever_is_required() {
    let mut question = Question::new(&[], &[]);
    question.envelopes = vec![b"{".to_vec()];
    assert!(matches!(question.refused(), Refusal::Damaged(_)));
}

#[test]
fn an_expired_certificate_blocks_deployments_and_is_an_alert_at_a_load() {
    let question = Question::new(&[Role::Certifier], &[certificate(NOW - 1000).sign(&certifier())]);
    let refusal = Refusal::Expired {
        by: "institute".to_owned(),
        role: Role::Certifier,
        until_ms: NOW - 1000,
    };
    assert_eq!(question.refused(), refusal);
    assert_eq!(question.ask(Occasion::Load), Ok(vec![Alert::Tolerated(refusal)]));
}

#[test]
fn a_certificate_that_is_valid_counts_before_one_that_has_expired() {
    let envelopes = [
        certificate(NOW - 1000).sign(&certifier()),
        certificate(NOW + 90 * DAY).sign(&certifier()),
    ];
    let question = Question::new(&[Role::Certifier], &envelopes);
    assert_eq!(question.ask(Occasion::Deploy), Ok(Vec::new()));
    assert_eq!(question.ask(Occasion::Load), Ok(Vec::new()));
}

#[test]
fn an_expiry_of_the_next_weeks_is_told() {
    let question = Question::new(&[Role::Certifier], &[certificate(NOW + DAY).sign(&certifier())]);
    assert_eq!(
        question.ask(Occasion::Deploy),
        Ok(vec![Alert::ExpiresSoon {
            by: "institute".to_owned(),
            role: Role::Certifier,
            until_ms: NOW + DAY
        }])
    );
}

#[test]
fn a_statement_of_tomorrow_is_not_valid_yet() {
    let tomorrow = Statement {
        issued_at_ms: NOW + DAY,
        ..statement(Claim::Built)
    };
    let question = Question::new(&[Role::Vendor], &[tomorrow.sign(&vendor())]);
    assert!(matches!(question.refused(), Refusal::NotYetValid { .. }));
    // A clock that was set back does not stop what is live.
    assert!(matches!(
        question.ask(Occasion::Load).unwrap().as_slice(),
        [Alert::Tolerated(Refusal::NotYetValid { .. })]
    ));
    let in_a_minute = Statement {
        issued_at_ms: NOW + 60_000,
        ..statement(Claim::Built)
    };
    let question = Question::new(&[Role::Vendor], &[in_a_minute.sign(&vendor())]);
    assert_eq!(question.ask(Occasion::Deploy), Ok(Vec::new()));
}

#[test]
fn a_revoked_package_is_refused_and_a_live_one_does_as_the_policy_says() {
    let mut question = Question::new(&[Role::Vendor], &[statement(Claim::Built).sign(&vendor())])
        .revoking(revocations(&[DIGEST], &[]));
    let refusal = Refusal::RevokedPackage {
        number: 7,
        reason: "loses results".to_owned(),
    };
    assert_eq!(question.refused(), refusal);
    assert_eq!(
        question.ask(Occasion::Load),
        Ok(vec![Alert::Tolerated(refusal.clone())])
    );
    question.policy.on_revoked = OnRevoked::Stop;
    assert_eq!(question.ask(Occasion::Load), Err(refusal));
}

#[test]
fn what_a_revoked_key_has_signed_counts_no_more() {
    let mut question = Question::new(&[Role::Vendor], &[statement(Claim::Built).sign(&vendor())])
        .revoking(revocations(&[], &[&vendor()]));
    assert!(matches!(question.refused(), Refusal::RevokedKey { ref by, .. } if by == "acme"));
    assert!(question.ask(Occasion::Load).is_ok());
    question.policy.on_revoked = OnRevoked::Stop;
    assert!(matches!(question.ask(Occasion::Load), Err(Refusal::RevokedKey { .. })));
}

#[test]
fn a_refusal_has_a_hint() {
    let hint = Refusal::Missing { role: Role::Hospital }.hint("acme/mapper@1.0.0", "site");
    assert!(hint.contains("plugin approve acme/mapper@1.0.0"), "{hint}");
}

#[test]
fn more_signatures_than_are_looked_at_are_refused() {
    let built = statement(Claim::Built).sign(&vendor());
    let question = Question::new(&[Role::Vendor], &vec![built; ENVELOPES_MAX + 1]);
    assert!(matches!(question.refused(), Refusal::TooManySignatures { .. }));
}

#[test]
fn a_revocation_list_is_read_when_a_certifier_or_the_hospital_signed_it() {
    let list = revocations(&[DIGEST], &[&vendor()]);
    let keys = policy(&[]).keys;
    for key in [certifier(), hospital()] {
        assert_eq!(
            RevocationList::open(&list.sign(&key).to_json(), &keys),
            Ok(list.clone())
        );
    }
    assert!(matches!(
        RevocationList::open(&list.sign(&vendor()).to_json(), &keys),
        Err(RevocationError::WrongRole { .. })
    ));
    assert!(matches!(
        RevocationList::open(&list.sign(&key(9)).to_json(), &keys),
        Err(RevocationError::UnknownKey(_))
    ));
}

#[test]
fn a_revocation_list_with_a_flipped_bit_is_refused() {
    let mut envelope = revocations(&[DIGEST], &[]).sign(&certifier());
    envelope.payload[20] ^= 1;
    assert!(matches!(
        RevocationList::open(&envelope.to_json(), &policy(&[]).keys),
        Err(RevocationError::BadSignature { by }) if by == "institute"
    ));
}

#[test]
fn a_signed_statement_is_no_revocation_list_and_the_other_way_round() {
    let keys = policy(&[]).keys;
    let statement = approved().sign(&hospital());
    assert!(matches!(
        RevocationList::open(&statement.to_json(), &keys),
        Err(RevocationError::PayloadType(_))
    ));
    let list = revocations(&[], &[]).sign(&hospital());
    let question = Question::new(&[Role::Hospital], &[list]);
    assert_eq!(question.refused(), Refusal::Missing { role: Role::Hospital });
}

#[test]
fn an_older_revocation_list_is_refused_and_so_is_another_one_of_the_same_number() {
    let seen = revocations(&[DIGEST], &[]);
    let numbered = |number| RevocationList {
        number,
        ..revocations(&[], &[])
    };
    assert_eq!(seen.refuse_older_than(&seen), Ok(()));
    assert_eq!(numbered(8).refuse_older_than(&seen), Ok(()));
    assert_eq!(numbered(7).refuse_older_than(&seen), Err(RevocationError::Replaced(7)));
    assert_eq!(
        numbered(6).refuse_older_than(&seen),
        Err(RevocationError::Older { number: 6, seen: 7 })
    );
}

#[test]
fn a_private_key_is_written_for_its_owner_alone_and_read_back() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vendor.key");
    let key = PrivateKey::generate().unwrap();
    key.write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(PrivateKey::read(&path).unwrap().public(), key.public());
    assert!(matches!(key.write(&path), Err(KeyError::File { .. })), "overwritten");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(PrivateKey::read(&path), Err(KeyError::Exposed { .. })));
    let secret = std::fs::read_to_string(&path).unwrap();
    assert!(secret.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!format!("{key:?}").contains(secret.lines().nth(1).unwrap()));
}

#[test]
fn a_public_key_is_a_short_text() {
    let key = vendor().public();
    assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
    assert_eq!(key.id().to_string().parse::<KeyId>().unwrap(), key.id());
    for wrong in [
        "",
        "ed25519:",
        "ed25519:AAAA",
        "rsa:AAAA",
        "ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
    }
}

#[test]
fn moments_are_written_in_utc_to_the_second() {
    assert_eq!(moment(NOW), "2026-03-01T12:00:00Z");
    assert_eq!(parse_moment("2026-03-01T13:00:00+01:00"), Some(NOW));
    assert_eq!(parse_moment("yesterday"), None);
}

#[test]
fn a_step_that_grants_more_than_was_certified_is_not_deployed_and_a_live_one_is_told() {
    let signed = certificate(NOW + 90 * DAY).sign(&certifier());
    let mut question = Question::new(&[Role::Certifier], &[signed]);
    assert_eq!(question.ask(Occasion::Deploy), Ok(Vec::new()), "it is about no step");
    question.granted = Some(CertifiedGrants::default());
    assert_eq!(question.ask(Occasion::Deploy), Ok(Vec::new()));
    question.granted = Some(CertifiedGrants {
        read: vec!["PID-5".to_owned()],
        create: true,
        ..CertifiedGrants::default()
    });
    let refusal = question.refused();
    assert_eq!(
        refusal.to_string(),
        "the step grants more than it was certified with by `institute`: read = [\"PID-5\"], create = true"
    );
    assert_eq!(question.ask(Occasion::Load), Ok(vec![Alert::Tolerated(refusal)]));
    // Nobody asks for a certificate: what it says matters to nobody.
    question.policy.require.clear();
    assert_eq!(question.ask(Occasion::Deploy), Ok(Vec::new()));
}
