//! The custom section `transfuse:sdk`: which SDK made a component, for a host or an inspector that reads it before it
//! compiles anything. The contract's own version is in the names of the component's imports.

const TEXT: &str = concat!("rust ", env!("CARGO_PKG_VERSION"));

#[used]
#[expect(
    unsafe_code,
    reason = "a section of its own can only be asked for like this; nothing reads it as memory"
)]
#[unsafe(link_section = "transfuse:sdk")]
static MARK: [u8; TEXT.len()] = match TEXT.as_bytes().first_chunk() {
    Some(bytes) => *bytes,
    None => unreachable!(),
};
