//! `approved.toml`: the packages that the hospital lets run, by digest.

use std::path::Path;

use transfuse_package::trust::Approval;

use super::fault::Faults;
use super::read_document;
use super::section::{self, Section};

/// The file in the site folder. A site without it has approved nothing.
pub(crate) const APPROVED: &str = "approved.toml";

/// Reads the approvals. None where the file has faults, so that nobody takes a half-edited file for a withdrawal.
pub(crate) fn read_approvals(site: &Path, faults: &Faults) -> Option<Vec<Approval>> {
    if !site.join(APPROVED).exists() {
        return Some(Vec::new());
    }
    let faults_before = faults.count();
    let document = read_document(site, Path::new(APPROVED), faults)?;
    let table = section::parse(&document, faults)?;
    let mut file = Section::root(&document, &table, faults);
    let sections = file.sections("approved", "`[[approved]]`");
    file.finish();
    let approvals = sections.into_iter().filter_map(approval).collect();
    (faults.count() == faults_before).then_some(approvals)
}

fn approval(mut section: Section<'_>) -> Option<Approval> {
    let faults = section.faults();
    let digest = section.required_text("digest");
    let mut text = |key| section.text(key).map(|text| text.value).unwrap_or_default();
    let (plugin, version) = (text("plugin"), text("version"));
    let (who, when, note) = (text("who"), text("when"), text("note"));
    section.finish();
    let digest = digest?;
    if !is_digest(&digest.value) {
        let hint = "`transfuse plugin approve` writes it";
        faults.at_with_hint(&digest.place, "`digest` is `sha256:` and 64 hexadecimal digits", hint);
        return None;
    }
    Some(Approval {
        digest: digest.value,
        plugin,
        version,
        who,
        when,
        note,
    })
}

/// Whether a text is a digest as packages have it.
pub(crate) fn is_digest(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(is_digit))
}
