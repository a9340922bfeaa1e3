-- Proof that an applicant controls its domain name, and facts about the domain for staff. No row outlives its application.

-- A proof, or the token for one. A correction of the domain name deletes it.
CREATE TABLE domain_proofs (
    reference text NOT NULL,
    way text NOT NULL,
    -- The name that is proved.
    domain_ascii text NOT NULL,
    -- Of DNS and web: the text that the applicant publishes, so no secret. Of mail: the hash of the code.
    token text NOT NULL,
    -- Wrong codes.
    tries smallint NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    proved_at timestamptz,
    -- Where the token was found.
    evidence text,
    dnssec text,

    CONSTRAINT domain_proofs_pkey PRIMARY KEY (reference, way),
    CONSTRAINT domain_proofs_reference_fkey FOREIGN KEY (reference) REFERENCES applications (reference) ON DELETE CASCADE,
    CONSTRAINT domain_proofs_way_known CHECK (way IN ('dns', 'web', 'mail')),
    CONSTRAINT domain_proofs_evidence_bounded CHECK (char_length(evidence) <= 1000),
    CONSTRAINT domain_proofs_dnssec_known CHECK (dnssec IN ('secure', 'insecure', 'bogus', 'unchecked'))
);

-- The queue of checks. A claim moves due_at forward: a check whose process died becomes due again.
CREATE TABLE domain_checks (
    reference text NOT NULL,
    what text NOT NULL,
    -- The name that is asked for: the domain, or the host of the website.
    name text NOT NULL,
    due_at timestamptz NOT NULL,
    leased_until timestamptz,
    -- Checks with an outcome.
    attempts integer NOT NULL DEFAULT 0,
    -- The number of the last claim. An older claim records nothing, nor one of a row that was deleted and made again.
    claims integer NOT NULL DEFAULT (random() * 1000000000)::integer,
    last_at timestamptz,
    -- JSON, see Outcome.
    last_outcome text,
    done_at timestamptz,

    CONSTRAINT domain_checks_pkey PRIMARY KEY (reference, what),
    CONSTRAINT domain_checks_reference_fkey FOREIGN KEY (reference) REFERENCES applications (reference) ON DELETE CASCADE,
    CONSTRAINT domain_checks_what_known CHECK (what IN ('dns', 'web', 'website', 'facts', 'rdap'))
);
CREATE INDEX domain_checks_due ON domain_checks (due_at) WHERE done_at IS NULL;
CREATE INDEX domain_checks_leased ON domain_checks (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX domain_checks_name ON domain_checks (name, what);

-- What applicants asked for on the page of their domain: a check now, or an email with a code. For the limits.
CREATE TABLE domain_requests (
    reference text NOT NULL,
    what text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT domain_requests_reference_fkey FOREIGN KEY (reference) REFERENCES applications (reference) ON DELETE CASCADE,
    CONSTRAINT domain_requests_what_known CHECK (what IN ('check', 'code'))
);
CREATE INDEX domain_requests_reference ON domain_requests (reference, what, asked_at);

-- What DNS, the website and the registry tell about a domain. Each is NULL until it was asked.
CREATE TABLE domain_facts (
    reference text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    -- Whether staff got an email about the facts, and when the site last examined whether they should.
    is_told boolean NOT NULL DEFAULT false,
    examined_at timestamptz,
    -- Each an object with its version and the time when it was taken.
    dns jsonb,
    website jsonb,
    rdap jsonb,

    CONSTRAINT domain_facts_pkey PRIMARY KEY (reference),
    CONSTRAINT domain_facts_reference_fkey FOREIGN KEY (reference) REFERENCES applications (reference) ON DELETE CASCADE
);
CREATE INDEX domain_facts_unexamined ON domain_facts (taken_at)
    WHERE NOT is_told AND (examined_at IS NULL OR examined_at < taken_at);
-- When each server of a registry may be asked again, whichever instance asks.
CREATE TABLE rdap_servers (
    host text NOT NULL,
    not_before timestamptz NOT NULL,

    CONSTRAINT rdap_servers_pkey PRIMARY KEY (host)
);

-- IANA's list of the registries' servers. The program has a copy for the time before the first row.
CREATE TABLE rdap_bootstrap (
    is_only_row boolean NOT NULL DEFAULT true,
    tried_at timestamptz NOT NULL,
    file text,

    CONSTRAINT rdap_bootstrap_pkey PRIMARY KEY (is_only_row),
    CONSTRAINT rdap_bootstrap_one_row CHECK (is_only_row)
);
