-- Whoever fills in the form names the address to which the mail goes that it arrived, so the form must be no way to
-- have somebody mailed again and again. Beyond so many a day for one mailbox such a mail is owed and held: given up at
-- once, counted and listed apart, and sent when staff ask for it by its reference.

ALTER TABLE outbox ADD COLUMN is_held boolean NOT NULL DEFAULT false;
ALTER TABLE outbox ADD CONSTRAINT outbox_held_is_given_up CHECK (NOT is_held OR given_up_at IS NOT NULL);

-- One spelling for a mailbox and those that lead to it nearly everywhere: in any case, quoted or not, with dots or
-- without, with a tag behind a + or without. Two mailboxes that share one only share the number of their mails.
CREATE FUNCTION mailbox(address text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(regexp_replace(translate(regexp_replace(address, '@[^@]*$', ''), '".\', ''), '(.)[+].*$', '\1')
        || substring(address FROM '@[^@]*$'));
-- Counted at each application. What is held reached nobody, and staff mail is no stranger's.
CREATE INDEX outbox_mailbox ON outbox (mailbox(recipient), owed_at) WHERE refusal_is_final AND NOT is_held;
