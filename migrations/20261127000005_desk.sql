-- The desk: staff sign in, read applications, ask questions and decide. The applicant sees where the application stands.

-- The key for keyed hashes of addresses and networks. Each use adds its own label.
CREATE TABLE site_key (
    is_only_row boolean NOT NULL DEFAULT true,
    key bytea NOT NULL,

    CONSTRAINT site_key_pkey PRIMARY KEY (is_only_row),
    CONSTRAINT site_key_is_only_row CHECK (is_only_row),
    CONSTRAINT site_key_length CHECK (octet_length(key) = 32)
);
INSERT INTO site_key (key) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Who may sign in. A row stays when somebody leaves, because decisions name it; `forget` empties name and address.
CREATE TABLE staff (
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    address text NOT NULL,
    -- The address in lower case, its domain in ASCII. Two people never share one.
    address_key text NOT NULL,
    -- Each role may do what those before it may: reader, reviewer, decider, administrator.
    role text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,

    CONSTRAINT staff_pkey PRIMARY KEY (id),
    CONSTRAINT staff_address_key_unique UNIQUE (address_key),
    CONSTRAINT staff_role_known CHECK (role IN ('reader', 'reviewer', 'decider', 'administrator')),
    CONSTRAINT staff_name_bounded CHECK (char_length(name) <= 200)
);

-- A request to sign in: its link and its code work once, only in the browser that asked. Only hashes are stored.
CREATE TABLE sign_in_requests (
    id bigint GENERATED ALWAYS AS IDENTITY,
    staff_id bigint NOT NULL,
    -- NULL for a link that an operator printed, which works in any browser.
    browser_hash bytea,
    token_hash bytea NOT NULL,
    -- Of the code and the browser's token together, since a code alone is short enough to guess.
    code_hash bytea,
    tries smallint NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,

    CONSTRAINT sign_in_requests_pkey PRIMARY KEY (id),
    CONSTRAINT sign_in_requests_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES staff,
    CONSTRAINT sign_in_requests_token_hash_unique UNIQUE (token_hash),
    CONSTRAINT sign_in_requests_tries_bounded CHECK (tries BETWEEN 0 AND 5)
);
CREATE INDEX sign_in_requests_browser_hash ON sign_in_requests (browser_hash);
CREATE INDEX sign_in_requests_expires_at ON sign_in_requests (expires_at);
CREATE INDEX sign_in_requests_staff_id ON sign_in_requests (staff_id);

-- Requests to sign in, counted by keyed hashes of networks, addresses and browsers. Unlogged: a crash may empty it.
CREATE UNLOGGED TABLE sign_in_limits (
    key bytea NOT NULL,
    minute timestamptz NOT NULL,
    requests integer NOT NULL,

    CONSTRAINT sign_in_limits_pkey PRIMARY KEY (key, minute)
);
CREATE INDEX sign_in_limits_minute ON sign_in_limits (minute);

CREATE TABLE desk_sessions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    token_hash bytea NOT NULL,
    staff_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Written at most once a minute.
    seen_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,

    CONSTRAINT desk_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT desk_sessions_token_hash_unique UNIQUE (token_hash),
    CONSTRAINT desk_sessions_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES staff
);
CREATE INDEX desk_sessions_staff_id ON desk_sessions (staff_id) WHERE ended_at IS NULL;

-- Who did what at the desk, and what was refused. The subject is a reference or the id of a staff member, never an address.
CREATE TABLE desk_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    happened_at timestamptz NOT NULL DEFAULT now(),
    -- NULL for a command on the server.
    staff_id bigint,
    action text NOT NULL,
    subject text,
    outcome text NOT NULL,

    CONSTRAINT desk_log_pkey PRIMARY KEY (id),
    CONSTRAINT desk_log_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES staff,
    CONSTRAINT desk_log_outcome_known CHECK (outcome IN ('done', 'refused')),
    CONSTRAINT desk_log_subject_bounded CHECK (char_length(subject) <= 40)
);
CREATE INDEX desk_log_staff_id ON desk_log (staff_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME;
END $$;

CREATE TRIGGER desk_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON desk_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER application_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON application_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The state of an application. Constraints are NOT VALID: every row has the defaults, and nobody waits while all are read.
ALTER TABLE applications
    ADD COLUMN state text NOT NULL DEFAULT 'received',
    -- NULL: since it was received.
    ADD COLUMN state_since timestamptz,
    -- Grows with states, answers and corrections. A change names the version that its page showed.
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    -- Deadlines end when the day ends everywhere on Earth. The first one is for staff alone.
    ADD COLUMN review_until date,
    ADD COLUMN answer_until date,
    ADD COLUMN appeal_until date,
    ADD COLUMN appealed_at timestamptz,
    ADD COLUMN decided_by bigint,
    ADD COLUMN appeal_decided_by bigint,
    ADD COLUMN assigned_to bigint,
    ADD COLUMN dismissed_as text,
    -- The region that a decider set; NULL: that of the country.
    ADD COLUMN region_set text,
    ADD CONSTRAINT applications_state_known CHECK (state IN ('received', 'in-review', 'asked', 'accepted', 'not-accepted',
        'appealed', 'withdrawn', 'lapsed', 'dismissed')) NOT VALID,
    ADD CONSTRAINT applications_decision_has_decider
        CHECK (state NOT IN ('accepted', 'not-accepted', 'appealed') OR decided_by IS NOT NULL) NOT VALID,
    ADD CONSTRAINT applications_dismissed_as_known
        CHECK (dismissed_as IN ('spam', 'duplicate') AND state = 'dismissed' OR dismissed_as IS NULL) NOT VALID,
    ADD CONSTRAINT applications_region_set_known
        CHECK (region_set IN ('africa', 'asia-pacific', 'europe', 'latin-america', 'north-america')) NOT VALID,
    ADD CONSTRAINT applications_decided_by_fkey FOREIGN KEY (decided_by) REFERENCES staff NOT VALID,
    ADD CONSTRAINT applications_appeal_decided_by_fkey FOREIGN KEY (appeal_decided_by) REFERENCES staff NOT VALID,
    ADD CONSTRAINT applications_assigned_to_fkey FOREIGN KEY (assigned_to) REFERENCES staff NOT VALID;
CREATE INDEX applications_by_state ON applications (state, is_suspected, received_at, id);
CREATE INDEX applications_in_review ON applications (review_until) WHERE state = 'in-review';
CREATE INDEX applications_country ON applications (country, received_at, id);
CREATE INDEX applications_assigned_to ON applications (assigned_to) WHERE assigned_to IS NOT NULL;

-- Every word that staff and applicants write about an application. It is erased with the application.
CREATE TABLE entries (
    id bigint GENERATED ALWAYS AS IDENTITY,
    reference text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    -- NULL if the applicant wrote it.
    staff_id bigint,
    -- Whether the applicant reads it.
    is_shared boolean NOT NULL,
    body text NOT NULL,

    CONSTRAINT entries_pkey PRIMARY KEY (id),
    CONSTRAINT entries_reference_fkey FOREIGN KEY (reference) REFERENCES applications (reference) ON DELETE CASCADE,
    CONSTRAINT entries_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES staff,
    CONSTRAINT entries_kind_known CHECK (kind IN ('note', 'question', 'answer', 'reason', 'appeal')),
    CONSTRAINT entries_body_bounded CHECK (char_length(body) BETWEEN 1 AND 64000)
);
CREATE INDEX entries_reference ON entries (reference);

ALTER TABLE application_history
    -- Who caused the event; NULL in rows from before. It holds no words, so it outlives an erased application.
    ADD COLUMN actor text,
    ADD COLUMN staff_id bigint,
    ADD COLUMN from_state text,
    ADD COLUMN to_state text,
    DROP CONSTRAINT application_history_event_known,
    ADD CONSTRAINT application_history_event_known CHECK (event IN ('received', 'released', 'erased', 'review-begun', 'asked',
        'answered', 'accepted', 'not-accepted', 'appealed', 'withdrawn', 'undone', 'lapsed', 'dismissed', 'reopened')) NOT VALID,
    ADD CONSTRAINT application_history_actor_known CHECK (actor IN ('staff', 'applicant', 'site', 'shell')) NOT VALID,
    ADD CONSTRAINT application_history_staff_is_named CHECK ((actor = 'staff') = (staff_id IS NOT NULL)) NOT VALID,
    ADD CONSTRAINT application_history_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES staff NOT VALID;

-- An email that is of no use after this time, such as one to sign in. It expires without an alarm.
ALTER TABLE outbox
    ADD COLUMN expires_at timestamptz,
    DROP CONSTRAINT outbox_purpose_known,
    ADD CONSTRAINT outbox_purpose_known CHECK (purpose IN ('application', 'arrival', 'daily-report', 'undelivered', 'digest',
        'update', 'thread', 'sign-in')) NOT VALID;
CREATE INDEX outbox_expiring ON outbox (expires_at) WHERE expires_at IS NOT NULL AND erased_at IS NULL;

-- The ceilings count confirmations alone: emails about changes are never held.
DROP INDEX outbox_arrivals;
CREATE INDEX outbox_arrivals ON outbox (owed_at) WHERE purpose = 'arrival' AND NOT is_held;

-- When the retention period of an application starts. With staff, it starts when the application was closed and can no
-- longer be appealed; NULL: the application is open.
CREATE FUNCTION retention_start(received_at timestamptz, state text, state_since timestamptz, appeal_until date)
    RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN NOT EXISTS (SELECT FROM staff) THEN received_at
        WHEN state IN ('accepted', 'not-accepted', 'withdrawn', 'lapsed', 'dismissed')
            THEN greatest(state_since, (appeal_until + 1 + time '12:00') AT TIME ZONE 'UTC') END;
