//! libFuzzer looks for inputs that reach new code. `make fuzz` builds and runs it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| transfuse_fuzz::check(input));
