-- Mail that is owed.
--
-- A letter is rendered when it is owed, in the statement that stores what it tells of, so an
-- accepted application cannot exist without its mails and a mail cannot fail for want of words.
-- A row is never deleted unsent: it is sent, or it waits, or it was given up and is counted.

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    -- The same on every try, so that a mail sent twice is seen once.
    message_id text NOT NULL,
    -- What it is about, as the X-NPOC-Reference header has it. The outbox does not look it up.
    reference text,
    recipient text NOT NULL,
    reply_to text,
    subject text NOT NULL,
    body_text text NOT NULL,
    body_html text NOT NULL,
    -- A 5xx from an applicant's server is final; one from our own staff's is our mistake and is
    -- tried again for as long as it takes.
    refusal_is_final boolean NOT NULL,

    owed_at timestamptz NOT NULL DEFAULT now(),
    -- Due when this has passed. A worker that takes the mail moves it forward first: that is its
    -- lease, so a mail held by a worker that died becomes due again by itself.
    due_at timestamptz NOT NULL DEFAULT now(),
    -- Tries on the present schedule; begun anew when an operator has the mail sent again.
    attempts integer NOT NULL DEFAULT 0,
    -- Counts every claim and never goes back: the token by which a worker proves that the lease is
    -- still its own.
    claims integer NOT NULL DEFAULT 0,
    -- Set while a worker holds the mail, so that nobody else makes it due under its hands.
    leased_until timestamptz,
    last_error text,
    sent_at timestamptz,
    given_up_at timestamptz,

    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_message_id_unique UNIQUE (message_id),
    CONSTRAINT outbox_sent_or_given_up CHECK (sent_at IS NULL OR given_up_at IS NULL),
    CONSTRAINT outbox_attempts_not_negative CHECK (attempts >= 0)
);

-- Holds what waits and nothing else, so claiming costs the same with a million mails sent.
CREATE INDEX outbox_waiting ON outbox (due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX outbox_given_up ON outbox (given_up_at) WHERE given_up_at IS NOT NULL;
CREATE INDEX outbox_reference ON outbox (reference);
