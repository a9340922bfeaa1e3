-- The second factor of people who decide, and what each member of the staff receives by email.

ALTER TABLE staff
    -- The key of the authenticator app; NULL: none is set up. It cannot be a hash, since codes are computed from it.
    ADD COLUMN second_factor bytea,
    -- The period of 30 seconds of the last code that was used. A code works once.
    ADD COLUMN second_factor_step bigint NOT NULL DEFAULT 0,
    -- Addresses of the past. A conflict of interest does not end with a new address.
    ADD COLUMN former_addresses text[] NOT NULL DEFAULT '{}',
    -- How often an email says what waits for this member.
    ADD COLUMN digest text NOT NULL DEFAULT 'weekly',
    ADD COLUMN digest_on date,
    ADD CONSTRAINT staff_second_factor_length CHECK (octet_length(second_factor) >= 16) NOT VALID,
    ADD CONSTRAINT staff_digest_known CHECK (digest IN ('none', 'daily', 'weekly')) NOT VALID;

-- Somebody who gave the first factor, and has to give the second. Only the hash of the token is stored.
CREATE TABLE second_steps (
    token_hash bytea NOT NULL,
    staff_id bigint NOT NULL,
    -- A key to set up with the next right code; NULL: the code is of the key that the account has.
    new_key bytea,
    -- The session in which a member sets up a key; NULL at a sign-in. The step ends with it.
    session_id bigint,
    tries smallint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,

    CONSTRAINT second_steps_pkey PRIMARY KEY (token_hash),
    CONSTRAINT second_steps_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES staff,
    CONSTRAINT second_steps_session_id_fkey FOREIGN KEY (session_id) REFERENCES desk_sessions ON DELETE CASCADE,
    CONSTRAINT second_steps_tries_bounded CHECK (tries BETWEEN 0 AND 5)
);
CREATE INDEX second_steps_staff_id ON second_steps (staff_id);

ALTER TABLE desk_sessions
    -- Whether a second factor was given. A session without one is of no use to people who need one.
    ADD COLUMN has_second_factor boolean NOT NULL DEFAULT false,
    -- When this person last proved who they are. Some changes ask again after 15 minutes.
    ADD COLUMN confirmed_at timestamptz NOT NULL DEFAULT '-infinity',
    -- Wrong codes since then.
    ADD COLUMN confirm_tries smallint NOT NULL DEFAULT 0,
    ALTER COLUMN confirmed_at SET DEFAULT now();

-- The sessions that are valid now: used in the last eight hours, and not older than 72 hours, or 12 for people who decide. A
-- session from a time when the clock was ahead is not valid.
CREATE VIEW valid_sessions AS
    SELECT desk_sessions.* FROM desk_sessions JOIN staff ON staff.id = staff_id
    WHERE ended_at IS NULL AND disabled_at IS NULL
        AND seen_at BETWEEN now() - interval '8 hours' AND now() + interval '1 hour'
        AND created_at > now() - CASE WHEN role IN ('decider', 'administrator')
            THEN interval '12 hours' ELSE interval '72 hours' END;

CREATE INDEX desk_log_happened_at ON desk_log (happened_at);

ALTER TABLE outbox
    DROP CONSTRAINT outbox_purpose_known,
    ADD CONSTRAINT outbox_purpose_known CHECK (purpose IN ('application', 'arrival', 'daily-report', 'undelivered', 'digest',
        'update', 'thread', 'sign-in', 'account', 'desk-digest', 'change-link')) NOT VALID;
