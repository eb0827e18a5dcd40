-- What each instance and I found to share, so that the first link after a start needs no list of topics. It is only
-- compared, never trusted; `used` is when it was written, and the oldest go.
CREATE TABLE shares (
    instance BLOB    PRIMARY KEY CHECK (length(instance) = 32),
    bytes    BLOB    NOT NULL,
    used     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX shares_by_age ON shares (used);

-- Where, in the conversation of my own instances, each field of a contact was said last: later words win.
CREATE TABLE contact_said (
    connect_id BLOB    NOT NULL CHECK (length(connect_id) = 32),
    field      INTEGER NOT NULL,
    position   BLOB    NOT NULL CHECK (length(position) = 80),
    PRIMARY KEY (connect_id, field)
) STRICT, WITHOUT ROWID;
