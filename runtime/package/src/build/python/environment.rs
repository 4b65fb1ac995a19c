//! The compiler's own Python environment, made on first use below the target folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use super::process;
use crate::build::{Dependency, Registry, environment};

/// The compiler cannot be prepared on this machine.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PythonEnvironmentError {
    /// There is no Python that will do.
    #[error(
        "a plugin in Python needs python3, {}.{} or later, to be built: on Debian `apt-get install python3 python3-venv` ({reason})",
        VERSION_MIN.0,
        VERSION_MIN.1
    )]
    NoPython {
        /// What was found instead.
        reason: String,
    },
    /// Python is there, and cannot make an environment.
    #[error("python3 cannot make a virtual environment: on Debian `apt-get install python3-venv`:\n{said}")]
    NoVenv {
        /// What Python says.
        said: String,
    },
    /// The compiler cannot be installed.
    #[error(
        "pip cannot install the compiler ({REQUIREMENTS_NAMED}); it comes from the index that pip is configured for, and without \
         network from a folder of wheels named by PIP_FIND_LINKS with PIP_NO_INDEX=1:\n{said}"
    )]
    NoCompiler {
        /// What pip says.
        said: String,
    },
    /// A file of the environment cannot be written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
}

/// What is installed, one version by its digest.
pub(super) const REQUIREMENTS: &str = include_str!("../../../../../plugin-sdk/python/toolchain/requirements.txt");

const REQUIREMENTS_NAMED: &str = "componentize-py";

/// Of the compiler; the interpreter in it has a licence of its own.
const LICENCE: &str = "Apache-2.0 WITH LLVM-exception AND PSF-2.0";

/// The first Python that the compiler's wheels are made for.
const VERSION_MIN: (u32, u32) = (3, 9);

/// Where a Python is looked for, in this order: the one that the author uses, and Debian's own.
const INTERPRETERS: [&str; 2] = ["python3", "/usr/bin/python3"];

/// The Python that has the compiler; made now where it is not there.
pub(super) fn prepare(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, PythonEnvironmentError> {
    let environment = folder.join("environment");
    let python = environment.join("bin/python");
    let stamp = environment.join("requirements.txt");
    let is_ready = || fs::read_to_string(&stamp).is_ok_and(|installed| installed == REQUIREMENTS) && python.exists();
    if is_ready() {
        return Ok(python);
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| PythonEnvironmentError::File { path, error }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    // Two builds at once make one environment. The lock ends with the file.
    let lock_path = folder.join("environment.lock");
    let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
    lock.lock().map_err(failed(&lock_path))?;
    if is_ready() {
        return Ok(python);
    }
    let interpreter = interpreter()?;
    progress("preparing the Python compiler, which is done once");
    let mut command = environment::command(&interpreter, folder);
    command.args(["-I", "-m", "venv", "--clear"]).arg(&environment);
    process::run(&mut command).map_err(|failure| PythonEnvironmentError::NoVenv {
        said: failure.to_string(),
    })?;
    let pending = environment.join("requirements.pending.txt");
    fs::write(&pending, REQUIREMENTS).map_err(failed(&pending))?;
    let mut command = environment::command(&python, folder);
    command
        .args([
            "-I",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
        ])
        .args(["--require-hashes", "--requirement"])
        .arg(&pending);
    process::run(&mut command).map_err(|failure| PythonEnvironmentError::NoCompiler {
        said: failure.to_string(),
    })?;
    fs::rename(&pending, &stamp).map_err(failed(&stamp))?;
    Ok(python)
}

/// The compiler, as provenance names it.
pub(super) fn compiler() -> String {
    let Dependency { name, version, .. } = dependency();
    format!("{name} {version}")
}

/// The compiler brings the interpreter that is compiled in.
pub(super) fn dependency() -> Dependency {
    let pinned = REQUIREMENTS.lines().find_map(|line| line.split_once("=="));
    let (name, version) = pinned.unwrap_or_default();
    Dependency {
        registry: Registry::Pypi,
        name: name.to_owned(),
        version: version.trim_end_matches(['\\', ' ']).to_owned(),
        licence: Some(LICENCE.to_owned()),
    }
}

fn interpreter() -> Result<PathBuf, PythonEnvironmentError> {
    let mut reasons = Vec::new();
    for name in INTERPRETERS {
        match version_of(Path::new(name)) {
            Ok(version) if version >= VERSION_MIN => return Ok(name.into()),
            Ok((major, minor)) => reasons.push(format!("{name} is {major}.{minor}")),
            Err(reason) => reasons.push(format!("{name}: {reason}")),
        }
    }
    Err(PythonEnvironmentError::NoPython {
        reason: reasons.join("; "),
    })
}

fn version_of(interpreter: &Path) -> Result<(u32, u32), String> {
    let program = "import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1])";
    let mut command = Command::new(interpreter);
    let output = command
        .args(["-c", program])
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut numbers = said.split_whitespace().map(str::parse);
    if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) {
        Ok((major, minor))
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(complaint.lines().last().unwrap_or("it says nothing").to_owned())
    }
}
