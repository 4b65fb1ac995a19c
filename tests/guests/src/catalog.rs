//! The plugins by name.

/// A hostile plugin.
#[derive(Debug, Clone, Copy)]
pub struct Guest {
    /// The name of its file.
    pub name: &'static str,
    /// The fields of its core module, for [`crate::component`].
    pub text: &'static str,
}

/// Calls a macro with the name of every hostile plugin.
#[macro_export]
macro_rules! for_each_guest {
    ($($do:tt)+) => {
        $($do)+! {
            allocates_without_end
            breaks_utf8
            calls_the_host_forever
            carries_over
            claims_a_list_beyond_its_memory
            copies_memory_forever
            copies_ten_thousand_times
            does_nothing
            fills_memory_forever
            floods_the_log
            forwards_a_huge_output
            forwards_and_filters
            forwards_forever
            grows_a_table_without_end
            grows_with_each_message
            hands_over_too_much
            holds_a_borrow
            keeps_a_handle
            leaks_handles
            loops
            loops_in_init
            loops_in_start
            names_a_destination
            panics
            reaches_out_of_bounds
            reads_a_denied_field
            reads_a_denied_field_as_bytes
            reads_a_denied_field_by_an_alias
            reads_a_denied_field_by_encoding
            recurses
            remembers
            returns_a_bad_pointer
            returns_an_unknown_case
            sets_attributes_forever
            traps
            traps_in_init
            writes_a_denied_field_by_parsing
        }
    };
}

macro_rules! catalog {
    ($($name:ident)*) => {
        const CATALOG: &[Guest] = &[
            $(Guest { name: stringify!($name), text: include_str!(concat!("../wat/", stringify!($name), ".wat")) },)*
        ];
    };
}

for_each_guest!(catalog);

/// A hostile plugin by name.
#[must_use]
pub fn guest(name: &str) -> Option<Guest> {
    CATALOG.iter().find(|guest| guest.name == name).copied()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_in_the_catalog() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wat");
        let file_name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let files: BTreeSet<String> = std::fs::read_dir(folder).unwrap().map(file_name).collect();
        let known: BTreeSet<String> = CATALOG.iter().map(|guest| format!("{}.wat", guest.name)).collect();
        assert_eq!(files, known);
    }

    #[test]
    fn every_guest_is_a_component() {
        for guest in CATALOG {
            assert!(
                crate::component(guest.text).is_ok(),
                "{}: {:?}",
                guest.name,
                crate::component(guest.text).err()
            );
        }
    }
}
