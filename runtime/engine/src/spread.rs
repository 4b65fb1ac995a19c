//! A hash that is the same on every machine and in every version, because what was divided or named by it stays so.

/// FNV-1a of the bytes, 64 bits (draft-eastlake-fnv).
pub(crate) fn spread(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
