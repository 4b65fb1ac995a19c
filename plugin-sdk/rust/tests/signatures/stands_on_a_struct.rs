use transfuse_plugin::prelude::*;

#[transform]
struct Plugin;

fn main() {}
