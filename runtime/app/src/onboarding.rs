//! Onboarding: from a new sender's sample messages to a starting interface.
//!
//! What is learnt from samples is kept in one place, the [`survey`]: counts, never messages. What may be written of it
//! is decided in `codes`: codes with their texts, and never what identifies a person.

mod codes;
mod encoding;
mod files;
mod interface_file;
pub(crate) mod privacy;
mod profile_file;
mod report;
mod samples;
mod survey;
mod table_file;

pub(crate) use files::{Draft, is_site, write};
pub(crate) use interface_file::Choices;
pub(crate) use report::{Report, lines};
pub(crate) use samples::Samples;
pub(crate) use survey::survey;
