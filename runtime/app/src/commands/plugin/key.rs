//! `transfuse plugin key`: the keys that sign packages.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use transfuse_package::trust::{PrivateKey, PublicKey};

use crate::console::{Console, Tone};
use crate::failure::{Exit, Hint as _, Outcome};

/// Make and show the keys that sign packages
///
/// A key is an Ed25519 key. Its private half is a file that only its owner can read (PKCS#8 in PEM, so that other tools
/// and hardware tokens understand it); its public half is one line, which sites pin in `[trust] keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(Arguments),
    Show(Arguments),
}

/// Make a new private key
///
/// Writes the key into a new file with the mode 0600 and prints the public half. Keep the file where backups are
/// encrypted: whoever has it signs in its owner's name.
///
/// Example: transfuse plugin key new acme.key
#[derive(Debug, Args)]
pub(crate) struct Arguments {
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
        Command::Show(arguments) => tell(arguments, &PrivateKey::read(&arguments.file)?.public(), console),
    }
}

fn new(arguments: &Arguments, console: Console) -> Outcome {
    let key = PrivateKey::generate()?;
    key.write(&arguments.file)
        .hint("a key is never overwritten: name another file")?;
    let path = arguments.file.display();
    let label = console.notes_palette().paint(Tone::Good, "made").to_string();
    console.note(format_args!(
        "{label} {path}: keep it secret; sites pin this public half:"
    ));
    tell(arguments, &key.public(), console)
}

fn tell(arguments: &Arguments, key: &PublicKey, console: Console) -> Outcome {
    let report = Report {
        key: key.to_string(),
        key_id: key.id().to_string(),
    };
    if arguments.json {
        console.json(&report)?;
    } else {
        console.result(&report.key)?;
        console.note(format_args!("its id is {}", report.key_id));
    }
    Ok(Exit::Success)
}
