//! Compiling in a process of its own, from both sides: without arguments this program is the test, and with one it is the
//! compiler that the test starts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a compiler tells what is wrong"
)]

use std::io::{stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use transfuse_sandbox::{
    Compiler, Grants, Instances, Limits, LoadError, Plugin, PluginIdentity, Sandbox, SandboxSettings, Step,
    serve_compilation,
};

/// The argument that makes this program the compiler. The test harness knows none that is like it.
const COMPILE: &str = "--compile-component";

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == COMPILE) {
        return compile();
    }
    a_component_is_compiled_in_another_process();
    what_is_wrong_with_a_component_is_said_in_the_compilers_words();
    a_compile_bomb_is_stopped_by_the_time_of_the_processor();
    a_compile_bomb_is_stopped_by_the_clock_on_the_wall();
    a_compiler_without_memory_is_told_from_a_broken_component();
    a_program_that_is_no_compiler_is_named();
    a_snapshot_of_init_is_made_in_another_process();
    ExitCode::SUCCESS
}

fn compile() -> ExitCode {
    match serve_compilation(&mut stdin().lock(), &mut stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn this_program() -> Compiler {
    Compiler::new(std::env::current_exe().unwrap(), vec![COMPILE.into()])
}

fn sandbox(compiler: Compiler) -> Sandbox {
    Sandbox::start(SandboxSettings {
        compiler: Some(compiler),
        threads: 1,
        threads_max: 1,
        ..SandboxSettings::default()
    })
    .unwrap()
}

fn load(sandbox: &Sandbox, component: &[u8]) -> Result<Plugin, LoadError> {
    let digest = Sha256::digest(component)
        .iter()
        .fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"));
    let identity = PluginIdentity {
        name: "test/guest".into(),
        version: "1.2.3".into(),
        digest: digest.as_str().into(),
        component_digest: digest.into(),
    };
    sandbox.load(identity, component)
}

fn sound() -> Vec<u8> {
    transfuse_guests::component(transfuse_guests::guest("traps").unwrap().text).unwrap()
}

fn bomb() -> Vec<u8> {
    transfuse_guests::compile_bomb(40).unwrap()
}

fn a_component_is_compiled_in_another_process() {
    load(&sandbox(this_program()), &sound()).unwrap();
}

fn what_is_wrong_with_a_component_is_said_in_the_compilers_words() {
    let component = wat::parse_str("(component (core module (memory 1) (memory 1)))").unwrap();
    let elsewhere = load(&sandbox(this_program()), &component).unwrap_err();
    let here = Sandbox::start(SandboxSettings::default()).unwrap();
    let here = load(&here, &component).unwrap_err();
    assert!(matches!(elsewhere, LoadError::Invalid { .. }), "{elsewhere}");
    assert_eq!(elsewhere.to_string(), here.to_string());
}

/// The words of a compiler that met a limit. The next component is compiled as if nothing had been.
fn stopped(compiler: Compiler) -> String {
    let (mut roomy, limited) = (compiler.clone(), sandbox(compiler));
    let started = Instant::now();
    let error = load(&limited, &bomb()).unwrap_err();
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
    let LoadError::CompilerStopped { limit, .. } = error else {
        panic!("{error}")
    };
    roomy.address_space_bytes_max = this_program().address_space_bytes_max;
    roomy.wall_max = this_program().wall_max;
    load(&sandbox(roomy), &sound()).unwrap();
    limit
}

fn a_compile_bomb_is_stopped_by_the_time_of_the_processor() {
    let mut compiler = this_program();
    compiler.processor_s_max = 1;
    assert_eq!(stopped(compiler), "it used more than 1 s of the processor");
}

fn a_compile_bomb_is_stopped_by_the_clock_on_the_wall() {
    let mut compiler = this_program();
    compiler.wall_max = Duration::from_secs(1);
    assert_eq!(stopped(compiler), "it took longer than 1 s");
}

fn a_compiler_without_memory_is_told_from_a_broken_component() {
    let mut compiler = this_program();
    compiler.address_space_bytes_max = 64 << 20;
    assert_eq!(stopped(compiler), "it asked for more than 64 MiB of memory");
}

fn a_program_that_is_no_compiler_is_named() {
    for program in ["/nowhere/transfuse", "/bin/true", "/bin/false"] {
        let compiler = Compiler::new(PathBuf::from(program), Vec::new());
        let error = load(&sandbox(compiler), &sound()).unwrap_err();
        assert!(matches!(error, LoadError::CompilerBroken { .. }), "{program}: {error}");
    }
}

fn a_snapshot_of_init_is_made_in_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(SandboxSettings {
        cache_folder: Some(folder.path().to_owned()),
        snapshot_fuel_min: Some(0),
        compiler: Some(this_program()),
        threads: 1,
        threads_max: 1,
        ..SandboxSettings::default()
    });
    let sandbox = sandbox.unwrap();
    let step = Step {
        plugin: load(&sandbox, &sound()).unwrap(),
        config: Vec::new(),
        grants: Grants::default(),
        limits: Limits::default(),
        instances: Instances::Fresh,
        tables: Vec::new(),
        has_secrets: false,
        state_schema: 1,
    };
    sandbox.chain(vec![step]).unwrap();
    let files = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let compiled = files.filter(|path| path.extension().is_some_and(|end| end == "cwasm"));
    assert_eq!(compiled.count(), 2, "the component, and what its `init` leaves");
}
