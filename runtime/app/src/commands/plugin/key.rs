//! `transfuse plugin key`: the keys that sign packages.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Serialize;
use transfuse_package::trust::{PrivateKey, PublicKey};

use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};

/// Make and show the keys that sign packages
///
/// A key is an Ed25519 key. Its private half is a file that only its owner can read (PKCS#8 in PEM, so that other tools
/// and hardware tokens understand it); its public half is one line, which sites pin in `[trust] keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(NewArguments),
    Show(ShowArguments),
}

/// Make a new private key
///
/// Writes the key into a new file with the mode 0600 and prints the public half. Keep the file where backups are
/// encrypted: whoever has it signs in its owner's name.
///
/// Example: transfuse plugin key new acme.key
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// The private key's file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Show the public half of a private key
///
/// That is the line that sites pin in `[trust] keys`, and the id that signatures and revocation lists call it by. The
/// private half is never shown.
///
/// Example: transfuse plugin key show acme.key
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The private key's file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    key: String,
    key_id: String,
}

pub(super) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::New(arguments) => new(arguments, console),
        Command::Show(arguments) => tell(&read(&arguments.file)?.public(), arguments.json, console),
    }
}

/// Reads a private key's file.
pub(super) fn read(file: &Path) -> Result<PrivateKey, Failure> {
    match PrivateKey::read(file) {
        Err(error) if !file.exists() => Err(error).hint("`transfuse plugin key new FILE` makes one"),
        read => Ok(read?),
    }
}

fn new(arguments: &NewArguments, console: Console) -> Outcome {
    let folder = arguments.file.parent().unwrap_or(Path::new(""));
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        return Err(anyhow!("there is no folder `{}`", folder.display())).hint("make it first, with `mkdir`");
    }
    let key = PrivateKey::generate()?;
    match key.write(&arguments.file) {
        Err(error) if arguments.file.exists() => {
            return Err(error).hint("a key is never overwritten: name another file");
        }
        written => written?,
    }
    let path = arguments.file.display();
    let label = console.notes_palette().paint(Tone::Good, "made").to_string();
    console.note(format_args!(
        "{label} {path}: keep it secret; sites pin this public half:"
    ));
    tell(&key.public(), arguments.json, console)
}

fn tell(key: &PublicKey, json: bool, console: Console) -> Outcome {
    let report = Report {
        key: key.to_string(),
        key_id: key.id().to_string(),
    };
    if json {
        console.json(&report)?;
    } else {
        console.result(&report.key)?;
        console.note(format_args!("its id is {}", report.key_id));
    }
    Ok(Exit::Success)
}
