-- Every email has a purpose, so that no query guesses it. Only the first release writes rows without one, before an upgrade
-- and on another instance while it lasts.

CREATE FUNCTION outbox_purpose(message_id text, refusal_is_final boolean) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN refusal_is_final THEN 'arrival'
        WHEN message_id LIKE '<daily.%' THEN 'daily-report'
        WHEN message_id LIKE '%.given-up-%' THEN 'undelivered'
        ELSE 'application' END;

CREATE FUNCTION fill_outbox_purpose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.purpose := outbox_purpose(NEW.message_id, NEW.refusal_is_final);
    RETURN NEW;
END $$;

CREATE TRIGGER outbox_purpose_is_filled BEFORE INSERT ON outbox
    FOR EACH ROW WHEN (NEW.purpose IS NULL) EXECUTE FUNCTION fill_outbox_purpose();

UPDATE outbox SET purpose = outbox_purpose(message_id, refusal_is_final) WHERE purpose IS NULL;
ALTER TABLE outbox ALTER COLUMN purpose SET NOT NULL;
