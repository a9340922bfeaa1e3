-- Who applied, and what they answered.
--
-- One column for each question, named as its form field, so that an answer can be found with psql
-- alone and a constraint can say which question it guards. The application checks an answer before
-- it comes here (src/values); the constraints repeat only what would make a row useless or unsafe,
-- in code points, since PostgreSQL cannot count the grapheme clusters that people count.
--
-- Optional answers are NULL, never '': one way to say "Not provided".

CREATE TABLE applications (
    id bigint GENERATED ALWAYS AS IDENTITY,
    -- The applicant quotes it, staff search for it: NPOC-XXXX-XXXX without look-alike characters.
    reference text NOT NULL,
    -- Made by the check page. Sent twice, stored once: the constraint is the promise.
    submission_key uuid NOT NULL,
    -- The address of the receipt. Not the submission key, which the client chooses.
    receipt_secret uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),

    organization_name text NOT NULL,
    organization_name_latin text,
    domain_name text NOT NULL,
    -- What the DNS calls it: equal for every way of typing the same name.
    domain_name_ascii text NOT NULL,
    website text,
    country text NOT NULL,
    registered boolean NOT NULL,
    registration_note text NOT NULL,
    kind_of_work text NOT NULL,
    statement text NOT NULL,

    representative_name text NOT NULL,
    representative_role text NOT NULL,
    representative_email text NOT NULL,
    representative_phone text,
    alternate_name text,
    alternate_email text,

    ncsg_status text NOT NULL,
    icann_groups text,
    not_eligible text[] NOT NULL,

    authorised boolean NOT NULL,
    authoriser text,
    publish boolean NOT NULL,
    mailing_list boolean NOT NULL,

    CONSTRAINT applications_pkey PRIMARY KEY (id),
    CONSTRAINT applications_reference_unique UNIQUE (reference),
    CONSTRAINT applications_submission_key_unique UNIQUE (submission_key),
    CONSTRAINT applications_receipt_secret_unique UNIQUE (receipt_secret),
    CONSTRAINT applications_reference_form
        CHECK (reference ~ '^NPOC-[34679ACDEFGHJKMNPQRTVWXY]{4}-[34679ACDEFGHJKMNPQRTVWXY]{4}$'),
    CONSTRAINT applications_domain_name_ascii_form
        CHECK (domain_name_ascii ~ '^[a-z0-9.-]+$' AND octet_length(domain_name_ascii) <= 253),
    CONSTRAINT applications_country_form CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT applications_alternate_both_or_neither
        CHECK ((alternate_name IS NULL) = (alternate_email IS NULL)),
    CONSTRAINT applications_authorised_yes CHECK (authorised),
    CONSTRAINT applications_answers_bounded CHECK (
        char_length(organization_name) BETWEEN 1 AND 3200
        AND char_length(statement) BETWEEN 1 AND 32000
        AND char_length(registration_note) BETWEEN 1 AND 8000
        AND char_length(representative_name) BETWEEN 1 AND 3200)
);

-- Staff are told when the same domain applied before. Looked up at each application.
CREATE INDEX applications_domain_name_ascii ON applications (domain_name_ascii);
-- Lists and exports go by date; the id breaks ties.
CREATE INDEX applications_received_at ON applications (received_at, id);

-- What became of an application, line by line; never changed, only added to. It holds no answers,
-- so it may outlive an application that was erased: no foreign key, the reference is enough.
CREATE TABLE application_history (
    id bigint GENERATED ALWAYS AS IDENTITY,
    reference text NOT NULL,
    happened_at timestamptz NOT NULL DEFAULT now(),
    event text NOT NULL,

    CONSTRAINT application_history_pkey PRIMARY KEY (id),
    CONSTRAINT application_history_event_known CHECK (event IN ('received'))
);

CREATE INDEX application_history_reference ON application_history (reference);
