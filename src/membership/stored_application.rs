//! An application as the database stores it and as exports give it.

use serde::Serialize;
use time::OffsetDateTime;

use super::doubts::SpamSigns;
use super::form::{Answers, Application, Field as F};
use super::new_application::NewApplication;
use super::review::ReviewState;

/// A row of the table `applications` without its keys. Its fields have the names of the columns and of the form.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns, which the migrations explain")]
#[expect(clippy::struct_excessive_bools, reason = "the form asks yes-or-no questions")]
pub struct StoredApplication {
    pub reference: String,
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    pub organization_name: String,
    pub organization_name_latin: Option<String>,
    pub domain_name: String,
    pub domain_name_ascii: String,
    pub website: Option<String>,
    pub country: String,
    pub registered: bool,
    pub registration_note: String,
    pub kind_of_work: String,
    pub statement: String,
    pub representative_name: String,
    pub representative_role: String,
    pub representative_email: String,
    pub representative_phone: Option<String>,
    pub alternate_name: Option<String>,
    pub alternate_email: Option<String>,
    pub ncsg_status: String,
    pub icann_groups: Option<String>,
    pub not_eligible: Vec<String>,
    pub authorised: bool,
    pub authoriser: Option<String>,
    pub publish: bool,
    pub mailing_list: bool,
    pub suspicions: Vec<String>,
    pub is_suspected: bool,
    /// The state of the review, by name.
    pub review_state: String,
    /// The code of the language of the form.
    pub language: String,
    /// The names of the states ([`super::State`]), the most important first. No column: the emails decide.
    pub states: Vec<String>,
}

impl StoredApplication {
    /// Makes the row of a new application.
    pub(super) fn of(application: &Application, new: &NewApplication) -> Self {
        Self {
            reference: new.reference.to_owned(),
            // PostgreSQL would round what is finer.
            received_at: new.received_at.truncate_to_microsecond(),
            suspicions: suspicions(new.spam_signs),
            is_suspected: new.spam_signs.is_suspected(),
            language: new.language.code().to_owned(),
            ..Self::answered(application)
        }
    }

    /// Makes a row with these answers, and nothing else of an application.
    pub(super) fn answered(application: &Application) -> Self {
        let answers = application.answers();
        let optional = |field| answers.one(field).map(str::to_owned);
        let required = |field| optional(field).unwrap_or_default();
        let spam_signs = SpamSigns::of(answers, None);
        Self {
            reference: String::new(),
            received_at: OffsetDateTime::UNIX_EPOCH,
            organization_name: required(F::OrganizationName),
            organization_name_latin: optional(F::OrganizationNameLatin),
            domain_name: application.domain_name().unicode().to_owned(),
            domain_name_ascii: application.domain_name().ascii().to_owned(),
            website: application.website().map(|website| website.as_str().to_owned()),
            country: application.country().code().to_owned(),
            registered: answers.is_yes(F::Registered),
            registration_note: required(F::RegistrationNote),
            kind_of_work: required(F::KindOfWork),
            statement: required(F::Statement),
            representative_name: required(F::RepresentativeName),
            representative_role: required(F::RepresentativeRole),
            representative_email: required(F::RepresentativeEmail),
            representative_phone: optional(F::RepresentativePhone),
            alternate_name: optional(F::AlternateName),
            alternate_email: optional(F::AlternateEmail),
            ncsg_status: required(F::NcsgStatus),
            icann_groups: optional(F::IcannGroups),
            not_eligible: answers.all(F::NotEligible).to_vec(),
            authorised: answers.is_yes(F::Authorised),
            authoriser: optional(F::Authoriser),
            publish: answers.is_yes(F::Publish),
            mailing_list: answers.is_yes(F::MailingList),
            suspicions: suspicions(&spam_signs),
            is_suspected: spam_signs.is_suspected(),
            review_state: ReviewState::Received.name().to_owned(),
            language: String::new(),
            states: Vec::new(),
        }
    }

    /// Returns the answers, in the form that the check page and the emails use.
    #[must_use]
    pub fn answers(&self) -> Answers {
        let mut answers = Answers::default();
        let yes = |is: bool| is.then(|| "yes".to_owned());
        for (field, answer) in [
            (F::OrganizationName, Some(self.organization_name.clone())),
            (F::OrganizationNameLatin, self.organization_name_latin.clone()),
            (F::DomainName, Some(self.domain_name.clone())),
            (F::Website, self.website.clone()),
            (F::Country, Some(self.country.clone())),
            (F::Registered, yes(self.registered).or_else(|| Some("no".to_owned()))),
            (F::RegistrationNote, Some(self.registration_note.clone())),
            (F::KindOfWork, Some(self.kind_of_work.clone())),
            (F::Statement, Some(self.statement.clone())),
            (F::RepresentativeName, Some(self.representative_name.clone())),
            (F::RepresentativeRole, Some(self.representative_role.clone())),
            (F::RepresentativeEmail, Some(self.representative_email.clone())),
            (F::RepresentativePhone, self.representative_phone.clone()),
            (F::AlternateName, self.alternate_name.clone()),
            (F::AlternateEmail, self.alternate_email.clone()),
            (F::NcsgStatus, Some(self.ncsg_status.clone())),
            (F::IcannGroups, self.icann_groups.clone()),
            (F::Authorised, yes(self.authorised)),
            (F::Authoriser, self.authoriser.clone()),
            (F::Publish, yes(self.publish)),
            (F::MailingList, yes(self.mailing_list)),
        ] {
            answers.set_one(field, answer);
        }
        answers.set(F::NotEligible, self.not_eligible.clone());
        answers
    }
}

fn suspicions(spam_signs: &SpamSigns) -> Vec<String> {
    spam_signs.names().iter().map(|name| (*name).to_owned()).collect()
}
