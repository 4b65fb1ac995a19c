"""Makes of a catalog what an engine left that knew no packages as files: format 1, with a bare component.

Usage: earlier_catalog.py CATALOG COMPONENT
"""

import hashlib
import json
import sqlite3
import sys

catalog, component = sys.argv[1:]
with open(component, "rb") as file:
    content = file.read()
digest = "sha256:" + hashlib.sha256(content).hexdigest()

connection = sqlite3.connect(catalog)
connection.executescript(
    """
    DROP TRIGGER packages_keep_their_identity;
    ALTER TABLE packages RENAME COLUMN content TO component;
    ALTER TABLE packages ADD COLUMN manifest TEXT NOT NULL DEFAULT 'name = "transfuse/lab-normalize"';
    ALTER TABLE revisions DROP COLUMN note;
    ALTER TABLE live_changes DROP COLUMN is_retired;
    DROP TABLE pauses;
    DROP TABLE table_changes;
    DROP TABLE evidence;
    DROP TABLE downtimes;
    PRAGMA user_version = 1;
    """
)
connection.execute("UPDATE packages SET digest = ?, component = ?", (digest, content))
connection.execute(
    "CREATE TRIGGER packages_are_never_changed BEFORE UPDATE ON packages "
    "BEGIN SELECT raise(ABORT, 'a package is never changed'); END"
)
(text,) = connection.execute("SELECT content FROM revisions WHERE interface = 'lab'").fetchone()
revision = json.loads(text)
for step in revision["steps"]:
    step["digest"] = digest
text = json.dumps(revision)
row = ("lab", 2, text, "sha256:" + hashlib.sha256(text.encode()).hexdigest(), "anna", "earlier", 1)
connection.execute("INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
connection.execute(
    "INSERT INTO live_changes (interface, number, author, reason, at_ms) VALUES ('lab', 2, 'anna', 'earlier', 1)"
)
connection.commit()
# The file alone is what a stopped engine leaves.
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
connection.close()
