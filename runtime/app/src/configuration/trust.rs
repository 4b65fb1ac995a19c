//! `[trust]` in `transfuse.toml`: who must vouch for a package, and whose keys the site knows.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use transfuse_package::trust::{OnRevoked, PINNED_KEYS_MAX, PinnedKey, Policy, PublicKey, Role};

use super::document::{Located, Place};
use super::fault::Faults;
use super::section::Section;
use super::suggest;

/// What a site asks of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustSettings {
    pub(crate) policy: Policy,
    /// The signed revocation list, relative to the site folder.
    pub(crate) revocations: Option<PathBuf>,
    /// How often what runs is held against the policy again.
    pub(crate) look_again: Duration,
}

/// A revocation is urgent, and a look costs some small files and a few signatures for each plugin.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// More often is of no use to anybody, and less often than daily would be forgotten.
const LOOK_AGAIN_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

impl Default for TrustSettings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            revocations: None,
            look_again: LOOK_AGAIN,
        }
    }
}

pub(super) fn read(mut section: Section<'_>) -> TrustSettings {
    let defaults = Policy::default();
    let require = section.texts("require");
    let keys = keys(&mut section);
    let revocations = section.path("revocations");
    let on_revoked = section.choice("on_revoked", &[("alert", OnRevoked::Alert), ("stop", OnRevoked::Stop)]);
    let look_again = section.duration("look_again", &LOOK_AGAIN_RANGE);
    let (faults, place) = (section.faults(), section.place_of("require"));
    section.finish();
    let require = require.map(|words| roles(&words, faults));
    let settings = TrustSettings {
        policy: Policy {
            require: require.unwrap_or(defaults.require),
            keys,
            on_revoked: on_revoked.map_or(defaults.on_revoked, |choice| choice.value),
        },
        revocations: revocations.as_ref().map(|file| file.value.clone()),
        look_again: look_again.unwrap_or(LOOK_AGAIN),
    };
    refuse_unsatisfiable(&settings.policy, &place, faults);
    if let Some(file) = &revocations {
        refuse_unsigned_list(&settings.policy, file, faults);
    }
    settings
}

fn roles(words: &[Located<String>], faults: &Faults) -> Vec<Role> {
    let mut roles = Vec::new();
    for word in words {
        match role(&word.value) {
            Some(role) if roles.contains(&role) => {
                faults.at(&word.place, format!("`{}` is required twice", word.value));
            }
            Some(role) => roles.push(role),
            None => faults.at_with_hints(
                &word.place,
                format!("there is no role `{}`", word.value),
                suggest::hints(&word.value, "role", &Role::ALL.map(Role::word)),
            ),
        }
    }
    roles
}

fn role(word: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.word() == word)
}

fn keys(section: &mut Section<'_>) -> Vec<PinnedKey> {
    let sections = section.sections("keys", "`keys`");
    if sections.len() > PINNED_KEYS_MAX {
        let message = format!("`keys` lists {} keys, and may list {PINNED_KEYS_MAX}", sections.len());
        section.faults().at(&section.place_of("keys"), message);
    }
    sections.into_iter().filter_map(pinned_key).collect()
}

fn pinned_key(mut section: Section<'_>) -> Option<PinnedKey> {
    let faults = section.faults();
    let name = section.required_text("name");
    let role = section.required_choice("role", &Role::ALL.map(|role| (role.word(), role)));
    let key = section.required_text("key");
    section.finish();
    let key = key.and_then(|text| match text.value.parse::<PublicKey>() {
        Ok(key) => Some(key),
        Err(error) => {
            faults.at(&text.place, error.to_string());
            None
        }
    });
    Some(PinnedKey {
        name: name?.value,
        role: role?.value,
        key: key?,
    })
}

/// A role that nobody has could never vouch for anything. The hospital approves in `approved.toml` as well.
fn refuse_unsatisfiable(policy: &Policy, place: &Place, faults: &Faults) {
    let has = |role: &Role| policy.keys.iter().any(|pinned| pinned.role == *role);
    for role in policy
        .require
        .iter()
        .filter(|role| **role != Role::Hospital && !has(role))
    {
        faults.at_with_hint(
            place,
            format!("`{role}` is required, and no key is pinned in that role"),
            format!("write `keys = [{{ name = \"...\", role = \"{role}\", key = \"ed25519:...\" }}]`"),
        );
    }
}

fn refuse_unsigned_list(policy: &Policy, file: &Located<PathBuf>, faults: &Faults) {
    let may_revoke = |pinned: &PinnedKey| matches!(pinned.role, Role::Certifier | Role::Hospital);
    if !policy.keys.iter().any(may_revoke) {
        faults.at_with_hint(
            &file.place,
            "no pinned key may sign the revocation list",
            "pin the publisher's key in `keys`, as `certifier` or `hospital`",
        );
    }
}
