-- +goose Up
-- Text is compared byte by byte (COLLATE "C"), so that every database and
-- every locale orders it alike.
CREATE TABLE object (
    kind     TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    event    TEXT NOT NULL,     -- the id of the event that left it so
    after    TEXT NOT NULL,     -- that event's commitment to body
    body     BYTEA NOT NULL,
    keys     TEXT NOT NULL,     -- [["name","value"],…], the same as in object_key
    PRIMARY KEY (kind, id)
);

CREATE TABLE object_key (
    kind  TEXT COLLATE "C" NOT NULL,
    name  TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    id    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, name, value, id)
);

CREATE TABLE entry (
    idx            BIGINT PRIMARY KEY, -- of the leaf, from 0, without gaps
    id             TEXT NOT NULL,      -- of the event; it begins with idx, so it needs no index
    object_kind    TEXT COLLATE "C" NOT NULL,
    object_id      TEXT COLLATE "C" NOT NULL,
    object_version BIGINT NOT NULL,
    prev           BIGINT,             -- idx of the object's version before; null: this is the first
    cause          TEXT NOT NULL,
    leaf           BYTEA NOT NULL,     -- the exact bytes that were hashed
    salt           BYTEA,              -- null once erased
    body           BYTEA,              -- null once erased
    keys           TEXT NOT NULL,
    subject        TEXT NOT NULL
);

CREATE TABLE ledger_head (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    size       BIGINT NOT NULL,
    frontier   BYTEA NOT NULL,
    root       BYTEA NOT NULL,
    checkpoint TEXT NOT NULL
);
INSERT INTO ledger_head VALUES (1, 0, '\x0000000000000000', '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '');

-- +goose Down
DROP TABLE ledger_head;
DROP TABLE entry;
DROP TABLE object_key;
DROP TABLE object;
