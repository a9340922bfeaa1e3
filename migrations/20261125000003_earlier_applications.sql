-- The staff letter names the newest earlier applications of the same domain. In this order the index gives
-- them at once, however many there are: a domain that is applied for again and again must not slow down
-- the next application.

CREATE INDEX applications_domain_name_ascii_newest ON applications (domain_name_ascii, id DESC);
DROP INDEX applications_domain_name_ascii;
