//! `transfuse plugin inspect`: what a package is, before anybody installs it.

mod report;
mod show;

use std::path::PathBuf;

use clap::Args;
use transfuse_package::Requests;

use super::{vouched, wanted};
use crate::console::Console;
use crate::failure::{Exit, Outcome};

/// Show what a package can do and what it is made of
///
/// Nothing of it is run. Shown are the imports of the component, which are all that it can ask of its host; the grants
/// and limits that its manifest asks for; its configuration; the libraries in it with their licences; how it was built;
/// and who signed it. What a signature says of itself, anybody could have written: with --site, signatures are verified
/// with the keys that the site has pinned, and `transfuse plugin verify` tells whether it may deploy the package.
///
/// Example: transfuse plugin inspect transfuse/lab-normalize --plugins examples/lab-results/plugins
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The package: a file, NAME@VERSION, or REGISTRY/NAME:TAG
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// Verify the signatures with the keys of this site, and find NAME@VERSION in its library
    #[arg(long, value_name = "DIR")]
    site: Option<PathBuf>,
    /// Find NAME@VERSION in this folder of packages [default: the site's, or else `plugins`]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// List every library, instead of counting them by licence
    #[arg(long)]
    libraries: bool,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let site = arguments.site.as_deref();
    let library = wanted::library(site, arguments.plugins.as_deref())?;
    let package = wanted::find(&arguments.package, &library, console)?;
    let signatures = vouched::signatures(&package, &vouched::trust(site)?, site.is_some());
    let report = report::Report::of(&package, signatures)?;
    if arguments.json {
        console.json(&report)?;
    } else {
        for line in show::lines(&report, arguments.libraries, console.palette()) {
            console.result(line)?;
        }
    }
    Ok(Exit::Success)
}

/// What a step's grants would have to say, as one line of an interface file.
pub(super) fn grants_line(requests: &Requests) -> String {
    let list = |names: &[String]| {
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("[{}]", quoted.join(", "))
    };
    let mut parts = Vec::new();
    for (key, names) in [
        ("tables", &requests.tables),
        ("read", &requests.read),
        ("write", &requests.write),
    ] {
        if !names.is_empty() {
            parts.push(format!("{key} = {}", list(names)));
        }
    }
    for (key, is_requested) in [("state", requests.state), ("create", requests.create)] {
        if is_requested {
            parts.push(format!("{key} = true"));
        }
    }
    if parts.is_empty() {
        return "grants = {}".to_owned();
    }
    format!("grants = {{ {} }}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use transfuse_package::Requests;

    use super::grants_line;

    #[test]
    fn the_line_can_be_pasted_into_an_interface() {
        let requests = Requests {
            read: vec!["MSH-9".to_owned(), "OBX-*".to_owned()],
            tables: vec!["lab-codes".to_owned()],
            state: true,
            ..Requests::default()
        };
        assert_eq!(
            grants_line(&requests),
            r#"grants = { tables = ["lab-codes"], read = ["MSH-9", "OBX-*"], state = true }"#
        );
        assert_eq!(grants_line(&Requests::default()), "grants = {}");
    }
}
