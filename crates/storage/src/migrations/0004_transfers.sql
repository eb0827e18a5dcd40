-- Files that are sent and received, by the entry that offers them. What is sent and what came so far are beside the database.
CREATE TABLE transfers (
    entry    BLOB    PRIMARY KEY CHECK (length(entry) = 32),
    blob     BLOB    NOT NULL CHECK (length(blob) = 32), -- what is asked for on a link
    outgoing INTEGER NOT NULL,
    state    INTEGER NOT NULL,                          -- 0 offered, 1 active, 2 paused, 3 done, 4 declined, 5 cancelled, 6 failed
    place    BLOB    NOT NULL,                          -- where it goes, or comes from
    landed   BLOB,                                      -- where it is, once it is
    size     INTEGER NOT NULL,
    done     INTEGER NOT NULL DEFAULT 0,
    detail   TEXT    NOT NULL DEFAULT '',               -- why it failed
    created  INTEGER NOT NULL,
    changed  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX transfers_by_blob ON transfers (blob);

-- Offers are few among the messages.
CREATE INDEX messages_files ON messages (id) WHERE shown = 7;
