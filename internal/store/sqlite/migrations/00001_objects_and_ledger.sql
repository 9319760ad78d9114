-- +goose Up
CREATE TABLE object (
    kind     TEXT NOT NULL,
    id       TEXT NOT NULL,
    version  INTEGER NOT NULL,
    event    TEXT NOT NULL,     -- the id of the event that left it so
    after    TEXT NOT NULL,     -- that event's commitment to body
    body     BLOB NOT NULL,
    keys     TEXT NOT NULL,     -- [["name","value"],…], the same as in object_key
    PRIMARY KEY (kind, id)
) STRICT;

CREATE TABLE object_key (
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    id    TEXT NOT NULL,
    PRIMARY KEY (kind, name, value, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    idx            INTEGER PRIMARY KEY, -- of the leaf, from 0, without gaps
    id             TEXT NOT NULL,       -- of the event; it begins with idx, so it needs no index
    object_kind    TEXT NOT NULL,
    object_id      TEXT NOT NULL,
    object_version INTEGER NOT NULL,
    prev           INTEGER,             -- idx of the object's version before; null: this is the first
    cause          TEXT NOT NULL,
    leaf           BLOB NOT NULL,       -- the exact bytes that were hashed
    salt           BLOB,                -- null once erased
    body           BLOB,                -- null once erased
    keys           TEXT NOT NULL,
    subject        TEXT NOT NULL
) STRICT;

CREATE TABLE ledger_head (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    size       INTEGER NOT NULL,
    frontier   BLOB NOT NULL,
    root       BLOB NOT NULL,
    checkpoint TEXT NOT NULL
) STRICT;
INSERT INTO ledger_head VALUES (1, 0, x'0000000000000000', x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '');

-- +goose Down
DROP TABLE ledger_head;
DROP TABLE entry;
DROP TABLE object_key;
DROP TABLE object;
