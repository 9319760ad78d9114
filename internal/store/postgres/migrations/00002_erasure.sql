-- +goose Up
-- The keys under which the values of each subject are sealed in entry, wrapped
-- by the master key, which is not in this database.
CREATE TABLE subject_key (
    subject TEXT COLLATE "C" PRIMARY KEY,
    key     BYTEA NOT NULL
);

-- Counted up by each erasure, so that other processes forget its key too.
ALTER TABLE ledger_head ADD COLUMN erasures BIGINT NOT NULL DEFAULT 0;

-- Whoever follows the ledger is told of each commit, in whatever process.
-- +goose StatementBegin
CREATE FUNCTION ledger_grown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('onus_ledger', '');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_grown AFTER UPDATE ON ledger_head FOR EACH ROW EXECUTE FUNCTION ledger_grown();

-- +goose Down
DROP TRIGGER ledger_grown ON ledger_head;
DROP FUNCTION ledger_grown();
ALTER TABLE ledger_head DROP COLUMN erasures;
DROP TABLE subject_key;
