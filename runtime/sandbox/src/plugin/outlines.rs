//! Names and columns of code tables as bytes: all that an `init` may ask of tables where a snapshot is made of it.
//!
//! For each table: how many texts there are, then its name and its columns. Numbers have four bytes, and each text begins
//! with its length; so no two lists of tables have the same bytes.

use std::sync::Arc;

use crate::table::Table;

/// Writes the outlines of tables.
pub(crate) fn write<'a>(tables: impl Iterator<Item = &'a Table>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for table in tables {
        put(&mut bytes, table.columns().len() + 1);
        for text in std::iter::once(table.name()).chain(table.columns().iter().map(String::as_str)) {
            put(&mut bytes, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// Tables without rows, with these outlines; `None` where the bytes are not what [`write`] makes.
pub(super) fn read(mut bytes: &[u8]) -> Option<Vec<Arc<Table>>> {
    let mut tables = Vec::new();
    while !bytes.is_empty() {
        let texts = take_number(&mut bytes)?;
        let name = take_text(&mut bytes)?;
        let columns = (1..texts).map(|_| take_text(&mut bytes)).collect::<Option<_>>()?;
        tables.push(Arc::new(Table::new(&name, "", columns, Vec::new()).ok()?));
    }
    Some(tables)
}

/// No text and no table is near as long as four bytes can say; one that were would not be read again.
fn put(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn take_number(bytes: &mut &[u8]) -> Option<usize> {
    let number = bytes.split_off(..4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(number)).ok()
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = take_number(bytes)?;
    String::from_utf8(bytes.split_off(..length)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::{read, write};
    use crate::table::Table;

    fn table(name: &str, columns: &[&str]) -> Table {
        let columns = columns.iter().map(ToString::to_string).collect();
        Table::new(name, "sha256:0", columns, Vec::new()).unwrap()
    }

    #[test]
    fn outlines_arrive_as_they_were_sent() {
        let tables = [table("lab-codes", &["local", "LOINC\nkód"]), table("x", &[""])];
        let bytes = write(tables.iter());
        let read: Vec<_> = read(&bytes).unwrap();
        let outline = |table: &Table| (table.name().to_owned(), table.columns().to_vec());
        assert!(read.iter().map(|table| outline(table)).eq(tables.iter().map(outline)));
    }

    #[test]
    fn other_tables_have_other_bytes_and_half_of_them_none() {
        let one = table("ab", &["c"]);
        let other = table("a", &["bc"]);
        assert_ne!(write([&one].into_iter()), write([&other].into_iter()));
        let bytes = write([&one].into_iter());
        for length in 1..bytes.len() {
            assert!(read(bytes.get(..length).unwrap()).is_none());
        }
        assert!(read(&[]).unwrap().is_empty());
    }
}
