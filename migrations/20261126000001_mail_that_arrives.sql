-- "Sent" must mean that somebody took the mail, and what blocks one mail must not block the others. So the outbox knows
-- whom a failure speaks of, how the relay is, and which mail came back.

ALTER TABLE outbox
    -- What the mail is for; NULL in rows that an earlier release wrote, which knew only refusal_is_final.
    ADD COLUMN purpose text,
    -- The Message-ID of the mail in whose thread this one belongs.
    ADD COLUMN in_reply_to text,
    -- 16 random letters and digits: the envelope sender by which a bounce is known, and the boundary of the parts, so
    -- that every try is the same octets. NULL in what was sent before this column was there.
    ADD COLUMN token text,
    -- Tries that cost nothing, since they spoke of us or of the relay. They only lengthen the wait.
    ADD COLUMN postponements integer NOT NULL DEFAULT 0,
    -- When the last try failed, and whom that spoke of.
    ADD COLUMN failed_at timestamptz,
    ADD COLUMN blame text,
    -- When a mail that was sent came back, why (a class for counting, and words), was reported as late, or was
    -- complained of by its reader.
    ADD COLUMN bounced_at timestamptz,
    ADD COLUMN bounce_class text,
    ADD COLUMN bounce_reason text,
    ADD COLUMN delayed_at timestamptz,
    ADD COLUMN complained_at timestamptz;

-- At least 80 random bits: base64 of a UUID without the six bits that are the same in each, in lower case.
ALTER TABLE outbox ALTER COLUMN token SET DEFAULT lower(translate(left(
    overlay(encode(uuid_send(gen_random_uuid()), 'base64') PLACING '' FROM 9 FOR 4), 16), '+/', '27'));
UPDATE outbox SET token = DEFAULT WHERE sent_at IS NULL;
-- Older rows are counted nowhere.
UPDATE outbox SET purpose = CASE
        WHEN refusal_is_final THEN 'arrival'
        WHEN message_id LIKE '<daily.%' THEN 'daily-report'
        WHEN message_id LIKE '%.given-up-%' THEN 'undelivered'
        ELSE 'application' END
    WHERE sent_at IS NULL OR sent_at > now() - interval '7 days';

ALTER TABLE outbox
    ADD CONSTRAINT outbox_token_form CHECK (token ~ '^[a-z0-9]{16}$'),
    ADD CONSTRAINT outbox_unsent_has_token CHECK (sent_at IS NOT NULL OR token IS NOT NULL),
    ADD CONSTRAINT outbox_purpose_known
        CHECK (purpose IN ('application', 'arrival', 'daily-report', 'undelivered')),
    ADD CONSTRAINT outbox_blame_known
        CHECK (blame IN ('relay', 'us', 'unclear', 'slow', 'recipient-for-now', 'recipient')),
    ADD CONSTRAINT outbox_bounce_class_known
        CHECK (bounce_class IN ('no-such-mailbox', 'mailbox-full', 'refused-as-spam', 'other'));

CREATE UNIQUE INDEX outbox_token ON outbox (token);
CREATE INDEX outbox_bounced ON outbox (bounced_at) WHERE bounced_at IS NOT NULL;
CREATE INDEX outbox_complained ON outbox (mailbox(recipient)) WHERE complained_at IS NOT NULL;

-- How the relay is, for all instances and for those who look after it. One row.
CREATE TABLE relay_state (
    is_only_row boolean NOT NULL DEFAULT true,
    -- Since the relay last took a mail.
    failures integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    failed_at timestamptz,
    -- Nobody asks the relay before, except once in a while for a mail that was never tried.
    retry_at timestamptz,
    last_error text,
    -- How many connections at a time it bears, as far as it has said.
    connections integer NOT NULL DEFAULT 10,

    CONSTRAINT relay_state_pkey PRIMARY KEY (is_only_row),
    CONSTRAINT relay_state_is_only_row CHECK (is_only_row)
);
INSERT INTO relay_state DEFAULT VALUES;

-- What came to the bounce address, counted by day (UTC) and by what it said.
CREATE TABLE bounce_reports (
    day date NOT NULL,
    verdict text NOT NULL,
    reports bigint NOT NULL,

    CONSTRAINT bounce_reports_pkey PRIMARY KEY (day, verdict),
    CONSTRAINT bounce_reports_verdict_known CHECK (verdict IN ('failed', 'delayed', 'complaint', 'other'))
);
