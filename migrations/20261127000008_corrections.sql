-- Applicants correct their answers, and deciders the address of a representative.

-- A link to correct an application, mailed to one address. Only the hash of its token is stored.
CREATE TABLE change_links (
    token_hash bytea NOT NULL,
    reference text NOT NULL,
    -- The reader of this mailbox may correct the answers.
    address text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,

    CONSTRAINT change_links_pkey PRIMARY KEY (token_hash),
    CONSTRAINT change_links_reference_fkey FOREIGN KEY (reference) REFERENCES applications (reference) ON DELETE CASCADE
);
CREATE INDEX change_links_reference ON change_links (reference);

-- The secret of the receipt as it was first given, if it is another one now. Sending the form again leads there, so nobody
-- learns the secret of a new representative from it.
ALTER TABLE applications ADD COLUMN first_secret uuid;
CREATE UNIQUE INDEX applications_first_secret ON applications (first_secret) WHERE first_secret IS NOT NULL;

ALTER TABLE entries
    DROP CONSTRAINT entries_kind_known,
    ADD CONSTRAINT entries_kind_known
        CHECK (kind IN ('note', 'question', 'answer', 'reason', 'appeal', 'correction')) NOT VALID;

ALTER TABLE application_history
    DROP CONSTRAINT application_history_event_known,
    ADD CONSTRAINT application_history_event_known CHECK (event IN ('received', 'released', 'erased', 'review-begun', 'asked',
        'answered', 'accepted', 'not-accepted', 'appealed', 'withdrawn', 'undone', 'lapsed', 'dismissed', 'reopened',
        'corrected', 'representative-changed')) NOT VALID;
