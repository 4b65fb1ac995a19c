//! A component that is small for what compiling it takes.

use crate::{BuildError, component};

/// Blocks around each jump.
const DEPTH: usize = 300;

/// Makes a plugin of so many functions, each of which jumps from every one of its blocks to every block around it: what
/// compilers keep for an edge, they keep for the square of what is written.
pub fn compile_bomb(functions: usize) -> Result<Vec<u8>, BuildError> {
    let function = format!("(func (param i32) {})\n", body());
    let misbehave = "(func $misbehave (param $exchange i32) (result i32) unreachable)\n";
    component(&(misbehave.to_owned() + &function.repeat(functions)))
}

fn body() -> String {
    let jump = |depth: usize| {
        let targets: Vec<String> = (0..=depth).map(|target| target.to_string()).collect();
        let targets = targets.join(" ");
        format!("block local.get 0 br_table {targets} end block ")
    };
    let jumps: String = (1..DEPTH).map(jump).collect();
    format!("block {jumps} {}", "end ".repeat(DEPTH))
}
