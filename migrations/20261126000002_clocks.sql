-- Nothing irreversible happens on the word of one clock, and a clock that was wrong for a while puts nothing out of sight.
-- So the site remembers which time it believed, and an application whose retention is over is erased only a day after
-- staff got the mail that announces it.

CREATE TABLE clock_state (
    is_only_row boolean NOT NULL DEFAULT true,
    -- The newest time that was believed.
    seen_at timestamptz NOT NULL,
    -- The time at the last look, believed or not. A clock that is far from it has jumped.
    looked_at timestamptz NOT NULL,
    -- When the clock jumped; NULL once it has been steady long enough to be believed.
    steady_since timestamptz,
    -- What was brought back from the future since the last daily report, which tells it.
    mails_brought_back bigint NOT NULL DEFAULT 0,
    reports_taken_back bigint NOT NULL DEFAULT 0,

    CONSTRAINT clock_state_pkey PRIMARY KEY (is_only_row),
    CONSTRAINT clock_state_is_only_row CHECK (is_only_row)
);
-- A site that runs owes a report each day, so the newest of these is the newest time that is known; in a new database it
-- is now. A clock that is years ahead at this moment is not believed.
INSERT INTO clock_state (seen_at, looked_at)
SELECT newest, newest FROM (SELECT least(now(), coalesce(greatest(
    (SELECT max(owed_at) FROM reports), (SELECT max(received_at) FROM applications),
    (SELECT owed_at FROM outbox ORDER BY id DESC LIMIT 1)), now())) AS newest) AS stored;

-- What a daily report announced to be erased.
CREATE TABLE erasure_notices (
    id bigint GENERATED ALWAYS AS IDENTITY,
    -- That of the report.
    day date NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    -- NPOC_RETENTION_DAYS at that time. Under another period it is announced again.
    retention_days integer NOT NULL,
    -- All that are announced arrived before.
    cutoff timestamptz NOT NULL,
    -- How many are announced, and how many may be erased within a day: a tenth of all, and at least one.
    applications bigint NOT NULL,
    at_most bigint NOT NULL,
    -- The report's. Nothing is erased until that mail was sent a day ago.
    message_id text NOT NULL,
    erased bigint NOT NULL DEFAULT 0,
    erased_at timestamptz,

    CONSTRAINT erasure_notices_pkey PRIMARY KEY (id),
    CONSTRAINT erasure_notices_erased_no_more CHECK (erased <= applications)
);

-- Each by itself, so that what was not announced cannot be erased in the place of what was.
CREATE TABLE announced_erasures (
    application_id bigint NOT NULL,
    notice_id bigint NOT NULL,

    CONSTRAINT announced_erasures_pkey PRIMARY KEY (application_id),
    CONSTRAINT announced_erasures_application_id_fkey
        FOREIGN KEY (application_id) REFERENCES applications ON DELETE CASCADE,
    CONSTRAINT announced_erasures_notice_id_fkey
        FOREIGN KEY (notice_id) REFERENCES erasure_notices ON DELETE CASCADE
);
CREATE INDEX announced_erasures_notice_id ON announced_erasures (notice_id);

-- How many were erased within a day is counted before more are.
CREATE INDEX application_history_erased ON application_history (happened_at) WHERE event = 'erased';
