//! The policy of a site: which roles must vouch for a package, by which keys, and what time and revocation change.

use super::envelope::Envelope;
use super::key::{KeyId, PublicKey};
use super::refusal::{Alert, Refusal};
use super::revocation::RevocationList;
use super::statement::{CertifiedGrants, Claim, Role, Statement};

/// What a site asks of every package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The roles that must vouch for it, each of them.
    pub require: Vec<Role>,
    /// Whose word counts, and for what.
    pub keys: Vec<PinnedKey>,
    /// What becomes of something live that is revoked.
    pub on_revoked: OnRevoked,
}

/// A key that the site knows, in the role that its owner has. One key may be pinned for several roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedKey {
    /// What the site calls its owner.
    pub name: String,
    /// What its owner may say.
    pub role: Role,
    /// The key.
    pub key: PublicKey,
}

/// What becomes of a live revision whose package, or whose signer's key, is revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnRevoked {
    /// It runs, and the engine tells of it.
    #[default]
    Alert,
    /// It receives nothing more, and does not start again.
    Stop,
}

/// What is about to happen to a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It is put into a site's library.
    Install,
    /// A revision that uses it is made live.
    Deploy,
    /// A live revision that uses it starts.
    Load,
}

/// The hospital's own approval of one package, as the site's `approved.toml` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The package's digest: what is approved.
    pub digest: String,
    /// Its name, for people.
    pub plugin: String,
    /// Its version, for people.
    pub version: String,
    /// Who approved it.
    pub who: String,
    /// When, as that person's machine wrote it.
    pub when: String,
    /// Why, or under which conditions.
    pub note: String,
}

/// The package that is judged.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// Its digest, which everything that is said about it names.
    pub digest: &'s str,
    /// The DSSE envelopes that it carries.
    pub envelopes: &'s [Vec<u8>],
    /// What the step grants that uses it; none where it is about no step, such as at an install.
    pub granted: Option<&'s CertifiedGrants>,
}

/// One of a package's signatures, as a site sees it.
#[derive(Debug, Clone)]
pub struct Signature<'p> {
    /// What it says; none where that cannot be read. Believe it only where `standing` is good.
    pub statement: Option<Statement>,
    /// What it says that its key is called.
    pub key_id: Option<KeyId>,
    /// The pinned key that made it; none where the site knows no such key.
    pub signer: Option<&'p PinnedKey>,
    /// Whether it counts on this occasion, and with which reservations.
    pub standing: Result<Vec<Alert>, Refusal>,
}

/// Signatures of one package that are looked at: as many as it carries. Each costs some verifications.
pub const ENVELOPES_MAX: usize = crate::package::ENVELOPES_MAX;

/// Keys that a site pins: those of some vendors, certifiers and colleagues. Each is tried on each signature.
pub const PINNED_KEYS_MAX: usize = 64;

/// A statement of the next five minutes is valid: clocks of two houses differ.
const CLOCK_SKEW_MS_MAX: i64 = 5 * 60 * 1000;

/// From so long before an expiry on, it is told: a certificate takes weeks to renew.
const EXPIRY_NOTICE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Everything but the package that a judgement depends on.
#[derive(Clone, Copy)]
struct Circumstances<'c> {
    revocations: Option<&'c RevocationList>,
    now_ms: i64,
    occasion: Occasion,
}

impl Default for Policy {
    /// The hospital's approval, and nothing else.
    fn default() -> Self {
        Self {
            require: vec![Role::Hospital],
            keys: Vec::new(),
            on_revoked: OnRevoked::default(),
        }
    }
}

impl PinnedKey {
    /// A vendor's key would revoke other vendors' packages.
    pub(super) fn may_revoke(&self) -> bool {
        matches!(self.role, Role::Certifier | Role::Hospital)
    }
}

impl Policy {
    /// Whether a package may be used, and what somebody should know about it.
    ///
    /// What has expired, or is not valid yet, blocks installing and deploying; at a load it is an alert, because a
    /// hospital's restart at night must not depend on a date. What is revoked blocks too, and at a load the policy
    /// decides. A certificate does not count for a step that grants more than the plugin was certified with: that blocks a
    /// deployment too, and is an alert at a load. A damaged signature of a known key blocks always, required or not.
    pub fn judge(
        &self,
        subject: Subject<'_>,
        approvals: &[Approval],
        revocations: Option<&RevocationList>,
        now_ms: i64,
        occasion: Occasion,
    ) -> Result<Vec<Alert>, Refusal> {
        let circumstances = Circumstances {
            revocations,
            now_ms,
            occasion,
        };
        let mut alerts = self.judge_package(subject.digest, circumstances)?;
        if subject.envelopes.len() > ENVELOPES_MAX {
            return Err(Refusal::TooManySignatures {
                count: subject.envelopes.len(),
                count_max: ENVELOPES_MAX,
            });
        }
        let signatures = self.signatures(subject, revocations, now_ms, occasion);
        let standings = || signatures.iter().map(|signature| &signature.standing);
        if let Some(damage) = standings().find_map(|standing| standing.as_ref().err().filter(|one| one.is_damage())) {
            return Err(damage.clone());
        }
        for role in &self.require {
            let is_approved = approvals.iter().any(|approval| approval.digest == subject.digest);
            if *role != Role::Hospital || !is_approved {
                alerts.extend(vouched(*role, &signatures)?);
            }
        }
        Ok(alerts)
    }

    /// Every signature of a package with what it is worth here, in the package's order; no more than
    /// [`ENVELOPES_MAX`] of them.
    #[must_use]
    pub fn signatures(
        &self,
        subject: Subject<'_>,
        revocations: Option<&RevocationList>,
        now_ms: i64,
        occasion: Occasion,
    ) -> Vec<Signature<'_>> {
        let circumstances = Circumstances {
            revocations,
            now_ms,
            occasion,
        };
        let envelopes = subject.envelopes.iter().take(ENVELOPES_MAX);
        envelopes
            .map(|envelope| self.signature(envelope, subject, circumstances))
            .collect()
    }

    fn judge_package(&self, digest: &str, circumstances: Circumstances<'_>) -> Result<Vec<Alert>, Refusal> {
        let revoked = circumstances
            .revocations
            .and_then(|list| Some((list.number, list.package(digest)?)));
        let Some((number, revoked)) = revoked else {
            return Ok(Vec::new());
        };
        let refusal = Refusal::RevokedPackage {
            number,
            reason: revoked.reason.clone(),
        };
        self.unless_tolerated(refusal, circumstances.occasion)
    }

    fn signature(&self, json: &[u8], subject: Subject<'_>, circumstances: Circumstances<'_>) -> Signature<'_> {
        let envelope = match Envelope::parse(json) {
            Ok(envelope) => envelope,
            Err(error) => return Signature::worthless(Refusal::Damaged(error.to_string())),
        };
        let read = Statement::read(&envelope);
        let role = read.as_ref().ok().map(|statement| statement.claim.role());
        let signer = self.signer(&envelope, role);
        let standing = match (signer, &read) {
            (None, _) => Err(self.unknown(&envelope, role)),
            (Some(_), Err(error)) => Err(Refusal::NotUnderstood(error.to_string())),
            (Some(signer), Ok(statement)) => self.weigh(signer, statement, subject, circumstances),
        };
        Signature {
            statement: read.ok(),
            key_id: envelope.key_ids().next().cloned(),
            signer,
            standing,
        }
    }

    /// The pinned key that made the signature, in the role that was claimed where it is pinned for that one too.
    fn signer(&self, envelope: &Envelope, claimed: Option<Role>) -> Option<&PinnedKey> {
        let signers = || self.keys.iter().filter(|pinned| envelope.is_signed_by(&pinned.key));
        signers()
            .find(|pinned| Some(pinned.role) == claimed)
            .or_else(|| signers().next())
    }

    /// Tells a changed statement of a known signer from a statement of a stranger.
    fn unknown(&self, envelope: &Envelope, role: Option<Role>) -> Refusal {
        let ids: Vec<&KeyId> = envelope.key_ids().collect();
        let pinned = self.keys.iter().find(|pinned| ids.contains(&&pinned.key.id()));
        match (pinned, role) {
            (Some(pinned), _) => Refusal::BadSignature {
                by: pinned.name.clone(),
                role: pinned.role,
            },
            (None, Some(role)) => Refusal::UnknownKey {
                role,
                key_id: ids
                    .first()
                    .map_or_else(|| "without an id".to_owned(), ToString::to_string),
            },
            (None, None) => Refusal::NotUnderstood("it is not about a package, and a stranger signed it".to_owned()),
        }
    }

    /// What a statement counts for whose signature fits.
    fn weigh(
        &self,
        signer: &PinnedKey,
        statement: &Statement,
        subject: Subject<'_>,
        circumstances: Circumstances<'_>,
    ) -> Result<Vec<Alert>, Refusal> {
        let (by, role) = (signer.name.clone(), signer.role);
        let claimed = statement.claim.role();
        if claimed != role {
            return Err(Refusal::WrongRole { by, role, claimed });
        }
        if statement.digest != subject.digest {
            return Err(Refusal::OtherDigest {
                by,
                role,
                package: statement.package.clone(),
                digest: statement.digest.clone(),
            });
        }
        let mut alerts = self.weigh_key(signer, circumstances)?;
        alerts.extend(self.weigh_time(signer, statement, circumstances)?);
        alerts.extend(self.weigh_grants(signer, statement, subject, circumstances)?);
        Ok(alerts)
    }

    /// A certifier has tried the plugin with some grants, and knows nothing of what it does with more.
    fn weigh_grants(
        &self,
        signer: &PinnedKey,
        statement: &Statement,
        subject: Subject<'_>,
        circumstances: Circumstances<'_>,
    ) -> Result<Vec<Alert>, Refusal> {
        let (Claim::Certified(certificate), Some(granted)) = (&statement.claim, subject.granted) else {
            return Ok(Vec::new());
        };
        let more = certificate.grants.exceeded_by(granted);
        if more.is_empty() {
            return Ok(Vec::new());
        }
        let refusal = Refusal::MoreThanCertified {
            by: signer.name.clone(),
            more: more.join(", "),
        };
        self.unless_tolerated(refusal, circumstances.occasion)
    }

    fn weigh_key(&self, signer: &PinnedKey, circumstances: Circumstances<'_>) -> Result<Vec<Alert>, Refusal> {
        let revoked = circumstances
            .revocations
            .and_then(|list| Some((list.number, list.key(&signer.key.id())?)));
        let Some((number, revoked)) = revoked else {
            return Ok(Vec::new());
        };
        let refusal = Refusal::RevokedKey {
            by: signer.name.clone(),
            role: signer.role,
            number,
            reason: revoked.reason.clone(),
        };
        self.unless_tolerated(refusal, circumstances.occasion)
    }

    fn weigh_time(
        &self,
        signer: &PinnedKey,
        statement: &Statement,
        circumstances: Circumstances<'_>,
    ) -> Result<Vec<Alert>, Refusal> {
        let Circumstances { now_ms, occasion, .. } = circumstances;
        let (by, role) = (signer.name.clone(), signer.role);
        let from_ms = statement.issued_at_ms;
        if from_ms > now_ms.saturating_add(CLOCK_SKEW_MS_MAX) {
            return self.unless_tolerated(Refusal::NotYetValid { by, role, from_ms }, occasion);
        }
        match statement.until_ms {
            Some(until_ms) if until_ms <= now_ms => {
                self.unless_tolerated(Refusal::Expired { by, role, until_ms }, occasion)
            }
            Some(until_ms) if until_ms.saturating_sub(now_ms) < EXPIRY_NOTICE_MS => {
                Ok(vec![Alert::ExpiresSoon { by, role, until_ms }])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What is tolerated of something that is live already.
    fn unless_tolerated(&self, refusal: Refusal, occasion: Occasion) -> Result<Vec<Alert>, Refusal> {
        let stops = refusal.is_revocation() && self.on_revoked == OnRevoked::Stop;
        let is_tolerated = occasion == Occasion::Load && !stops;
        if is_tolerated {
            Ok(vec![Alert::Tolerated(refusal)])
        } else {
            Err(refusal)
        }
    }
}

impl Signature<'_> {
    fn worthless(refusal: Refusal) -> Self {
        Self {
            statement: None,
            key_id: None,
            signer: None,
            standing: Err(refusal),
        }
    }
}

/// The reservations of the best statement that a role made, or why there is none that counts.
fn vouched(role: Role, signatures: &[Signature<'_>]) -> Result<Vec<Alert>, Refusal> {
    let of_role = |signature: &&Signature<'_>| signature.signer.is_some_and(|signer| signer.role == role);
    let counting = signatures
        .iter()
        .filter(of_role)
        .filter_map(|signature| signature.standing.as_ref().ok());
    if let Some(alerts) = counting.min_by_key(|alerts| alerts.len()) {
        return Ok(alerts.clone());
    }
    let failing = signatures
        .iter()
        .filter_map(|signature| signature.standing.as_ref().err());
    let nearest = failing
        .filter(|refusal| refusal.concerns() == Some(role))
        .max_by_key(|refusal| refusal.nearness());
    Err(nearest.cloned().unwrap_or(Refusal::Missing { role }))
}
