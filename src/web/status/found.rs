//! What the site found when it looked for a proof, in words for the applicant.

use crate::locale::{Element, Sentence, Words};
use crate::membership::domain_proof::Outcome;
use crate::outbound::{DnsFault, FetchFault, Forbidden};

/// What the site found.
pub struct Found<'a> {
    /// What it says.
    pub sentence: Sentence<'a>,
    /// The texts that it found.
    pub texts: &'a [String],
}

/// Returns the words for an outcome; `None` for one that a later release stored.
pub fn found<'a>(words: &Words, outcome: &'a Outcome) -> Option<Found<'a>> {
    let sentence = match outcome {
        Outcome::NoRecord => words.domain_found_no_record.into(),
        Outcome::OtherRecords { records } => {
            return Some(Found {
                sentence: words.domain_found_other_records.into(),
                texts: records,
            });
        }
        Outcome::NoDnsAnswer { fault, zone_answers } => dns_fault(words, *fault, *zone_answers).into(),
        Outcome::Status { status, host } => words.domain_found_status(Element::isolated(host), &status.to_string()),
        Outcome::OtherContent { host, .. } => words.domain_found_content(Element::isolated(host)),
        Outcome::NotFetched { fault } => fetch_fault(words, *fault).into(),
        Outcome::TooSlow => words.domain_found_no_answer.into(),
        Outcome::Proved { .. } | Outcome::Stored | Outcome::Unknown => return None,
    };
    Some(Found { sentence, texts: &[] })
}

fn dns_fault(words: &Words, fault: DnsFault, zone_answers: bool) -> &'static str {
    match fault {
        DnsFault::Failed if zone_answers => words.domain_found_signature,
        DnsFault::Failed | DnsFault::Refused => words.domain_found_unverified,
        DnsFault::NoSuchName | DnsFault::NoSuchRecord => words.domain_found_no_record,
        DnsFault::NotAName => words.domain_found_not_a_name,
        DnsFault::NoAnswer | DnsFault::NoResolver => words.domain_found_no_answer,
    }
}

fn fetch_fault(words: &Words, fault: FetchFault) -> &'static str {
    match fault {
        FetchFault::Name(fault) if fault.is_absence() => words.domain_found_no_website,
        FetchFault::Name(DnsFault::Failed) => words.domain_found_unverified,
        FetchFault::Name(_) => words.domain_found_no_answer,
        FetchFault::Forbidden(Forbidden::NotPublic) => words.domain_found_not_public,
        FetchFault::Forbidden(_) => words.domain_found_redirect,
        FetchFault::Refused => words.domain_found_refused,
        FetchFault::TimedOut => words.domain_found_timeout,
        FetchFault::Certificate => words.domain_found_certificate,
        FetchFault::Tls | FetchFault::Broken | FetchFault::Redirects => words.domain_found_unreadable,
    }
}
