-- The emails that keep an application from being erased. One definition, since several queries ask.

CREATE VIEW unsent_emails AS
SELECT reference FROM outbox
WHERE sent_at IS NULL AND given_up_at IS NULL
    -- Its words go out with an unsent digest.
    OR digest IN (SELECT message_id FROM outbox WHERE purpose = 'digest' AND sent_at IS NULL);
