//! Rows in the dialects that spreadsheets save.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn site(bytes: &[u8]) -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    fs::create_dir(site.path().join("tables")).unwrap();
    fs::write(site.path().join("tables/t.csv"), bytes).unwrap();
    site
}

/// The file's bytes with one more row.
fn added(bytes: &[u8], row: &[&str]) -> Result<Vec<u8>, RowError> {
    let site = site(bytes);
    let row: Vec<String> = row.iter().map(ToString::to_string).collect();
    let file = TableFile::read(site.path(), "t").unwrap().with_rows(&[row], None)?;
    file.write().unwrap();
    let written = fs::read(site.path().join("tables/t.csv")).unwrap();
    assert_eq!(written, file.bytes);
    Ok(written)
}

#[test]
fn a_row_is_written_as_the_file_was_and_nothing_else_of_it_changes() {
    let dialects: [(&[u8], &[u8]); 7] = [
        (
            b"local,display\nGLU,x\n",
            "local,display\nGLU,x\nHGB,\"Gőz, \"\"Hb\"\"\"\n".as_bytes(),
        ),
        (
            "\u{feff}local;display\r\nGLU;Vércukor\r\n".as_bytes(),
            "\u{feff}local;display\r\nGLU;Vércukor\r\nHGB;\"Gőz, \"\"Hb\"\"\"\r\n".as_bytes(),
        ),
        (
            b"local;display\r\nGLU;V\xE9rcukor\r\n",
            b"local;display\r\nGLU;V\xE9rcukor\r\nHGB;\"G\xF5z, \"\"Hb\"\"\"\r\n",
        ),
        (
            b"local;display\r\nGLU;x\r\n",
            b"local;display\r\nGLU;x\r\nHGB;\"G\xF5z, \"\"Hb\"\"\"\r\n",
        ),
        (
            b"local,display\nGLU,x",
            "local,display\nGLU,x\nHGB,\"Gőz, \"\"Hb\"\"\"".as_bytes(),
        ),
        (
            b"\"local\",\"display\"\n\"GLU\",\"x\"\n",
            "\"local\",\"display\"\n\"GLU\",\"x\"\n\"HGB\",\"Gőz, \"\"Hb\"\"\"\n".as_bytes(),
        ),
        (
            b"local,display\rGLU,x\r",
            "local,display\rGLU,x\rHGB,\"Gőz, \"\"Hb\"\"\"\r".as_bytes(),
        ),
    ];
    for (before, after) in dialects {
        let written = added(before, &["HGB", "Gőz, \"Hb\""]).unwrap();
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(after));
        assert_eq!(written, after);
    }
}

#[test]
fn what_would_not_be_found_or_cannot_be_written_is_refused() {
    let file = b"local;display\r\nGLU;V\xE9rcukor\r\n";
    let refused = |row: &[&str]| added(file, row).unwrap_err();
    assert!(matches!(refused(&["HGB"]), RowError::Cells { found: 1, .. }));
    assert!(matches!(refused(&["HGB", "x", "y"]), RowError::Cells { found: 3, .. }));
    assert_eq!(
        refused(&["GLU", "x"]),
        RowError::Taken {
            column: "local".to_owned(),
            line: 2
        }
    );
    assert_eq!(refused(&["", "x"]), RowError::EmptyKey("local".to_owned()));
    assert_eq!(refused(&["HGB", "a\nb"]), RowError::Control("display".to_owned()));
    let unmappable = refused(&["HGB", "血"]);
    assert_eq!(
        unmappable,
        RowError::Unmappable {
            column: "display".to_owned(),
            character: '血'
        }
    );
}

#[test]
fn rows_may_be_found_by_another_column_than_the_first() {
    let site = site(b"display,local\nx,GLU\n");
    let file = TableFile::read(site.path(), "t").unwrap();
    let row = |display: &str, local: &str| vec![display.to_owned(), local.to_owned()];
    assert!(file.with_rows(&[row("x", "HGB")], Some("local")).is_ok());
    let taken = file.with_rows(&[row("y", "GLU")], Some("local")).unwrap_err();
    assert!(matches!(taken, RowError::Taken { line: 2, .. }), "{taken}");
    let twice = file
        .with_rows(&[row("y", "A"), row("z", "A")], Some("local"))
        .unwrap_err();
    assert_eq!(twice, RowError::Twice("local".to_owned()));
    let unknown = file.with_rows(&[row("y", "A")], Some("code")).unwrap_err();
    assert!(matches!(unknown, RowError::NoColumn { .. }), "{unknown}");
}

#[test]
fn a_quote_that_is_never_closed_is_not_built_upon() {
    let refused = added(b"local,display\nGLU,\"x,y\n", &["HGB", "z"]).unwrap_err();
    assert_eq!(refused, RowError::Unclear);
}
