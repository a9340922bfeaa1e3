-- The language of the form goes with the application: receipt and emails to the applicant are in it. An earlier release,
-- which may still run beside this one, writes English rows.
--
-- NOT VALID: every row has the default, so there is nothing to check, and nobody waits while all rows are read.

ALTER TABLE applications
    ADD COLUMN language text NOT NULL DEFAULT 'en',
    ADD CONSTRAINT applications_language_known CHECK (language IN ('en', 'fr', 'es', 'ar', 'zh', 'ru')) NOT VALID;
COMMENT ON COLUMN applications.language IS 'The language in which the site writes to the applicant.';

-- An email keeps its language, also when that of the application changes.
ALTER TABLE outbox
    ADD COLUMN language text NOT NULL DEFAULT 'en',
    ADD CONSTRAINT outbox_language_known CHECK (language IN ('en', 'fr', 'es', 'ar', 'zh', 'ru')) NOT VALID;
COMMENT ON COLUMN outbox.language IS 'The language of subject and text, for the header Content-Language.';
