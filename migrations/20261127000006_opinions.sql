-- What reviewers think of an application, and who must not decide about it.

-- A changed opinion is a new row; the last one counts. It is erased with the application.
CREATE TABLE opinions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    reference text NOT NULL,
    staff_id bigint NOT NULL,
    given_at timestamptz NOT NULL DEFAULT now(),
    verdict text NOT NULL,
    -- The reason of an objection, for staff alone.
    reason text,

    CONSTRAINT opinions_pkey PRIMARY KEY (id),
    CONSTRAINT opinions_reference_fkey FOREIGN KEY (reference) REFERENCES applications (reference) ON DELETE CASCADE,
    CONSTRAINT opinions_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES staff,
    CONSTRAINT opinions_verdict_known CHECK (verdict IN ('approve', 'object')),
    CONSTRAINT opinions_objection_has_reason CHECK (verdict = 'approve' OR reason IS NOT NULL)
);
CREATE INDEX opinions_reference ON opinions (reference);

-- Conflicts of interest. A member states one, and a colleague takes one back. The site finds the others at each reading: an
-- application names the address of a member, or has the domain of that address.
CREATE TABLE conflicts (
    reference text NOT NULL,
    staff_id bigint NOT NULL,
    stated_at timestamptz,
    -- The colleague who found that there is no conflict.
    taken_back_by bigint,

    CONSTRAINT conflicts_pkey PRIMARY KEY (reference, staff_id),
    CONSTRAINT conflicts_reference_fkey FOREIGN KEY (reference) REFERENCES applications (reference) ON DELETE CASCADE,
    CONSTRAINT conflicts_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES staff,
    CONSTRAINT conflicts_taken_back_by_fkey FOREIGN KEY (taken_back_by) REFERENCES staff,
    CONSTRAINT conflicts_taken_back_by_another CHECK (taken_back_by <> staff_id)
);

-- They find the applications that name the address of a member.
CREATE INDEX applications_representative_email ON applications (lower(representative_email));
CREATE INDEX applications_alternate_email ON applications (lower(alternate_email)) WHERE alternate_email IS NOT NULL;
