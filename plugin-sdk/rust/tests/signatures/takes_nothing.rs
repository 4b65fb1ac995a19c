use transfuse_plugin::prelude::*;

#[transform]
fn plugin() -> Outcome {
    todo!()
}

fn main() {}
