-- The form must be no way to flood a stranger, a domain or staff. Mails to applicants are counted by mailbox, by registered
-- domain and all together; the mails to staff about applications beyond a rate go out together, in a digest.

ALTER TABLE outbox
    -- What the mails of a day are counted by: one spelling for all that lead to one mailbox, and the registered domain. Worked
    -- out in the program, which has the Public Suffix List. NULL in mail to staff, and in what an earlier release wrote.
    ADD COLUMN mailbox_key text,
    ADD COLUMN domain_key text,
    -- The Message-ID of the digest that holds this mail's words, so that each is in one digest. A mail to staff that is held
    -- and has none is waiting for the next digest.
    ADD COLUMN digest text;

ALTER TABLE outbox
    DROP CONSTRAINT outbox_purpose_known,
    ADD CONSTRAINT outbox_purpose_known
        CHECK (purpose IN ('application', 'arrival', 'daily-report', 'undelivered', 'digest')),
    ADD CONSTRAINT outbox_digest_is_of_staff_mail CHECK (digest IS NULL OR NOT refusal_is_final);

-- Read at each application, at most as many rows as may be mailed within a day; every ceiling is counted from them. What an
-- earlier release writes while both run has no keys, and is counted by the spelling that mailbox() gives.
DROP INDEX outbox_mailbox;
CREATE INDEX outbox_arrivals ON outbox (owed_at) WHERE refusal_is_final AND NOT is_held;

DROP INDEX outbox_complained;
CREATE INDEX outbox_complained ON outbox (coalesce(mailbox_key, mailbox(recipient))) WHERE complained_at IS NOT NULL;

CREATE INDEX outbox_for_digest ON outbox (id) WHERE is_held AND NOT refusal_is_final AND digest IS NULL;
CREATE INDEX outbox_in_digest ON outbox (digest) WHERE digest IS NOT NULL;
CREATE INDEX outbox_digests ON outbox (owed_at) WHERE purpose = 'digest';

-- What is in a digest was not given up, however much of it there is.
DROP INDEX outbox_given_up;
CREATE INDEX outbox_given_up ON outbox (given_up_at) WHERE given_up_at IS NOT NULL AND digest IS NULL;
