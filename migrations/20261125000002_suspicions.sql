-- What looks like spam is stored and mailed like everything else, and marked: a mistake of a rule must
-- not cost an organization its application. Staff list what is marked and release what is none.

-- The signs that were seen, by name; marked where they were enough and nobody has released it.
ALTER TABLE applications
    ADD COLUMN suspicions text[] NOT NULL DEFAULT '{}',
    ADD COLUMN is_suspected boolean NOT NULL DEFAULT false;

CREATE INDEX applications_suspected ON applications (received_at, id) WHERE is_suspected;

ALTER TABLE application_history
    DROP CONSTRAINT application_history_event_known,
    ADD CONSTRAINT application_history_event_known CHECK (event IN ('received', 'released'));
