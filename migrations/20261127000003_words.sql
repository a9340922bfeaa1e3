-- The words of choices and of ticked boxes changed, and search finds them. The site fills the index again.
UPDATE applications SET search_grams = NULL;
