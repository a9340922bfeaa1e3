-- Whoever fills in the form names the address to which the mail goes that it arrived, so the form must be no way to
-- have somebody mailed again and again. Beyond so many a day for one mailbox such a mail is owed and held: given up at
-- once, counted and listed like any other, and sent when staff ask for it by its reference.

ALTER TABLE outbox ADD COLUMN is_held boolean NOT NULL DEFAULT false;
ALTER TABLE outbox ADD CONSTRAINT outbox_held_is_given_up CHECK (NOT is_held OR given_up_at IS NOT NULL);

-- Case and what follows a + lead to the same mailbox nearly everywhere. Staff mail is not counted.
CREATE FUNCTION mailbox(address text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(regexp_replace(address, '[+][^@]*@', '@'));
CREATE INDEX outbox_mailbox ON outbox (mailbox(recipient), owed_at) WHERE refusal_is_final;
