-- Logs as they came, the keys to them, and what is derived from both.
-- Clock values use all 64 bits: they are kept with the top bit turned, so that SQLite's signed order is theirs.

-- Identities that write or read, by a small number.
CREATE TABLE people (
    id         INTEGER PRIMARY KEY,
    connect_id BLOB    NOT NULL UNIQUE CHECK (length(connect_id) = 32)
) STRICT;

-- A log, or one branch of a forked one.
CREATE TABLE chains (
    id          INTEGER PRIMARY KEY,
    topic       BLOB    NOT NULL CHECK (length(topic) = 32),
    log         BLOB    NOT NULL CHECK (length(log) = 32),
    branch      BLOB    NOT NULL DEFAULT x'',      -- first differing hash; empty for the chain met first
    base_chain  INTEGER REFERENCES chains (id),
    base_seq    INTEGER,
    first       INTEGER NOT NULL,
    head_seq    INTEGER NOT NULL,
    head_hash   BLOB    NOT NULL CHECK (length(head_hash) = 32),
    who         BLOB    NOT NULL DEFAULT x'',      -- author: identity's ConnectID,
    identity    BLOB    NOT NULL DEFAULT x'',      -- its key,
    instance    BLOB    NOT NULL DEFAULT x'',      -- and the instance's
    hlc         INTEGER NOT NULL,
    cited       INTEGER,
    hidden_from INTEGER,
    retired     INTEGER,                           -- where its author stopped writing for good
    stopped     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (log, branch)
) STRICT;
CREATE INDEX chains_by_topic ON chains (topic, log, branch);
CREATE INDEX chains_by_instance ON chains (instance);

-- One row an entry, for ever. The header is these columns, the chain's log key, and length and hash of the payload,
-- which are not kept: the entry hash covers both.
CREATE TABLE entries (
    id        INTEGER PRIMARY KEY,
    chain     INTEGER NOT NULL REFERENCES chains (id),
    seq       INTEGER NOT NULL CHECK (seq >= 0),
    kind      INTEGER NOT NULL,
    flags     INTEGER NOT NULL,
    prev      BLOB    NOT NULL CHECK (length(prev) = 32),
    hash      BLOB    NOT NULL CHECK (length(hash) = 32),
    stored    INTEGER NOT NULL,                    -- when it became durable here
    signature BLOB    NOT NULL DEFAULT x'',
    payload   BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_by_seq ON entries (chain, seq);
-- Eight bytes tell entries apart; the rest is compared in the row.
CREATE INDEX entries_by_hash ON entries (substr(hash, 1, 8));

CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
BEGIN SELECT raise(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries
BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;

-- Entries that wait for the key of their epoch.
CREATE TABLE pending (
    log   BLOB    NOT NULL CHECK (length(log) = 32),
    epoch INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    PRIMARY KEY (log, epoch, chain, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX pending_by_entry ON pending (chain, seq);

-- Where epochs start.
CREATE TABLE epochs (
    log        BLOB    NOT NULL CHECK (length(log) = 32),
    epoch      INTEGER NOT NULL,
    chain      INTEGER NOT NULL REFERENCES chains (id),
    seq        INTEGER NOT NULL,
    commitment BLOB    NOT NULL CHECK (length(commitment) = 32),
    PRIMARY KEY (log, epoch, chain, seq)
) STRICT, WITHOUT ROWID;

-- Epoch keys. An erased one leaves its row without the key, so that it can't come back.
CREATE TABLE keyring (
    log        BLOB    NOT NULL CHECK (length(log) = 32),
    epoch      INTEGER NOT NULL,
    commitment BLOB    NOT NULL CHECK (length(commitment) = 32),
    key        BLOB    NOT NULL DEFAULT x'',
    erased     INTEGER NOT NULL DEFAULT 0,
    until      INTEGER,                            -- goes with its last message, then or later
    PRIMARY KEY (log, epoch, commitment)
) STRICT, WITHOUT ROWID;
CREATE INDEX keyring_fleeting ON keyring (until) WHERE until IS NOT NULL AND erased = 0;

-- The epoch that each log of mine is in.
CREATE TABLE own_epochs (
    log        BLOB    PRIMARY KEY CHECK (length(log) = 32),
    epoch      INTEGER NOT NULL,
    commitment BLOB    NOT NULL CHECK (length(commitment) = 32),
    started    INTEGER NOT NULL,
    entries    INTEGER NOT NULL,
    timer      INTEGER,
    sealed     BLOB    NOT NULL                    -- instance keys, one after the other
) STRICT, WITHOUT ROWID;

CREATE TABLE key_requests (
    topic    BLOB    NOT NULL CHECK (length(topic) = 32),
    instance BLOB    NOT NULL CHECK (length(instance) = 32),
    log      BLOB    NOT NULL CHECK (length(log) = 32),
    epoch    INTEGER NOT NULL,
    PRIMARY KEY (topic, instance, log, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys_asked (
    log   BLOB    NOT NULL CHECK (length(log) = 32),
    epoch INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (log, epoch)
) STRICT, WITHOUT ROWID;

-- Logs with a third branch: who cites them matters.
CREATE TABLE crowded (
    topic BLOB NOT NULL CHECK (length(topic) = 32),
    log   BLOB NOT NULL CHECK (length(log) = 32),
    PRIMARY KEY (topic, log)
) STRICT, WITHOUT ROWID;

CREATE TABLE citations (
    log  BLOB    NOT NULL CHECK (length(log) = 32),
    seq  INTEGER NOT NULL,
    hash BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (log, seq, hash)
) STRICT, WITHOUT ROWID;

-- From here on everything is derived.

-- What the log keeps of a conversation.
CREATE TABLE conversation_state (
    conversation   INTEGER PRIMARY KEY REFERENCES conversations (id),
    clock          INTEGER,
    timer_position BLOB,
    timer_seconds  INTEGER,
    unread         INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A message is known by the number of its entry: its order is the order of arrival.
CREATE TABLE messages (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    author       INTEGER NOT NULL REFERENCES people (id),
    hlc          INTEGER NOT NULL,
    sent         INTEGER NOT NULL,
    shown        INTEGER NOT NULL,
    number       INTEGER,                          -- seconds of a timer, code of an unknown type
    flags        INTEGER NOT NULL DEFAULT 0,       -- 1 edited, 2 retracted, 4 far, 8 counts as unread, 16 has reactions
    expires      INTEGER,
    reply        BLOB,                             -- log, seq, hash of what it answers
    first_text   TEXT,                             -- as first written, where an edit changed it
    text         TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX messages_expire ON messages (expires) WHERE expires IS NOT NULL;

-- The one order: position is clock, log, sequence number and hash, 80 bytes that sort.
CREATE TABLE timeline (
    conversation INTEGER NOT NULL,
    position     BLOB    NOT NULL CHECK (length(position) = 80),
    message      INTEGER NOT NULL,
    PRIMARY KEY (conversation, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE reactions (
    message INTEGER NOT NULL,
    author  INTEGER NOT NULL REFERENCES people (id),
    emoji   TEXT    NOT NULL,
    PRIMARY KEY (message, author)
) STRICT, WITHOUT ROWID;

-- Edits, retractions and reactions, by the number of their own entry.
CREATE TABLE operations (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    target       BLOB    NOT NULL CHECK (length(target) = 32),
    position     BLOB    NOT NULL CHECK (length(position) = 80),
    author       INTEGER NOT NULL REFERENCES people (id),
    action       INTEGER NOT NULL,
    expires      INTEGER,
    text         TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX operations_by_target ON operations (target);
CREATE INDEX operations_expire ON operations (expires) WHERE expires IS NOT NULL;

CREATE TABLE read_marks (
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    reader       INTEGER NOT NULL REFERENCES people (id),
    log          BLOB    NOT NULL CHECK (length(log) = 32),
    seq          INTEGER NOT NULL,
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (conversation, reader, log)
) STRICT, WITHOUT ROWID;

-- Words of messages, folded, and the conversation as one more word. It holds no copy of the texts, and what is deleted
-- from it is gone from its pages.
CREATE VIRTUAL TABLE search USING fts5 (
    text, conversation, content = '', columnsize = 0, tokenize = 'ascii', prefix = '3'
);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
-- A batch becomes one segment, which saves merging.
INSERT INTO search (search, rank) VALUES ('hashsize', 8388608);
