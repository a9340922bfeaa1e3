-- Search looks for a part of any answer. Its index holds each run of one, two and three characters of what an application
-- says, folded so that different spellings meet, each as a hash of 32 bits: PostgreSQL's own trigrams need an extension and
-- know the letters of the database's locale alone.

-- NULL until the site has indexed the application, which it does a moment after it is stored, and again where a migration
-- sets it to NULL.
ALTER TABLE applications ADD COLUMN search_grams integer[];
-- Hashes cannot be compressed. What the planner would learn of them costs much, and its guess without is good enough.
ALTER TABLE applications ALTER COLUMN search_grams SET STORAGE EXTERNAL, ALTER COLUMN search_grams SET STATISTICS 0;

-- Without rows of NULL, so that storing an application does not touch it. What is not yet merged into it is read at each
-- search, so there may be little of that.
CREATE INDEX applications_search_grams ON applications USING gin (search_grams)
    WITH (gin_pending_list_limit = 1024) WHERE search_grams IS NOT NULL;
CREATE INDEX applications_not_indexed ON applications (id) WHERE search_grams IS NULL;
