-- The days that staff were told of: once a day they get a mail with what was received, mailed and
-- still waits, so that a mail that never came is missed by somebody.
--
-- However many instances run, the primary key lets one of them owe the mail of a day.

CREATE TABLE reports (
    -- In UTC; the last of the days that the mail tells of.
    day date NOT NULL,
    owed_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT reports_pkey PRIMARY KEY (day)
);

-- There is nothing to tell of the days before this one.
INSERT INTO reports (day) VALUES ((now() AT TIME ZONE 'UTC')::date - 1);
