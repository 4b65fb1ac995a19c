//! Sealing: authenticated encryption of what may hold patient data, bound to where it belongs.

use std::fmt;

use aws_lc_rs::aead::{
    AES_256_GCM, AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, RandomizedNonceKey, UnboundKey,
};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// AES-256.
pub(super) const KEY_BYTES: usize = 32;

/// What sealing adds to a value: the tag and the nonce, which stand behind it. The view `readable` of a segment counts on it.
const SEAL_BYTES: usize = TAG_BYTES + NONCE_LEN;
const TAG_BYTES: usize = 16;

/// The cryptographic library refused: it has no randomness, or no memory.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the cryptographic library refused")]
pub(crate) struct SealError;

/// What a sealed value belongs to. One that is found anywhere else does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Belonging {
    /// What kind of record it is part of.
    pub(crate) kind: i64,
    pub(crate) message: i64,
    /// 0 where it is about the whole message.
    pub(crate) delivery: i64,
    pub(crate) at_ms: i64,
}

/// The key of one interface on one day. A nonce is drawn for each value: 2^32 of them may be drawn before two are likely
/// to be the same, which is 50,000 values a second.
pub(crate) struct DataKey {
    pub(crate) id: i64,
    key: RandomizedNonceKey,
}

/// The key of what the plugins of one interface keep. The same value in the same place is sealed to the same bytes, so that
/// it can be looked up, and a projection that was built anew equals one that grew.
pub(crate) struct StateKey {
    pub(crate) id: i64,
    key: LessSafeKey,
}

impl Belonging {
    /// With the version of this encoding and the column that a value stands in.
    pub(crate) fn encoded(&self, column: u8) -> [u8; 34] {
        let mut encoded = [0; 34];
        let (version_and_column, numbers) = encoded.split_at_mut(2);
        version_and_column.copy_from_slice(&[1, column]);
        let values = [self.kind, self.message, self.delivery, self.at_ms];
        for (place, value) in numbers.chunks_exact_mut(8).zip(values) {
            place.copy_from_slice(&value.to_be_bytes());
        }
        encoded
    }
}

impl DataKey {
    pub(super) fn new(id: i64, bytes: &[u8]) -> Option<Self> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()?;
        Some(Self { id, key })
    }

    /// Seals a value; nothing stays nothing.
    pub(crate) fn seal(&self, plain: &[u8], belonging: &Belonging, column: u8) -> Result<Vec<u8>, SealError> {
        if plain.is_empty() {
            return Ok(Vec::new());
        }
        seal(&self.key, plain, &belonging.encoded(column))
    }

    /// The value; none where it was changed, or belongs elsewhere.
    pub(crate) fn open(&self, sealed: Vec<u8>, belonging: &Belonging, column: u8) -> Option<Vec<u8>> {
        if sealed.is_empty() {
            return Some(sealed);
        }
        open(&self.key, sealed, &belonging.encoded(column))
    }
}

impl StateKey {
    pub(super) fn new(id: i64, bytes: &[u8]) -> Option<Self> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, bytes).ok()?);
        Some(Self { id, key })
    }

    /// Seals a value for a place.
    pub(crate) fn seal(&self, plain: &[u8], place: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = Vec::with_capacity(plain.len() + TAG_BYTES);
        sealed.extend_from_slice(plain);
        let appended = self
            .key
            .seal_in_place_append_tag(fixed_nonce(), Aad::from(place), &mut sealed);
        appended.map_err(|_| SealError)?;
        Ok(sealed)
    }

    /// The value; none where it was changed, or belongs elsewhere.
    pub(crate) fn open(&self, mut sealed: Vec<u8>, place: &[u8]) -> Option<Vec<u8>> {
        let opened = self.key.open_in_place(fixed_nonce(), Aad::from(place), &mut sealed);
        let length = opened.ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

/// Equal values in equal places look the same, and nothing more is told: this is what AES-GCM-SIV is for (RFC 8452).
fn fixed_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

pub(super) fn seal(key: &RandomizedNonceKey, plain: &[u8], bound: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut sealed = Vec::with_capacity(plain.len() + SEAL_BYTES);
    sealed.extend_from_slice(plain);
    let appended = key.seal_in_place_append_tag(Aad::from(bound), &mut sealed);
    let nonce = appended.map_err(|_| SealError)?;
    sealed.extend_from_slice(nonce.as_ref());
    Ok(sealed)
}

/// In place: the plain value stands in front of the tag.
pub(super) fn open(key: &RandomizedNonceKey, mut sealed: Vec<u8>, bound: &[u8]) -> Option<Vec<u8>> {
    let end = sealed.len().checked_sub(NONCE_LEN)?;
    let (value, nonce) = sealed.split_at_mut_checked(end)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length = key.open_in_place(nonce, Aad::from(bound), value).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

pub(super) fn random_key() -> Result<Zeroizing<[u8; KEY_BYTES]>, SealError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| SealError)?;
    Ok(bytes)
}

impl fmt::Debug for StateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StateKey({})", self.id)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DataKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    const HERE: Belonging = Belonging {
        kind: 1,
        message: 7,
        delivery: 0,
        at_ms: 3,
    };

    #[test]
    fn a_value_opens_where_it_belongs_and_nowhere_else() {
        let key = DataKey::new(1, random_key().unwrap().as_slice()).unwrap();
        let other = DataKey::new(1, random_key().unwrap().as_slice()).unwrap();
        let sealed = key.seal(b"KOVACS", &HERE, 2).unwrap();
        assert_eq!(sealed.len(), 6 + 28);
        assert_eq!(key.open(sealed.clone(), &HERE, 2).unwrap(), b"KOVACS");
        assert_eq!(other.open(sealed.clone(), &HERE, 2), None);
        assert_eq!(key.open(sealed.clone(), &HERE, 3), None);
        let elsewhere = [
            Belonging { kind: 2, ..HERE },
            Belonging { message: 8, ..HERE },
            Belonging { delivery: 1, ..HERE },
            Belonging { at_ms: 4, ..HERE },
        ];
        for place in elsewhere {
            assert_eq!(key.open(sealed.clone(), &place, 2), None, "{place:?}");
        }
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(changed, &HERE, 2), None, "bit {bit}");
        }
    }

    #[test]
    fn equal_messages_look_different_and_equal_state_looks_the_same() {
        let bytes = random_key().unwrap();
        let key = DataKey::new(1, bytes.as_slice()).unwrap();
        assert_ne!(key.seal(b"x", &HERE, 2).unwrap(), key.seal(b"x", &HERE, 2).unwrap());
        let state = StateKey::new(2, bytes.as_slice()).unwrap();
        let sealed = state.seal(b"x", b"here").unwrap();
        assert_eq!(sealed, state.seal(b"x", b"here").unwrap());
        assert_ne!(sealed, state.seal(b"x", b"there").unwrap());
        assert_eq!(state.open(sealed.clone(), b"here").unwrap(), b"x");
        assert_eq!(state.open(sealed, b"there"), None);
    }

    #[test]
    fn what_is_too_short_to_be_sealed_does_not_open() {
        let key = DataKey::new(1, random_key().unwrap().as_slice()).unwrap();
        for length in 1..SEAL_BYTES {
            assert_eq!(key.open(vec![0; length], &HERE, 2), None);
        }
        assert_eq!(key.open(Vec::new(), &HERE, 2).unwrap(), b"");
    }
}
