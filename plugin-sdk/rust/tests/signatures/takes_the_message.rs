use transfuse_plugin::prelude::*;

#[transform]
fn plugin(_message: &Message) -> Outcome {
    todo!()
}

fn main() {}
