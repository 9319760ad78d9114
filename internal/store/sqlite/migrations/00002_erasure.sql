-- +goose Up
-- The keys under which the values of each subject are sealed in entry, wrapped
-- by the master key, which is not in this database.
CREATE TABLE subject_key (
    subject TEXT PRIMARY KEY,
    key     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Counted up by each erasure, so that other processes forget its key too.
ALTER TABLE ledger_head ADD COLUMN erasures INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE ledger_head DROP COLUMN erasures;
DROP TABLE subject_key;
