-- An application is erased when its retention is over or its applicant asks for it. Of it the history keeps
-- that it was erased and when. Rows of mail stay, since what was sent and given up is counted, but without
-- words and addresses: the letter to staff holds every answer. Mail that is still to be sent is never erased.

ALTER TABLE outbox ADD COLUMN erased_at timestamptz;
ALTER TABLE outbox ADD CONSTRAINT outbox_erased_is_done
    CHECK (erased_at IS NULL OR sent_at IS NOT NULL OR given_up_at IS NOT NULL);

ALTER TABLE application_history
    DROP CONSTRAINT application_history_event_known,
    ADD CONSTRAINT application_history_event_known CHECK (event IN ('received', 'released', 'erased'));
