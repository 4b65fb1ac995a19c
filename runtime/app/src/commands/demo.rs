//! `transfuse demo`: the example hospital, for real and in a minute.

use std::path::PathBuf;

use clap::Args;

use crate::console::Console;
use crate::demo;
use crate::failure::{Exit, Outcome};

/// Run the example hospital: real messages through a real engine, with a look at what became of them
///
/// Copies the example site into a scratch folder, starts `transfuse run` on it and `transfuse listen` as its EHR, sends
/// the sample messages, and shows for each what was acknowledged, what the plugin changed field by field, and where it
/// went. Then the EHR goes down and the engine is killed, and nothing is lost. It ends by itself, in some seconds; the
/// exit code is 1 when anything was not as it should be. All patients are made up.
///
/// Example: transfuse demo --site examples/lab-results --plugins target/plugins
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The example site
    #[arg(long, default_value = "examples/lab-results", value_name = "DIR")]
    site: PathBuf,
    /// Find packages in this folder, instead of the site's own
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// The scratch folder; what an earlier demo left in it is removed
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let places = demo::Places {
        site: arguments.site.clone(),
        plugins: arguments
            .plugins
            .clone()
            .unwrap_or_else(|| arguments.site.join("plugins")),
        work: arguments
            .work
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join("transfuse-demo")),
    };
    demo::play(&places, console)?;
    Ok(Exit::Success)
}
