-- What is mine and nobody else's: this instance, contacts, peers, letters, events. Times are unix milliseconds.

-- One row: facts about this database.
CREATE TABLE meta (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    created     INTEGER NOT NULL,
    clean       INTEGER NOT NULL DEFAULT 1,   -- 1 while no process has it open and the last one closed it in order
    machine     BLOB    NOT NULL DEFAULT x'', -- machine id and inode where the own instance was made
    inode       INTEGER NOT NULL DEFAULT 0,
    healed      INTEGER NOT NULL DEFAULT 0,   -- 1 from healing until there is a new instance
    indexed     INTEGER NOT NULL DEFAULT 0    -- messages up to this id are in the search index
) STRICT;

-- One row at most: this installation.
CREATE TABLE own_instance (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    connect_id BLOB  NOT NULL CHECK (length(connect_id) = 32),
    instance BLOB    NOT NULL CHECK (length(instance) = 32),
    seed     BLOB    NOT NULL CHECK (length(seed) = 32),
    prekeys  BLOB    NOT NULL,
    record   BLOB    NOT NULL DEFAULT x'',
    card     BLOB    NOT NULL DEFAULT x'',
    created  INTEGER NOT NULL
) STRICT;

-- Instances this database held before; their seeds are gone.
CREATE TABLE retired_instances (
    instance BLOB    PRIMARY KEY CHECK (length(instance) = 32),
    prekeys  BLOB    NOT NULL,
    reason   INTEGER NOT NULL,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contacts (
    id                 INTEGER PRIMARY KEY,
    connect_id         BLOB    NOT NULL UNIQUE CHECK (length(connect_id) = 32),
    state              INTEGER NOT NULL,
    card               BLOB    NOT NULL DEFAULT x'',
    card_name          TEXT    NOT NULL DEFAULT '',
    local_name         TEXT    NOT NULL DEFAULT '',
    verified           INTEGER NOT NULL DEFAULT 0,
    second_contact_key INTEGER NOT NULL DEFAULT 0,
    request_text       TEXT    NOT NULL DEFAULT '',  -- words of the pending request, either way
    invite_secret      BLOB    NOT NULL DEFAULT x'', -- to put into my letter
    declined_until     INTEGER NOT NULL DEFAULT 0,
    added              INTEGER NOT NULL,
    last_seen          INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX contacts_by_state ON contacts (state);

-- The bounded inbox: one pending letter a sender.
CREATE TABLE letters_in (
    id         INTEGER PRIMARY KEY,
    sender     BLOB    NOT NULL UNIQUE CHECK (length(sender) = 32),
    letter     BLOB    NOT NULL CHECK (length(letter) = 16),
    created    INTEGER NOT NULL,
    received   INTEGER NOT NULL,
    source     TEXT    NOT NULL,              -- address it came from, without the port
    text       TEXT    NOT NULL,
    card       BLOB    NOT NULL,
    record     BLOB    NOT NULL
) STRICT;
CREATE INDEX letters_in_by_source ON letters_in (source);

-- Letters that were taken in, so that a replay stays a replay after its letter is gone.
CREATE TABLE letters_seen (
    sender  BLOB    PRIMARY KEY CHECK (length(sender) = 32),
    letter  BLOB    NOT NULL CHECK (length(letter) = 16),
    created INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX letters_seen_by_age ON letters_seen (at);

CREATE TABLE letters_out (
    recipient BLOB    PRIMARY KEY CHECK (length(recipient) = 32),
    letter    BLOB    NOT NULL CHECK (length(letter) = 16),
    sealed    BLOB    NOT NULL,
    created   INTEGER NOT NULL,
    next_at   INTEGER NOT NULL,
    sent      INTEGER NOT NULL DEFAULT 0,
    taken     INTEGER NOT NULL DEFAULT 0      -- when LETTER_OK came last
) STRICT, WITHOUT ROWID;

-- Invites that I made.
CREATE TABLE invites (
    secret  BLOB    PRIMARY KEY CHECK (length(secret) = 16),
    uses    INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE addresses (
    id            INTEGER PRIMARY KEY,
    connect_id    BLOB    NOT NULL CHECK (length(connect_id) = 32),
    address       TEXT    NOT NULL,
    source        INTEGER NOT NULL,
    seen          INTEGER NOT NULL,
    authenticated INTEGER NOT NULL DEFAULT 0,
    UNIQUE (connect_id, address)
) STRICT;

CREATE TABLE instance_records (
    instance   BLOB    PRIMARY KEY CHECK (length(instance) = 32),
    connect_id BLOB    NOT NULL CHECK (length(connect_id) = 32),
    bytes      BLOB    NOT NULL,
    received   INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_records_by_identity ON instance_records (connect_id);

-- Durable events; the id is the cursor and is never used twice.
CREATE TABLE events (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    conversation BLOB    NOT NULL DEFAULT x'',
    entry        BLOB    NOT NULL DEFAULT x'',
    peer         BLOB    NOT NULL DEFAULT x'',
    value        INTEGER NOT NULL DEFAULT 0,
    text         TEXT    NOT NULL DEFAULT ''
) STRICT;

-- What happened to my entries; a row covers a range of one log, or with no log everything to that peer.
CREATE TABLE story (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    log      BLOB    NOT NULL DEFAULT x'',
    from_seq INTEGER NOT NULL DEFAULT 0,
    to_seq   INTEGER NOT NULL DEFAULT 0,
    stage    INTEGER NOT NULL,
    peer     BLOB    NOT NULL DEFAULT x'',
    path     TEXT    NOT NULL DEFAULT '',
    detail   TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX story_by_log ON story (log, to_seq);
CREATE INDEX story_by_peer ON story (peer, at);

-- Things the person should know, kept until dismissed.
CREATE TABLE notices (
    id   INTEGER PRIMARY KEY,
    code TEXT    NOT NULL,
    peer BLOB    NOT NULL DEFAULT x'',
    text TEXT    NOT NULL,
    at   INTEGER NOT NULL,
    UNIQUE (code, peer)
) STRICT;

-- How far each recipient of each of my logs is; marks only rise.
CREATE TABLE delivery (
    log       BLOB    NOT NULL CHECK (length(log) = 32),
    recipient BLOB    NOT NULL CHECK (length(recipient) = 32),
    sent      INTEGER NOT NULL DEFAULT -1,
    delivered INTEGER NOT NULL DEFAULT -1,
    read      INTEGER NOT NULL DEFAULT -1,
    PRIMARY KEY (log, recipient)
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
    id           INTEGER PRIMARY KEY,
    conversation BLOB    NOT NULL UNIQUE CHECK (length(conversation) = 32),
    kind         INTEGER NOT NULL,
    topic        BLOB    NOT NULL UNIQUE CHECK (length(topic) = 32),
    peer         BLOB    NOT NULL DEFAULT x'', -- the other side of a direct one
    title        TEXT    NOT NULL DEFAULT '',
    muted_until  INTEGER NOT NULL DEFAULT 0,
    draft        TEXT    NOT NULL DEFAULT '',
    wanted       INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX conversations_by_peer ON conversations (peer);
