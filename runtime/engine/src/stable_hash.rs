//! A hash that is the same on every machine, after every restart and in every version.

/// FNV-1a over texts one after the other, with a byte between them that UTF-8 does not have.
pub(crate) fn stable_hash(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().enumerate().flat_map(|(index, part)| {
        let between: &[u8] = if index > 0 { &[0xff] } else { &[] };
        between.iter().chain(*part)
    });
    bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
