//! Messages that are recognised when they come again.

use rusqlite::Connection;

use super::Recognised;
use crate::clock::Day;
use crate::{Digest, MessageId};

/// Accepted messages of an interface that are recognised when they come again, without those that have come again.
pub(super) fn recognised(
    connection: &Connection,
    interface: &str,
    since_ms: i64,
    limit: usize,
) -> rusqlite::Result<Vec<Recognised>> {
    let mut statement = connection.prepare_cached(
        "SELECT digest, id, received_at_ms FROM messages INDEXED BY messages_recognised WHERE digest IS NOT NULL \
         AND interface = (SELECT interfaces.id FROM interfaces WHERE name = ?1) AND id > ?2 AND received_at_ms >= ?3 \
         AND stage NOT IN (0, 3) AND repeats IS NULL ORDER BY id DESC LIMIT ?4",
    )?;
    let first = MessageId::new(Day::of(since_ms).number, 0).as_i64();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((interface, first, since_ms, limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let digest: Vec<u8> = row.get(0)?;
        found.extend(Digest::of_bytes(&digest).map(|digest| (digest, row.get(1), row.get(2))));
    }
    let found = found.into_iter().rev().map(|(digest, id, received_at_ms)| {
        Ok(Recognised {
            digest,
            id: MessageId::from_i64(id?),
            received_at_ms: received_at_ms?,
        })
    });
    found.collect()
}
